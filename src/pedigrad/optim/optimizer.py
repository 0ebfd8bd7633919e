"""Optimizer: parameter groups, state, hooks, and the step that every algorithm's update runs in.

`algorithm.py` says what an algorithm is, `bucket.py` on which arrays its update is called.
"""

from __future__ import annotations

import copy
import functools
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, TypeAlias

import numpy as np

from ..core import modes, watching
from ..core.arrayless import NoArrayError
from ..core.graph import Handle, Leaf, note_writes
from ..core.modes import enable_grad
from ..core.origin import located, warn
from ..core.profiling import noted
from ..core.quiet import is_strict
from ..core.sparse import Coordinates
from ..core.tensor import Tensor, wrap
from .algorithm import Algorithm
from .bucket import Plan
from .options import number
from .recorded import recorded_step
from .written import _capturable_doc as _capturable_doc
from .written import _default_to_fused_or_foreach as _default_to_fused_or_foreach
from .written import _differentiable_doc as _differentiable_doc
from .written import _disable_dynamo_if_unsupported as _disable_dynamo_if_unsupported
from .written import _foreach_doc as _foreach_doc
from .written import _fused_doc as _fused_doc
from .written import _get_scalar_dtype as _get_scalar_dtype
from .written import _get_value as _get_value
from .written import _maximize_doc as _maximize_doc
from .written import _params_doc as _params_doc
from .written import _stack_if_compiling as _stack_if_compiling
from .written import _to_scalar as _to_scalar
from .written import _use_grad_for_differentiable as _use_grad_for_differentiable
from .written import _view_as_real as _view_as_real

Array = np.ndarray[Any, Any]
ParamsT: TypeAlias = Iterable[Tensor] | Iterable[dict[str, Any]] | Iterable[tuple[str, Tensor]]


class _Required:
    def __repr__(self) -> str:
        return "<required parameter>"


required = _Required()
_global_pre_hooks: dict[int, Any] = OrderedDict()
_global_post_hooks: dict[int, Any] = OrderedDict()


def register_optimizer_step_pre_hook(hook: Any) -> Handle:
    """Call `hook(optimizer, args, kwargs)` before each step of every optimizer."""
    return Handle(_global_pre_hooks, hook)


def register_optimizer_step_post_hook(hook: Any) -> Handle:
    """Call `hook(optimizer, args, kwargs)` after each step of every optimizer."""
    return Handle(_global_post_hooks, hook)


def hooked(step: Any) -> Any:
    """The method `step` with the hooks run around it, once even where a subclass's step calls its base's."""

    @functools.wraps(step)
    def stepped(self: Optimizer, *args: Any, **kwargs: Any) -> Any:
        if modes.special:
            return noted(f"Optimizer.step#{type(self).__name__}.step", functools.partial(watched, self, *args, **kwargs))
        return run(self, *args, **kwargs) if watching.watcher is None else watched(self, *args, **kwargs)

    def watched(self: Optimizer, *args: Any, **kwargs: Any) -> Any:
        if watching.watcher is not None:
            return watching.watcher.optimizer_steps(self, functools.partial(run, self, *args, **kwargs))
        return run(self, *args, **kwargs)

    def run(self: Optimizer, *args: Any, **kwargs: Any) -> Any:
        if "_optimizer_step_pre_hooks" not in self.__dict__:  # it wraps another optimizer, and never called the base's __init__
            return step(self, *args, **kwargs)
        before, after = self._optimizer_step_pre_hooks, self._optimizer_step_post_hooks
        if not (before or after or _global_pre_hooks or _global_post_hooks) or self._in_step:
            return step(self, *args, **kwargs)
        given: tuple[Any, ...] = (self, *args)
        self._in_step = True
        try:
            for hook in [*_global_pre_hooks.values(), *before.values()]:
                changed = hook(self, given, kwargs)
                if changed is not None:
                    if not (isinstance(changed, tuple) and len(changed) == 2):
                        message = f"{step} must return None or a tuple of (new_args, new_kwargs), but got {changed}."
                        raise RuntimeError(located(message))
                    given, kwargs = changed
            result = step(*given, **kwargs)
            for hook in [*after.values(), *_global_post_hooks.values()]:
                hook(self, given, kwargs)
        finally:
            self._in_step = False
        return result

    stepped.hooked = True  # type: ignore[attr-defined]
    return stepped


