"""Module: an object whose parameters, buffers and children are found, converted, saved and shown by name.

What a module registers is an ordinary attribute as well (see `registry.py`), and calling a module without
hooks is one look at a dictionary and then its `forward`.
"""

from _thread import get_ident
from collections import OrderedDict

import numpy as np

from ..core import dtypes, handed, meta, modes, watching
from ..core.device import device as Device
from ..core.device import is_nowhere, require_cpu
from ..core.scope import entered, here, own_here
from ..core.tensor import Tensor, wrap
from ..core.traces import within
from .calling import call_with_hooks
from .hooks import Hooked, HookTable, hooks_seen, registered
from .members import Members
from .parameter import Buffer, Parameter
from .registry import KINDS, attach, registry, without_mirrors
from .state import Stateful

_CALL_HOOKS = ("_backward_pre_hooks", "_backward_hooks", "_forward_hooks", "_forward_pre_hooks")
_TABLES = dict.fromkeys(_CALL_HOOKS, HookTable) | dict.fromkeys(
    (
        "_forward_hooks_with_kwargs",
        "_forward_hooks_always_called",
        "_forward_pre_hooks_with_kwargs",
        "_state_dict_hooks",
        "_state_dict_pre_hooks",
        "_load_state_dict_pre_hooks",
        "_load_state_dict_post_hooks",
    ),
    OrderedDict,
)
_here = here.get
_SPECIAL = frozenset((*KINDS, *_CALL_HOOKS, "__dict__"))


