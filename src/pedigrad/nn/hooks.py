"""Hook tables, the handles that remove hooks again, and the hooks that apply to every module."""

import itertools
import weakref
from collections import OrderedDict
from typing import Any, ClassVar

from ..core import watching

#: Empty until the first hook of any module is registered in this process, or a watcher told; `Module.__call__` looks here first.
hooks_seen: dict[str, bool] = {}


class HookTable(OrderedDict):
    """Hooks by the id of their handle, in the order in which they run."""

    def __setitem__(self, key, hook):
        super().__setitem__(key, hook)
        hooks_seen["any"] = True

    def __repr__(self):
        return repr(OrderedDict(self))


class RemovableHandle:
    """A hook's registration: `remove()`, or leaving a `with` block, takes the hook out again."""

    next_id: ClassVar[int] = 0

    def __init__(self, hooks_dict: Any, *, extra_dict: Any = None) -> None:
        self.hooks_dict_ref = weakref.ref(hooks_dict)
        extra = extra_dict if isinstance(extra_dict, list) else [] if extra_dict is None else [extra_dict]
        self.extra_dict_ref = tuple(weakref.ref(table) for table in extra)
        self.id = RemovableHandle.next_id
        RemovableHandle.next_id += 1

    def remove(self) -> None:
        """Take the hook out; a second call does nothing."""
        for ref in (self.hooks_dict_ref, *self.extra_dict_ref):
            table = ref()
            if table is not None:
                table.pop(self.id, None)

    def __enter__(self) -> "RemovableHandle":
        return self

    def __exit__(self, *exception: Any) -> None:
        self.remove()

    def __getstate__(self):
        return self.hooks_dict_ref(), self.id, tuple(ref() for ref in self.extra_dict_ref)

    def __setstate__(self, state):
        table, self.id, *extra = state
        # Whatever died before the pickle was written is replaced by an empty table: remove() finds nothing.
        self.hooks_dict_ref = weakref.ref(OrderedDict() if table is None else table)
        alive = [t for t in (extra[0] or () if extra else ()) if t is not None]
        self.extra_dict_ref = tuple(weakref.ref(t) for t in alive)
        RemovableHandle.next_id = max(RemovableHandle.next_id, self.id + 1)


def add_hook(table, hook, *, prepend=False, flags=()):
    """The handle of a hook newly put into `table`; each table in `flags` notes the hook's id too."""
    handle = RemovableHandle(table, extra_dict=list(flags))
    table[handle.id] = hook
    for flag in flags:
        flag[handle.id] = True
    if prepend:
        table.move_to_end(handle.id, last=False)
    return handle


class WithModule:
    """A hook that receives, before its arguments, the module it was registered on."""

    def __init__(self, hook, module):
        self.hook = hook
        self.module = weakref.ref(module)
        self.__name__ = getattr(hook, "__name__", type(hook).__name__)

    def __call__(self, *args, **kwargs):
        module = self.module()
        if module is None:
            raise RuntimeError(f"the module on which the hook {self.__name__} was registered no longer exists")
        return self.hook(module, *args, **kwargs)

    def __getstate__(self):
        return {"hook": self.hook, "with_module": True, "module": self.module()}

    def __setstate__(self, state):
        self.hook, module = state["hook"], state.get("module")
        self.__name__ = getattr(self.hook, "__name__", type(self.hook).__name__)
        if module is None:  # of PyTorch's pickles: the hook is not given the module
            hook, self.hook = self.hook, lambda module, *args, **kwargs: hook(*args, **kwargs)
            module = self
        self.module = weakref.ref(module)


# --- Hooks of every module

global_forward_hooks = HookTable()
global_forward_hooks_with_kwargs: dict[int, bool] = OrderedDict()
global_forward_hooks_always_called: dict[int, bool] = OrderedDict()
global_forward_pre_hooks = HookTable()
global_backward_hooks = HookTable()
global_backward_pre_hooks = HookTable()
global_registration_hooks: dict[str, OrderedDict] = {kind: OrderedDict() for kind in ("_parameters", "_buffers", "_modules")}
#: True once full backward hooks were chosen for every module, False for the old kind, None for neither.
global_backward_kind: dict[str, bool | None] = {"full": None}


def global_hooks():
    """Whether any hook applies to every module."""
    return bool(global_forward_hooks or global_forward_pre_hooks or global_backward_hooks or global_backward_pre_hooks)


def registered(kind, module, name, value):
    """The value to register under `name`, after the hooks on registration have seen it."""
    for hook in tuple(global_registration_hooks[kind].values()):
        out = hook(module, name, value)
        if out is not None:
            value = out
    if watching.watcher is not None and kind == "_parameters" and value is not None:
        watching.watcher.registered(value)
    return value


def register_module_buffer_registration_hook(hook):
    """The handle of `hook(module, name, buffer)`, run when a module registers a buffer."""
    return add_hook(global_registration_hooks["_buffers"], hook)


def register_module_module_registration_hook(hook):
    """The handle of `hook(module, name, submodule)`, run when a module registers a child."""
    return add_hook(global_registration_hooks["_modules"], hook)


