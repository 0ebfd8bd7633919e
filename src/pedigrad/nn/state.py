"""A module's state dict: saving parameters and buffers by name, and loading them again."""

import itertools
from collections import OrderedDict, namedtuple
from collections.abc import Mapping
from typing import Any

from ..core import modes, watching
from ..core.origin import warn
from ..core.tensor import Tensor
from .hooks import WithModule, add_hook
from .parameter import Parameter

EXTRA_STATE = "_extra_state"


class _IncompatibleKeys(namedtuple("IncompatibleKeys", ["missing_keys", "unexpected_keys"])):
    """Which names a state dict lacked and which it had too many; prints as success if there are none."""

    __slots__ = ()

    def __repr__(self):
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return super().__repr__()

    __str__ = __repr__


class Stateful:
    """The part of a module that saves and loads its state."""

    _version = 1
    _modules: Any
    _parameters: Any
    _buffers: Any
    _non_persistent_buffers_set: Any
    _state_dict_hooks: Any
    _state_dict_pre_hooks: Any
    _load_state_dict_pre_hooks: Any
    _load_state_dict_post_hooks: Any

    def get_extra_state(self):
        """What the state dict holds beside parameters and buffers; a module that has any overrides this."""
        raise RuntimeError(
            "Reached a code path in Module.get_extra_state() that should never be called. Override it"
            " together with set_extra_state() in the module that has extra state."
        )

    def set_extra_state(self, state):
        """Take back what `get_extra_state` returned; a module that overrides one overrides both."""
        raise RuntimeError(
            "Reached a code path in Module.set_extra_state() that should never be called. Override it"
            " together with get_extra_state() in the module that has extra state."
        )

    # Saving

    def state_dict(self, *args, destination=None, prefix="", keep_vars=False):
        """An ordered dictionary of all parameters and persistent buffers by their dotted names.

        The tensors share memory with the module and need no gradient; with `keep_vars` they are the
        parameters themselves. Entries go into `destination` if given, with `prefix` before each name.
        """
        if args:
            warn(
                "Positional args are being deprecated, use kwargs instead. Refer to https://pytorch.org/docs/main/"
                "generated/torch.nn.Module.html#torch.nn.Module.state_dict for details.",
                FutureWarning,
            )
            given = (*args, *(destination, prefix, keep_vars)[len(args) :])
            destination, prefix, keep_vars = given
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()
        local_metadata = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = local_metadata
        for hook in self._state_dict_pre_hooks.values():
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        for hook in self._state_dict_hooks.values():
            out = hook(self, destination, prefix, local_metadata)
            if getattr(hook, "_from_public_api", False):
                if out is not None:
                    raise RuntimeError("state_dict post-hook must return None")
            elif out is not None:
                destination = out
        return destination

    def _save_to_state_dict(self, destination, prefix, keep_vars):
        """Put this module's own entries, without its children's, into `destination`."""
        for name, tensor in self._own_state():
            destination[prefix + name] = tensor if keep_vars else tensor.detach()
        if type(self).get_extra_state is not Stateful.get_extra_state:
            destination[prefix + EXTRA_STATE] = self.get_extra_state()

    def _own_state(self):
        """(name, tensor) of the parameters and persistent buffers that are not None."""
        buffers = ((n, b) for n, b in self._buffers.items() if n not in self._non_persistent_buffers_set)
        return [(n, t) for n, t in itertools.chain(self._parameters.items(), buffers) if t is not None]

    def register_state_dict_pre_hook(self, hook):
        """The handle of `hook(module, prefix, keep_vars)`, run before the state dict is made."""
        return add_hook(self._state_dict_pre_hooks, hook)

    def register_state_dict_post_hook(self, hook):
        """The handle of `hook(module, state_dict, prefix, local_metadata)`, which may change the state."""
        hook._from_public_api = True
        return add_hook(self._state_dict_hooks, hook)

    def _register_state_dict_hook(self, hook):
        if getattr(hook, "_from_public_api", False):
            raise RuntimeError(
                "Cannot register the same function as the state dict post hook that was previously registered"
                " via register_state_dict_post_hook"
            )
        return add_hook(self._state_dict_hooks, hook)

    # Loading

    def load_state_dict(self, state_dict, strict=True, assign=False):
        """Copy a state dict into the module; returns (missing_keys, unexpected_keys).

        With `assign` the dictionary's tensors themselves take the place of the module's. RuntimeError lists
        all shapes that differ and, if `strict`, all names that are missing or unexpected.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        if watching.watcher is not None:
            watching.watcher.loading(self, state_dict, strict)
        metadata = getattr(state_dict, "_metadata", None)
        state_dict = OrderedDict(state_dict)
        if metadata is not None:
            state_dict._metadata = metadata
        missing_keys: list[str] = []
        unexpected_keys: list[str] = []
        error_msgs: list[str] = []

        def load(module, state_dict, prefix):
            local_metadata = {} if metadata is None else metadata.get(prefix[:-1], {})
            if assign:
                local_metadata["assign_to_params_buffers"] = True
            module._load_from_state_dict(state_dict, prefix, local_metadata, True, missing_keys, unexpected_keys, error_msgs)
            for name, child in module._modules.items():
                if child is not None:
                    inner = f"{prefix}{name}."
                    load(child, {k: v for k, v in state_dict.items() if k.startswith(inner)}, inner)
            incompatible = _IncompatibleKeys(missing_keys, unexpected_keys)
            for hook in module._load_state_dict_post_hooks.values():
                if hook(module, incompatible) is not None:
                    raise AssertionError(
                        "Hooks registered with ``register_load_state_dict_post_hook`` are not expected to"
                        " return new values, if incompatible_keys need to be modified, it should be done"
                        " inplace."
                    )

        load(self, state_dict, "")
        if strict:
            error_msgs = _key_errors(missing_keys, unexpected_keys) + error_msgs
        if error_msgs:
            listed = "\n\t".join(error_msgs)
            raise RuntimeError(f"Error(s) in loading state_dict for {type(self).__name__}:\n\t{listed}")
        return _IncompatibleKeys(missing_keys, unexpected_keys)

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs):
        """Load this module's own entries; a module that knows an older format overrides this."""
        for hook in self._load_state_dict_pre_hooks.values():
            hook(state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)
        own = dict(self._own_state())
        assign = local_metadata.get("assign_to_params_buffers", False)
        for name, tensor in own.items():
            key = prefix + name
            if key in state_dict:
                error = self._load_one(name, tensor, key, state_dict[key], assign)
                if error is not None:
                    error_msgs.append(error)
            elif strict:
                missing_keys.append(key)
        self._load_extra_state(state_dict, prefix + EXTRA_STATE, strict, missing_keys, unexpected_keys)
        if strict:
            unexpected_keys.extend(key for key in state_dict if self._is_unexpected(key, prefix, own))

    def _load_one(self, name, tensor, key, value, assign):
        """Load `value` into the entry `name`; returns what is wrong with it, None if nothing is."""
        if not isinstance(value, Tensor):
            return (
                f'While copying the parameter named "{key}", expected torch.Tensor or Tensor-like object from'
                f" checkpoint but received {type(value)}"
            )
        if tensor.dim() == 0 and tuple(value.shape) == (1,):  # scalars of old checkpoints
            value = value.reshape(())
        if tuple(value.shape) != tuple(tensor.shape):
            return (
                f"size mismatch for {key}: copying a param with shape {value.shape} from checkpoint,"
                f" the shape in current model is {tensor.shape}."
            )
        try:
            with modes.no_grad():
                if not assign:
                    tensor.copy_(value)
                elif not isinstance(tensor, Parameter):
                    setattr(self, name, value)
                elif isinstance(value, Parameter):
                    setattr(self, name, value.requires_grad_(tensor.requires_grad))
                else:
                    setattr(self, name, Parameter(value, requires_grad=tensor.requires_grad))
        except Exception as error:
            return (
                f'While copying the parameter named "{key}", whose dimensions in the model are'
                f" {tensor.size()} and whose dimensions in the checkpoint are {value.size()}, an exception"
                f" occurred : {error.args}."
            )
        return None

    def _load_extra_state(self, state_dict, key, strict, missing_keys, unexpected_keys):
        if type(self).set_extra_state is not Stateful.set_extra_state:
            if key in state_dict:
                self.set_extra_state(state_dict[key])
            elif strict:
                missing_keys.append(key)
        elif strict and key in state_dict:
            unexpected_keys.append(key)

    def _is_unexpected(self, key, prefix, own):
        if not key.startswith(prefix) or key == prefix + EXTRA_STATE:
            return False
        first, dot, _ = key[len(prefix) :].partition(".")
        return first not in (self._modules if dot else own)

    def register_load_state_dict_pre_hook(self, hook):
        """The handle of a hook that runs before a module's own entries are loaded.

        It is called as `hook(module, state_dict, prefix, local_metadata, strict, missing_keys,
        unexpected_keys, error_msgs)` and may change all of them in place.
        """
        return self._register_load_state_dict_pre_hook(hook, with_module=True)

    def _register_load_state_dict_pre_hook(self, hook, with_module=False):
        return add_hook(self._load_state_dict_pre_hooks, WithModule(hook, self) if with_module else hook)

    def register_load_state_dict_post_hook(self, hook):
        """The handle of `hook(module, incompatible_keys)`, run after a module and its children are loaded."""
        return add_hook(self._load_state_dict_post_hooks, hook)


def _key_errors(missing, unexpected):
    messages = []
    for title, keys in (("Missing", missing), ("Unexpected", unexpected)):
        if keys:
            quoted = ", ".join(f'"{key}"' for key in keys)
            messages.append(f"{title} key(s) in state_dict: {quoted}. ")
    return messages