class Module(Members, Hooked, Stateful):
    """The base of all layers and models: parameters, buffers and modules assigned to it are registered.

    A subclass calls `super().__init__()` first, assigns its layers, and defines `forward`.

    Args:
        args: arguments of further bases.
        kwargs: arguments of further bases.

    >>> class Scale(torch.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.factor = torch.nn.Parameter(torch.tensor(2.0))
    ...     def forward(self, x):
    ...         return self.factor * x
    ...
    >>> [name for name, _ in Scale().named_parameters()]
    ['factor']
    """

    dump_patches = False
    call_super_init = False
    training: bool

    def __init__(self, *args, **kwargs):
        if not self.call_super_init and (kwargs or args):
            name = type(self).__name__
            if kwargs:
                raise TypeError(f"{name}.__init__() got an unexpected keyword argument '{next(iter(kwargs))}'")
            raise TypeError(f"{name}.__init__() takes 1 positional argument but {len(args) + 1} were given")
        attributes = self.__dict__
        attributes["training"] = True
        attach(self, "_parameters", {})
        attach(self, "_buffers", {})
        attributes["_non_persistent_buffers_set"] = set()
        attributes["_is_full_backward_hook"] = None
        for name, table in _TABLES.items():
            attributes[name] = table()
        attach(self, "_modules", {})
        if self.call_super_init:
            super().__init__(*args, **kwargs)

    # Calling

    def forward(self, *input):
        """What the module computes; every subclass defines its own."""
        raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')

    def __call__(self, *args, **kwargs):
        where = _here()
        if where.thread != get_ident():
            where = own_here()
        caller = where.scope
        scope = self._modules.scope
        if scope is None or scope.outer is not caller:
            scope = self._modules.scope = entered(self, caller)
        where.scope = scope
        try:
            if hooks_seen:
                if (watcher := watching.watcher) is not None and watcher.hearing:
                    return watcher.module(self, args, kwargs, self._called)
                if self._is_hooked():
                    return call_with_hooks(self, args, kwargs)
            return self.forward(*args, **kwargs)
        except Exception as error:
            within(error, self)
            raise
        finally:
            where.scope = caller

    def _called(self, *args, **kwargs):
        """What a call gives where hooks may apply."""
        return call_with_hooks(self, args, kwargs) if self._is_hooked() else self.forward(*args, **kwargs)

    # Attributes

    def __getattr__(self, name):
        # Reached only where ordinary look-up failed: registered names are ordinary attributes.
        attributes = self.__dict__
        for kind in KINDS:
            entries = attributes.get(kind)
            if entries is not None and name in entries:
                return entries[name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'", name=name, obj=self)

    def __setattr__(self, name, value):
        if isinstance(value, Tensor):
            self._set_tensor(name, value)
        elif isinstance(value, Module):
            self._set_module(name, value)
        elif name in _SPECIAL:
            self._set_special(name, value)
        else:
            attributes = self.__dict__
            for kind in KINDS:
                if name in attributes.get(kind, ()):
                    if value is not None:
                        raise TypeError(_refusal(kind, name, value))
                    self._put(kind, name, None)
                    return
            super().__setattr__(name, value)

    def __delattr__(self, name):
        for kind in KINDS:
            entries = registry(self, kind)
            if entries is not None and name in entries:
                del entries[name]
                self._non_persistent_buffers_set.discard(name)
                return
        super().__delattr__(name)

    def _set_tensor(self, name, value):
        attributes = self.__dict__
        if isinstance(value, Parameter):
            if "_parameters" not in attributes:
                raise AttributeError("cannot assign parameters before Module.__init__() call")
            self._forget(name, but="_parameters")
            self.register_parameter(name, value)
        elif name in attributes.get("_parameters", ()):
            raise TypeError(_refusal("_parameters", name, value))
        elif name in attributes.get("_modules", ()):
            raise TypeError(_refusal("_modules", name, value))
        elif isinstance(value, Buffer):
            if "_buffers" not in attributes:
                raise AttributeError("cannot assign buffer before Module.__init__() call")
            self._forget(name, but="_buffers")
            self.register_buffer(name, value, value.persistent)
        elif name in attributes.get("_buffers", ()):
            self._put("_buffers", name, value)
        else:
            super().__setattr__(name, value)

    def _set_module(self, name, value):
        attributes = self.__dict__
        if name in attributes.get("_parameters", ()):
            raise TypeError(_refusal("_parameters", name, value))
        if "_modules" not in attributes:
            raise AttributeError("cannot assign module before Module.__init__() call")
        self._forget(name, but="_modules")
        self._put("_modules", name, value)

    def _set_special(self, name, value):
        if name in KINDS and isinstance(value, dict):
            attach(self, name, value)
            return
        super().__setattr__(name, value)
        if name == "__dict__":
            self._adopt()
        elif value:  # hooks put there without registering
            hooks_seen["any"] = True

    def _put(self, kind, name, value):
        if value is not None or kind != "_parameters":  # the hooks on parameters are not told of a None
            value = registered(kind, self, name, value)
        registry(self, kind)[name] = value

    def _forget(self, name, *, but):
        """Let `name` be neither a plain attribute nor anything registered, except of the kind `but`."""
        for kind in KINDS:
            if kind != but:
                registry(self, kind).pop(name, None)
        self._non_persistent_buffers_set.discard(name)
        if name not in self.__dict__[but]:
            self.__dict__.pop(name, None)

    def __dir__(self):
        names = {
            *dir(type(self)),
            *self.__dict__,
            *(name for kind in KINDS for name in self.__dict__.get(kind, ())),
        }
        return sorted(name for name in names if isinstance(name, str) and not name[:1].isdigit())

    # Registration

    def register_parameter(self, name, param):
        """Register `param`, a Parameter or None, under `name`."""
        if "_parameters" not in self.__dict__:
            raise AttributeError("cannot assign parameter before Module.__init__() call")
        self._check_name("parameter", "_parameters", name)
        if param is not None:
            if not isinstance(param, Parameter):
                raise TypeError(f"cannot assign '{typename(param)}' object to parameter '{name}' (torch.nn.Parameter or None required)")
            if param.grad_fn is not None:
                raise ValueError(
                    f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be created"
                    f" explicitly. To express '{name}' as a function of another Tensor, compute the value in"
                    " the forward() method."
                )
        self._put("_parameters", name, param)

    def register_buffer(self, name, tensor, persistent=True):
        """Register `tensor`, a Tensor or None, as state that is no parameter; saved if `persistent`."""
        if "_buffers" not in self.__dict__:
            raise AttributeError("cannot assign buffer before Module.__init__() call")
        self._check_name("buffer", "_buffers", name)
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(f"cannot assign '{typename(tensor)}' object to buffer '{name}' (torch Tensor or None required)")
        self._put("_buffers", name, tensor)
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def add_module(self, name, module):
        """Register `module`, a Module or None, as a child called `name`."""
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"{typename(module)} is not a Module subclass")
        if "_modules" not in self.__dict__:
            raise AttributeError("cannot assign module before Module.__init__() call")
        self._check_name("module", "_modules", name)
        self._put("_modules", name, module)

    def register_module(self, name, module):
        """The same as `add_module`."""
        self.add_module(name, module)

    def _check_name(self, what, kind, name):
        if not isinstance(name, str):
            raise TypeError(f"{what} name should be a string. Got {typename(name)}")
        if "." in name:
            got = f", got: {name}" if what == "module" else ""
            raise KeyError(f'{what} name can\'t contain "."{got}')
        if not name:
            raise KeyError(f'{what} name can\'t be empty string ""')
        if name not in self.__dict__[kind] and hasattr(self, name):
            raise KeyError(f"attribute '{name}' already exists")

    # Conversion

    def _apply(self, fn, recurse=True):
        """Replace the data of every parameter, gradient and buffer by `fn` of it; returns the module."""
        if recurse:
            for module in self.children():
                module._apply(fn)
        for param in self._parameters.values():
            if param is None:
                continue
            with modes.no_grad():
                for tensor in (param, param.grad):
                    if tensor is not None and (applied := fn(tensor)) is not tensor:
                        tensor.data = applied
        for name, buffer in self._buffers.items():
            if buffer is not None:
                registry(self, "_buffers")[name] = fn(buffer)
        return self

    def to(self, *args, **kwargs):
        """The module, with its floating point and complex state converted in place.

        Called as `to(dtype)`, `to(device, dtype)` or `to(tensor)`; devices are "cpu" and "meta".
        """
        device, dtype = _requested(args, kwargs)
        form = kwargs.get("memory_format")
        if form is not None:
            self._apply(lambda t: t.to(memory_format=form) if t.ndim in (4, 5) else t)
        if device is not None:
            self._apply(lambda t: t.to(device))
        if dtype is None:
            return self
        if not (dtype.is_floating_point or dtype.is_complex):
            raise TypeError(f"nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={dtype}")
        return self._apply(lambda t: t.to(dtype) if t.is_floating_point() or t.is_complex() else t)

    def type(self, dst_type):
        """The module, with all its state converted to `dst_type` in place."""
        return self._apply(lambda t: t.type(dst_type))

    def float(self):
        """The module, with its floating point state converted to float32 in place."""
        return self._apply(lambda t: t.float() if t.is_floating_point() else t)

    def double(self):
        """The module, with its floating point state converted to float64 in place."""
        return self._apply(lambda t: t.double() if t.is_floating_point() else t)

    def half(self):
        """The module, with its floating point state converted to float16 in place."""
        return self._apply(lambda t: t.half() if t.is_floating_point() else t)

    def bfloat16(self):
        """The module, with its floating point state converted to bfloat16 in place."""
        return self._apply(lambda t: t.bfloat16() if t.is_floating_point() else t)

    def cpu(self):
        """The module, which is on the CPU unless it has no memory."""
        return self._apply(lambda t: t.cpu())

    def cuda(self, device=None):
        """RuntimeError: there is no such device."""
        require_cpu(Device("cuda", None if device is None else Device(device).index))

    def to_empty(self, *, device, recurse=True):
        """The module, with new uninitialised memory for all its state."""
        like = meta.like if is_nowhere(device) else np.empty_like
        return self._apply(lambda t: wrap(like(t._array)), recurse=recurse)

    def share_memory(self):
        """The module itself, its parameters and buffers moved into memory that other processes can be handed."""
        return self._apply(lambda t: t.share_memory_())

    def compile(self, *args, **kwargs):
        """Have calls of this module run compiled programs of it, as `torch.compile` would make them."""
        self.__dict__.pop("forward", None)
        self.__dict__["forward"] = handed.compile(self.forward, *args, **kwargs)

    # Modes

    def train(self, mode=True):
        """The module, with itself and its descendants in training mode (with False, in evaluation mode)."""
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self):
        """The module, with itself and all its descendants in evaluation mode."""
        return self.train(False)

    def requires_grad_(self, requires_grad=True):
        """The module, whose parameters now need gradients or (with False) no longer do."""
        for param in self.parameters():
            param.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none=False):
        """Set the gradient of every parameter to zero, or with `set_to_none` to None."""
        for param in self.parameters():
            if set_to_none:
                param.grad = None
            else:
                param._zero_grad()

    # Showing and copying

    def _get_name(self):
        return type(self).__name__

    def extra_repr(self):
        """What `repr` shows of the module itself, beside its children."""
        return ""

    def __repr__(self):
        extra = self.extra_repr()
        lines = extra.split("\n") if extra else []
        children = [f"({name}): {_indented(repr(module))}" for name, module in self._modules.items()]
        if len(lines) == 1 and not children:
            return f"{self._get_name()}({extra})"
        if not lines and not children:
            return f"{self._get_name()}()"
        return f"{self._get_name()}(\n  " + "\n  ".join(lines + children) + "\n)"

    def __getstate__(self):
        state = without_mirrors(self.__dict__)
        if hasattr(state.get("forward"), "compiled"):  # a copy is not compiled, nor does it run the original
            del state["forward"]
        return state

    def __setstate__(self, state):
        self.__dict__.update(state)
        self._adopt()

    def _adopt(self):
        """Make what a copy or a pickle, maybe of an older version, put into `__dict__` this module's own."""
        attributes = self.__dict__
        for kind in KINDS:
            if kind in attributes:
                registry(self, kind)
        for name, table in _TABLES.items():
            if name not in attributes:
                attributes[name] = table()
            elif name in _CALL_HOOKS:
                if type(attributes[name]) is not HookTable:  # PyTorch's pickles have plain dictionaries
                    attributes[name] = HookTable(attributes[name])
                if attributes[name]:
                    hooks_seen["any"] = True
        attributes.setdefault("_non_persistent_buffers_set", set())
        attributes.setdefault("_is_full_backward_hook", None)