def register_module_parameter_registration_hook(hook):
    """The handle of `hook(module, name, param)`, run when a module registers a parameter."""
    return add_hook(global_registration_hooks["_parameters"], hook)


def register_module_forward_pre_hook(hook):
    """The handle of `hook(module, args)`, run before the forward of every module."""
    return add_hook(global_forward_pre_hooks, hook)


def register_module_forward_hook(hook, *, with_kwargs=False, always_call=False):
    """The handle of `hook(module, args, output)`, run after the forward of every module.

    With `with_kwargs` it is `hook(module, args, kwargs, output)`; with `always_call` it runs even if the
    forward raises.
    """
    flags = []
    if with_kwargs:
        flags.append(global_forward_hooks_with_kwargs)
    if always_call:
        flags.append(global_forward_hooks_always_called)
    return add_hook(global_forward_hooks, hook, flags=flags)


def register_module_backward_hook(hook):
    """The handle of a backward hook of the old kind for every module; prefer the full kind."""
    if global_backward_kind["full"] is True:
        raise RuntimeError(
            "Cannot use both regular backward hooks and full backward hooks as a global Module hook. Please use only one of them."
        )
    global_backward_kind["full"] = False
    return add_hook(global_backward_hooks, hook)


def register_module_full_backward_pre_hook(hook):
    """The handle of `hook(module, grad_output)`, run before the backward of every module."""
    return add_hook(global_backward_pre_hooks, hook)


def register_module_full_backward_hook(hook):
    """The handle of `hook(module, grad_input, grad_output)`, run after the backward of every module."""
    if global_backward_kind["full"] is False:
        raise RuntimeError(
            "Cannot use both regular backward hooks and full backward hooks as a global Module hook. Please use only one of them."
        )
    global_backward_kind["full"] = True
    return add_hook(global_backward_hooks, hook)


# --- Hooks of one module


class Hooked:
    """The part of a module that registers hooks on its call and on its gradients."""

    _forward_hooks: Any
    _forward_hooks_always_called: Any
    _forward_hooks_with_kwargs: Any
    _forward_pre_hooks: Any
    _forward_pre_hooks_with_kwargs: Any
    _backward_hooks: Any
    _backward_pre_hooks: Any
    _is_full_backward_hook: bool | None

    def register_forward_pre_hook(self, hook, *, prepend=False, with_kwargs=False):
        """The handle of `hook(module, args)`, run before `forward`; what it returns replaces the arguments.

        With `with_kwargs` it is `hook(module, args, kwargs)` and returns both. `prepend` puts it before the
        hooks that are already there.
        """
        flags = [self._forward_pre_hooks_with_kwargs] if with_kwargs else []
        return add_hook(self._forward_pre_hooks, hook, prepend=prepend, flags=flags)

    def register_forward_hook(self, hook, *, prepend=False, with_kwargs=False, always_call=False):
        """The handle of `hook(module, args, output)`, run after `forward`; what it returns replaces `output`.

        With `with_kwargs` it is `hook(module, args, kwargs, output)`; with `always_call` it runs even if
        `forward` raises. `prepend` puts it before the hooks that are already there.
        """
        flags = [self._forward_hooks_with_kwargs] if with_kwargs else []
        if always_call:
            flags.append(self._forward_hooks_always_called)
        return add_hook(self._forward_hooks, hook, prepend=prepend, flags=flags)

    def register_full_backward_pre_hook(self, hook, prepend=False):
        """The handle of `hook(module, grad_output)`, run before the module's backward; may return another."""
        return add_hook(self._backward_pre_hooks, hook, prepend=prepend)

    def register_full_backward_hook(self, hook, prepend=False):
        """The handle of `hook(module, grad_input, grad_output)`, run when the inputs' gradients are known.

        What it returns replaces `grad_input` in the rest of the backward pass.
        """
        self._choose_backward_kind(full=True)
        return add_hook(self._backward_hooks, hook, prepend=prepend)

    def register_backward_hook(self, hook):
        """The handle of a backward hook of the old kind, which sees the last operation only."""
        self._choose_backward_kind(full=False)
        return add_hook(self._backward_hooks, hook)

    def _choose_backward_kind(self, *, full):
        if self._is_full_backward_hook is (not full):
            raise RuntimeError(
                "Cannot use both regular backward hooks and full backward hooks on a single Module. Please use only one of them."
            )
        self._is_full_backward_hook = full

    def _is_hooked(self):
        return bool(self._forward_hooks or self._forward_pre_hooks or self._backward_hooks or self._backward_pre_hooks or global_hooks())


def backward_hooks(module):
    """The full backward hooks, those of the old kind, and the pre-hooks that apply to this module."""
    full: list[Any] = []
    old: list[Any] = []
    everyone = global_backward_kind["full"]
    if everyone is not None:
        (full if everyone else old).extend(global_backward_hooks.values())
    own = module._is_full_backward_hook
    if own is not None:
        (full if own else old).extend(module._backward_hooks.values())
    before = list(itertools.chain(global_backward_pre_hooks.values(), module._backward_pre_hooks.values()))
    return full, old, before