class Optimizer(Algorithm):
    """Base of all optimizers. A subclass gives `update`, the names of its state, and checks its options; or its own `step`.

    `params` is an iterable of tensors, of (name, tensor) pairs, or of dicts with `params` and options of their own.

    Args:
        params: parameters, (name, parameter) pairs, or groups: dicts with "params" and options of their own.
        defaults: the options of groups that do not give their own.
    """

    tensor_options: ClassVar[tuple[str, ...]] = ("lr",)  # options that may be tensors
    follows_from_the_rest = frozenset({"_plans"})  # attributes that are made anew where the others have changed
    _in_step = False

    def __init__(self, params: ParamsT, defaults: dict[str, Any]):
        if isinstance(params, Tensor):
            kind = params.type()  # type: ignore[attr-defined]
            message = f"params argument given to the optimizer should be an iterable of Tensors or dicts, but got {kind}"
            raise TypeError(located(message))
        self.defaults = defaults
        self.state = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        self._prepare()
        groups: list[Any] = list(params)
        if not groups:
            raise ValueError(located("optimizer got an empty parameter list"))
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)
        if watching.watcher is not None:
            watching.watcher.optimizer_made(self)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "update" in cls.__dict__ and "move" not in cls.__dict__:
            cls.move = None  # a base's says nothing about the new update
        if "step" in cls.__dict__:
            cls.step = hooked(cls.__dict__["step"])  # type: ignore[method-assign]

    def _prepare(self) -> None:
        """What is neither saved nor copied."""
        self._plans: dict[int, Plan] = {}
        for when in ("step_pre", "step_post", "state_dict_pre", "state_dict_post", "load_state_dict_pre", "load_state_dict_post"):
            self.__dict__.setdefault(f"_optimizer_{when}_hooks", OrderedDict())

    _optimizer_step_pre_hooks: dict[int, Any]
    _optimizer_step_post_hooks: dict[int, Any]
    _optimizer_state_dict_pre_hooks: dict[int, Any]
    _optimizer_state_dict_post_hooks: dict[int, Any]
    _optimizer_load_state_dict_pre_hooks: dict[int, Any]
    _optimizer_load_state_dict_post_hooks: dict[int, Any]

    # Groups

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a dict with `params` and options; the options left out take their defaults."""
        if not isinstance(param_group, dict):
            raise TypeError(located(f"param_group must be a dict, but got {type(param_group)}"))
        params = param_group["params"]
        if isinstance(params, set):
            raise TypeError(located("optimizer parameters need to be organized in ordered collections: sets have no order"))
        params = [params] if isinstance(params, Tensor) else list(params)
        names = [p[0] for p in params if isinstance(p, tuple)]
        params = [p[1] if isinstance(p, tuple) else p for p in params]
        if names and len(names) != len(params):
            raise ValueError(located("all optimizer params should be with/without names. Some param names are missing"))
        if names:
            param_group["param_names"] = names
        param_group["params"] = params
        for p in params:
            if not isinstance(p, Tensor):
                kind = f"{type(p).__module__}.{type(p).__qualname__}".removeprefix("builtins.")
                raise TypeError(located(f"optimizer can only optimize Tensors, but one of the params is {kind}"))
            if not (p.is_leaf or p.retains_grad):
                raise ValueError(located("can't optimize a non-leaf Tensor"))
        for name, default in self.defaults.items():
            if default is required and name not in param_group:
                raise ValueError(located(f"parameter group didn't specify a value of required optimization parameter {name}"))
            param_group.setdefault(name, default)
        if len(set(params)) != len(params):
            warn("optimizer contains a parameter group with duplicate parameters")
        earlier = {p for group in self.param_groups for p in group["params"]}
        if any(("param_names" in group) != ("param_names" in param_group) for group in self.param_groups):
            this = "with names" if "param_names" in param_group else "without names"
            message = f"all optimizer param groups should be with/without names. cannot add param group {this} to the optimizer"
            raise ValueError(located(message))
        if not earlier.isdisjoint(params):
            raise ValueError(located("some parameters appear in more than one parameter group"))
        self.param_groups.append(param_group)

    def zero_grad(self, set_to_none: bool = False) -> None:
        """Zero every gradient; it costs nothing where the next backward overwrites it. `set_to_none` drops them instead."""
        if modes.special:
            return noted(f"Optimizer.zero_grad#{type(self).__name__}.zero_grad", functools.partial(_zero, self.param_groups, set_to_none))
        return _zero(self.param_groups, set_to_none)

    # Steps

    @hooked
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient; `closure` reevaluates the loss first, which is returned."""
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        for index, group in enumerate(self.param_groups):
            self._step_group(index, group)
        return loss

    def _step_group(self, index: int, group: dict[str, Any]) -> None:
        """Update the parameters of one group."""
        params, grads, sparse = [], [], []
        for p in group["params"]:
            leaf = p._node
            grad = leaf.grad if leaf.__class__ is Leaf and not leaf.zeroed and not modes.special else p.grad
            if grad is not None:
                try:
                    grads.append(grad._array)
                except NoArrayError:
                    sparse.append((p, grad._held.coordinates()))
                else:
                    params.append(p)
        if sparse:
            self._step_along(sparse, group)
        if not params:
            if modes.special and modes.settings.recorder is not None:
                modes.settings.recorder.idle.append(group)
            return
        if modes.special and modes.settings.recorder is not None:
            return recorded_step(self, group, params, grads, modes.settings.recorder)
        for name in self.tensor_options:
            value = group[name]
            if value.__class__ is not float and number(value) is not value:
                group = {**group, name: number(value)}
        plan = self._plans.get(index)
        if plan is None or not plan.fits(self, group, params):
            plan = self._plans[index] = Plan(self, group, params, 0 if plan is None else plan.rebuilt + 1)
        if is_strict():
            with np.errstate(all="ignore"):
                plan.run(grads, group)
        else:
            plan.run(grads, group)
        note_writes(plan.arrays, f"{type(self).__name__}.step")

    def _step_along(self, sparse: list[tuple[Tensor, Coordinates]], group: dict[str, Any]) -> None:
        """Update the parameters whose gradients are sparse."""
        if modes.special and modes.settings.recorder is not None:
            modes.settings.recorder.refuse("sparse gradients are not compiled")
        options = {**group, **{name: number(group[name]) for name in self.tensor_options if name in group}}
        for p, g in sparse:
            self._step_sparse(p, g, options)
        note_writes([p._array for p, _ in sparse], f"{type(self).__name__}.step")

    def _step_sparse(self, p: Tensor, g: Coordinates, group: dict[str, Any]) -> None:
        """Update one parameter whose gradient is sparse; RuntimeError where the algorithm does not take such."""
        name = type(self).__name__
        name, hint = ("Adam", ", please consider SparseAdam instead") if name in ("Adam", "AdamW") else (name, "")
        raise RuntimeError(located(f"{name} does not support sparse gradients{hint}"))

    # Hooks

    def register_step_pre_hook(self, hook: Any) -> Handle:
        """Call `hook(optimizer, args, kwargs)` before each step; a pair of args and kwargs that it returns is used instead."""
        return Handle(self._optimizer_step_pre_hooks, hook)

    def register_step_post_hook(self, hook: Any) -> Handle:
        """Call `hook(optimizer, args, kwargs)` after each step."""
        return Handle(self._optimizer_step_post_hooks, hook)

    def register_state_dict_pre_hook(self, hook: Any, prepend: bool = False) -> Handle:
        """Call `hook(optimizer)` before `state_dict`."""
        return _register(self._optimizer_state_dict_pre_hooks, hook, prepend)

    def register_state_dict_post_hook(self, hook: Any, prepend: bool = False) -> Handle:
        """Call `hook(optimizer, state_dict)` after `state_dict`; what it returns replaces the result."""
        return _register(self._optimizer_state_dict_post_hooks, hook, prepend)

    def register_load_state_dict_pre_hook(self, hook: Any, prepend: bool = False) -> Handle:
        """Call `hook(optimizer, state_dict)` before `load_state_dict`; what it returns is loaded instead."""
        return _register(self._optimizer_load_state_dict_pre_hooks, hook, prepend)

    def register_load_state_dict_post_hook(self, hook: Any, prepend: bool = False) -> Handle:
        """Call `hook(optimizer)` after `load_state_dict`."""
        return _register(self._optimizer_load_state_dict_post_hooks, hook, prepend)

    # State

    def state_dict(self) -> dict[str, Any]:
        """State and options with parameters as numbers, in the order they were given."""
        for hook in list(self._optimizer_state_dict_pre_hooks.values()):
            hook(self)
        numbers: dict[int, int] = {}
        groups = []
        count = 0
        for group in self.param_groups:
            new = {id(p): count + i for i, p in enumerate(group["params"])}  # of one that is there twice the last counts
            numbers = new | numbers
            count += len(group["params"])
            packed = {name: value for name, value in group.items() if name != "params"}
            groups.append({**packed, "params": [numbers[id(p)] for p in group["params"]]})
        state = {numbers[id(p)] if isinstance(p, Tensor) else p: value for p, value in self.state.items()}
        result: dict[str, Any] = {"state": state, "param_groups": groups}
        for hook in list(self._optimizer_state_dict_post_hooks.values()):
            changed = hook(self, result)
            result = result if changed is None else changed
        return result

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` returned; ValueError if the groups differ in number or size."""
        state_dict = dict(state_dict)
        for hook in list(self._optimizer_load_state_dict_pre_hooks.values()):
            changed = hook(self, state_dict)
            state_dict = state_dict if changed is None else changed
        groups = copy.deepcopy(state_dict["param_groups"])
        if len(groups) != len(self.param_groups):
            raise ValueError(located("loaded state dict has a different number of parameter groups"))
        owner: dict[Any, tuple[Tensor, dict[str, Any]]] = {}
        for mine, theirs in zip(self.param_groups, groups, strict=True):
            if len(mine["params"]) != len(theirs["params"]):
                sizes = f"{len(theirs['params'])} parameters for a group of {len(mine['params'])}"
                raise ValueError(
                    located(f"loaded state dict contains a parameter group that doesn't match the size of optimizer's group: {sizes}")
                )
            owner |= {n: (p, theirs) for n, p in zip(theirs["params"], mine["params"], strict=True)}
        state: defaultdict[Any, Any] = defaultdict(dict)
        for key, value in state_dict["state"].items():
            if key in owner:
                p, group = owner[key]
                state[p] = _loaded(value, p, group)
            else:
                state[key] = value
        for mine, theirs in zip(self.param_groups, groups, strict=True):
            theirs["params"] = mine["params"]
            if "param_names" in mine:
                theirs.setdefault("param_names", mine["param_names"])
        self.__setstate__({"state": state, "param_groups": groups})
        for hook in list(self._optimizer_load_state_dict_post_hooks.values()):
            hook(self)

    def __getstate__(self) -> dict[str, Any]:
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over groups and state; options and tensors that older checkpoints lack are filled in."""
        self.__dict__.update(state)
        self._prepare()
        for group in self.param_groups:
            for name, default in self.defaults.items():
                if default is not required:
                    group.setdefault(name, default)
        for values in self.state.values():
            for name in self.numbers:
                if isinstance(values, dict) and isinstance(values.get(name), (int, float)):
                    values[name] = wrap(np.array(values[name], np.float32))

    def __repr__(self) -> str:
        text = f"{type(self).__name__} ("
        for i, group in enumerate(self.param_groups):
            lines = [f"    {name}: {group[name]}" for name in sorted(group) if name != "params"]
            text += "\n".join(["", f"Parameter Group {i}", *lines, ""])
        return text + ")"


def _zero(groups: list[dict[str, Any]], set_to_none: bool) -> None:
    for group in groups:
        for p in group["params"]:
            if set_to_none:
                p.grad = None
            elif p._node.__class__ is Leaf:
                p._node.zero()
            else:
                p._zero_grad()


def _register(hooks: Any, hook: Any, prepend: bool) -> Handle:
    handle = Handle(hooks, hook)
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


def _loaded(value: Any, p: Tensor, group: dict[str, Any], name: Any = None) -> Any:
    """A copy of loaded state of parameter `p`: tensors take its dtype, but for `step`."""
    if isinstance(value, Tensor):
        dtype = value._array.dtype
        if name == "step":
            dtype = np.dtype(np.float32) if group.get("capturable") or group.get("fused") else dtype
        elif p.is_floating_point():
            dtype = p._array.dtype
        return wrap(np.array(value._array, dtype))
    if isinstance(value, dict):
        return {key: _loaded(each, p, group, key) for key, each in value.items()}
    if isinstance(value, (list, tuple, set)):
        return type(value)(_loaded(each, p, group) for each in value)
    return value