def _indented(text):
    return text.replace("\n", "\n  ")


_EXPECTED = {
    "_parameters": "parameter '{}' (torch.nn.Parameter or None expected)",
    "_modules": "child module '{}' (torch.nn.Module or None expected)",
    "_buffers": "buffer '{}' (torch.nn.Buffer, torch.Tensor or None expected)",
}


def _refusal(kind, name, value):
    return f"cannot assign '{typename(value)}' as {_EXPECTED[kind].format(name)}"


def typename(value):
    """The type of `value` as messages name it: `torch.FloatTensor` for tensors, else the class."""
    if isinstance(value, Tensor):
        return value.type()
    kind = type(value)
    module = kind.__module__
    return kind.__qualname__ if module in ("builtins", "__builtin__", None) else f"{module}.{kind.__qualname__}"


def _requested(args, kwargs):
    """The device and the dtype that the arguments of `to` ask for, None for the present ones."""
    known = ("device", "dtype", "tensor", "non_blocking", "copy", "memory_format")
    for name in kwargs:
        if name not in known:
            raise TypeError(f"to() got an unexpected keyword argument '{name}', expected some of {known}")
    device, dtype, tensor = (kwargs.get(name) for name in known[:3])
    if args and isinstance(args[0], Tensor):
        tensor = args[0]
    elif args and dtypes.is_argument(args[0]):
        dtype = args[0]
    elif args:
        device = args[0]
        if device is not None and not isinstance(device, (str, int, Device)):
            raise TypeError(f"to() expects a device, a dtype or a Tensor first, got {typename(device)}")
        if len(args) > 1:
            dtype = args[1]
    if tensor is not None:
        return tensor.device, tensor.dtype
    if device is not None:
        is_nowhere(device)
    return device, None if dtype is None else dtypes.of_argument(dtype)
