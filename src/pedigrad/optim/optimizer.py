"""Optimizer: parameter groups, state, and the one loop that every algorithm's update runs in.

An algorithm is a pure function `update(p, g, state, step, group)` over flat arrays that returns the new parameter and the new
state arrays. Small parameters of a group are updated together: their gradients and values are laid end to end, their
state lives end to end for good (each parameter's state tensors are views into it), and one call of the update serves them
all. Large parameters are updated alone, in blocks that fit the cache.
"""

from __future__ import annotations

import copy
import warnings
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import numpy as np

from ..graph import Handle, Leaf, note_writes
from ..modes import enable_grad
from ..origin import located
from ..tensor import Tensor, wrap

Array = np.ndarray[Any, Any]
SMALL = 1 << 14  # elements: parameters up to this size are updated together
BLOCK = 1 << 15  # elements of a large parameter that are updated at a time: all operands of a block fit the second-level cache


class _Required:
    def __repr__(self) -> str:
        return "<required parameter>"


required = _Required()


class Bucket:
    """Parameters that are updated in one call, with their state end to end."""

    __slots__ = ("fresh", "params", "shapes", "slices", "state", "step", "steps", "views")

    def __init__(self, params: list[Tensor]):
        self.params = params
        self.shapes = [p._array.shape for p in params]
        ends = np.cumsum([p._array.size for p in params]).tolist()
        self.slices = [slice(a, b) for a, b in zip([0, *ends], ends, strict=False)]
        self.fresh = True  # the algorithm has not run on these yet
        self.step = 0
        self.steps: Array = np.zeros(len(params), np.float32)
        self.state: tuple[Array, ...] = ()
        self.views: list[dict[str, Any]] = []

    def adopt(self, names: tuple[str, ...], states: list[dict[str, Any]], counts: bool) -> None:
        """Take over the state that the parameters have already, or start with none."""
        if counts and states[0]:
            self.step = int(states[0]["step"])
        if states[0] and (names[0] in states[0] if names else True) and states[0].get(names[0] if names else "step") is not None:
            self.fresh = False
            self.state = tuple(np.concatenate([s[name]._array.reshape(-1) for s in states]) for name in names)
        self.steps[:] = self.step

    def publish(self, names: tuple[str, ...], states: list[dict[str, Any]], counts: bool) -> None:
        """Let each parameter's state tensors be views of the arrays here."""
        for i, (state, where, shape) in enumerate(zip(states, self.slices, self.shapes, strict=True)):
            if counts:
                state["step"] = wrap(self.steps[i : i + 1].reshape(()))
            for name, flat in zip(names, self.state, strict=True):
                state[name] = wrap(flat[where].reshape(shape))
        self.views = [dict(state) for state in states]

    def is_current(self, states: list[Any]) -> bool:
        """Whether nobody has put other tensors into the state."""
        for state, view in zip(states, self.views, strict=True):
            for name, tensor in view.items():
                if state.get(name) is not tensor:
                    return False
        return True


class Optimizer:
    """Base of all optimizers. A subclass gives `update`, the names of its state, and checks its options.

    `params` is an iterable of tensors, of (name, tensor) pairs, or of dicts with `params` and options of their own.
    """

    counts: ClassVar[bool] = True  # the state has a `step`

    def __init__(self, params: Any, defaults: dict[str, Any]):
        if isinstance(params, Tensor):
            message = f"params argument given to the optimizer should be an iterable of Tensors or dicts, but got {params.type()}"  # type: ignore[attr-defined]
            raise TypeError(located(message))
        self.defaults = defaults
        self.state: defaultdict[Tensor, Any] = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        self._step_hooks: tuple[dict[int, Any], dict[int, Any]] = (OrderedDict(), OrderedDict())
        self._state_hooks: tuple[dict[int, Any], ...] = tuple(OrderedDict() for _ in range(4))
        self._buckets: dict[int, tuple[list[int], list[Bucket]]] = {}
        groups = list(params)
        if not groups:
            raise ValueError(located("optimizer got an empty parameter list"))
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    # What an algorithm gives

    @staticmethod
    def update(p: Array, g: Array, state: tuple[Array, ...] | None, step: int, group: dict[str, Any]) -> tuple[Array, tuple[Array, ...]]:
        """The new parameter and state; `state` is None the first time, `step` counts from 1."""
        raise NotImplementedError

    def state_names(self, group: dict[str, Any]) -> tuple[str, ...]:
        """The names of the state arrays, which have the shape of the parameter."""
        return ()

    # Groups

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a dict with `params` and options; the options left out take their defaults."""
        if not isinstance(param_group, dict):
            raise TypeError(located(f"param_group must be a dict, but got {type(param_group)}"))
        params = param_group["params"]
        if isinstance(params, set):
            raise TypeError(located("optimizer parameters need to be organized in ordered collections: sets have no order"))
        params = [params] if isinstance(params, Tensor) else list(params)
        if params and isinstance(params[0], tuple):
            param_group["param_names"] = [name for name, _ in params]
            params = [p for _, p in params]
        param_group["params"] = params
        for p in params:
            if not isinstance(p, Tensor):
                raise TypeError(located(f"optimizer can only optimize Tensors, but one of the params is {type(p).__name__}"))
            if not (p.is_leaf or p.retains_grad):
                raise ValueError(located("can't optimize a non-leaf Tensor"))
        for name, default in self.defaults.items():
            if default is required and name not in param_group:
                raise ValueError(located(f"parameter group didn't specify a value of required optimization parameter {name}"))
            param_group.setdefault(name, default)
        if len(set(map(id, params))) != len(params):
            warnings.warn("optimizer contains a parameter group with duplicate parameters", stacklevel=3)
        earlier = {id(p) for group in self.param_groups for p in group["params"]}
        if not earlier.isdisjoint(map(id, params)):
            raise ValueError(located("some parameters appear in more than one parameter group"))
        self.param_groups.append(param_group)

    def zero_grad(self, set_to_none: bool = False) -> None:
        """Zero every gradient; it costs nothing where the next backward overwrites it. `set_to_none` drops them instead."""
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none:
                    p.grad = None
                elif p._node.__class__ is Leaf:
                    p._node.zero()
                else:
                    p._zero_grad()

    # Steps

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient; `closure` reevaluates the loss first, which is returned."""
        before, after = self._step_hooks
        args, kwargs = (closure,), {}  # type: ignore[var-annotated]
        for hook in list(before.values()):
            changed = hook(self, args, kwargs)
            if changed is not None:
                args, kwargs = changed
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        for index, group in enumerate(self.param_groups):
            self.step_group(index, group)
        for hook in list(after.values()):
            hook(self, args, kwargs)
        return loss

    def step_group(self, index: int, group: dict[str, Any]) -> None:
        """Update the parameters of one group."""
        params, grads = [], []
        for p in group["params"]:
            grad = p.grad
            if grad is not None:
                params.append(p)
                grads.append(grad._array)
        if not params:
            return
        if isinstance(group["lr"], Tensor):
            group = {**group, "lr": float(group["lr"])}
        gradients = dict(zip(map(id, params), grads, strict=True))
        for bucket in self.buckets(index, group, params):
            bucket.step += 1
            bucket.steps += 1
            mine = [gradients[id(p)] for p in bucket.params]
            (self.step_together if len(mine) > 1 else self.step_alone)(bucket, mine, group)
            if bucket.fresh:
                bucket.fresh = False
                bucket.publish(self.state_names(group), [self.state[p] for p in bucket.params], self.counts)
        note_writes([p._array for p in params], f"{type(self).__name__}.step")

    def buckets(self, index: int, group: dict[str, Any], params: list[Tensor]) -> list[Bucket]:
        """The buckets of a group's parameters, made anew if these or their state are others than last time."""
        ids = list(map(id, params))
        known = self._buckets.get(index)
        if known is not None and known[0] == ids and all(b.is_current([self.state.get(p) for p in b.params]) for b in known[1]):
            return known[1]
        names = self.state_names(group)
        together: dict[Any, list[Tensor]] = {}
        for p in params:
            state = self.state[p]
            alone = p._array.size > SMALL
            has = bool(state) and state.get(names[0] if names else "step") is not None
            key = (p._array.dtype, int(state["step"]) if "step" in state else 0, has, id(p) if alone else None)
            together.setdefault(key, []).append(p)
        made = []
        for members in together.values():
            bucket = Bucket(members)
            states = [self.state[p] for p in members]
            bucket.adopt(names, states, self.counts)
            if not bucket.fresh:
                bucket.publish(names, states, self.counts)
            made.append(bucket)
        self._buckets[index] = (ids, made)
        return made

    def step_together(self, bucket: Bucket, grads: list[Array], group: dict[str, Any]) -> None:
        """One update of several small parameters, laid end to end."""
        p = np.concatenate([q._array.reshape(-1) for q in bucket.params])
        g = np.concatenate([each.reshape(-1) for each in grads])
        new, state = self.update(p, g, None if bucket.fresh else bucket.state, bucket.step, group)
        for q, where, shape in zip(bucket.params, bucket.slices, bucket.shapes, strict=True):
            q._array[...] = new[where].reshape(shape)
        if bucket.fresh:
            bucket.state = state
        else:
            for old, now in zip(bucket.state, state, strict=True):
                if old is not now:
                    np.copyto(old, now)

    def step_alone(self, bucket: Bucket, grads: list[Array], group: dict[str, Any]) -> None:
        """One update of one parameter, in blocks."""
        array, grad = bucket.params[0]._array, grads[0]
        if bucket.fresh and array.size > BLOCK:  # the first update tells what the state is: let it run on the whole
            new, bucket.state = self.update(array.reshape(-1), grad.reshape(-1), None, bucket.step, group)
            array[...] = new.reshape(array.shape)
            return
        flat = array.reshape(-1)
        g = grad.reshape(-1)
        for start in range(0, flat.size, BLOCK):
            where = slice(start, start + BLOCK)
            state = None if bucket.fresh else tuple(s[where] for s in bucket.state)
            new, now = self.update(flat[where], g[where], state, bucket.step, group)
            np.copyto(flat[where], new)
            if bucket.fresh:
                bucket.state = now
            else:
                for old, fresh in zip(state or (), now, strict=True):
                    if old is not fresh:
                        np.copyto(old, fresh)
        if not array.flags.c_contiguous:
            array[...] = flat.reshape(array.shape)

    # Hooks

    def register_step_pre_hook(self, hook: Any) -> Handle:
        """Call `hook(optimizer, args, kwargs)` before each step."""
        return Handle(self._step_hooks[0], hook)

    def register_step_post_hook(self, hook: Any) -> Handle:
        """Call `hook(optimizer, args, kwargs)` after each step."""
        return Handle(self._step_hooks[1], hook)

    def register_state_dict_pre_hook(self, hook: Any, prepend: bool = False) -> Handle:
        """Call `hook(optimizer)` before `state_dict`."""
        return Handle(self._state_hooks[0], hook)

    def register_state_dict_post_hook(self, hook: Any, prepend: bool = False) -> Handle:
        """Call `hook(optimizer, state_dict)` after `state_dict`; what it returns replaces the result."""
        return Handle(self._state_hooks[1], hook)

    def register_load_state_dict_pre_hook(self, hook: Any, prepend: bool = False) -> Handle:
        """Call `hook(optimizer, state_dict)` before `load_state_dict`; what it returns is loaded instead."""
        return Handle(self._state_hooks[2], hook)

    def register_load_state_dict_post_hook(self, hook: Any, prepend: bool = False) -> Handle:
        """Call `hook(optimizer)` after `load_state_dict`."""
        return Handle(self._state_hooks[3], hook)

    # State

    def state_dict(self) -> dict[str, Any]:
        """State and options with parameters as numbers, in the order they were given."""
        for hook in list(self._state_hooks[0].values()):
            hook(self)
        numbers: dict[int, int] = {}
        groups = []
        for group in self.param_groups:
            for p in group["params"]:
                numbers.setdefault(id(p), len(numbers))
            packed = {name: value for name, value in group.items() if name != "params"}
            groups.append({**packed, "params": [numbers[id(p)] for p in group["params"]]})
        state = {numbers.get(id(p), p): value for p, value in self.state.items()}
        result: dict[str, Any] = {"state": state, "param_groups": groups}
        for hook in list(self._state_hooks[1].values()):
            result = hook(self, result) or result
        return result

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` returned; ValueError if the groups differ in number or size."""
        state_dict = dict(state_dict)
        for hook in list(self._state_hooks[2].values()):
            state_dict = hook(self, state_dict) or state_dict
        saved = copy.deepcopy(state_dict["param_groups"])
        if len(saved) != len(self.param_groups):
            raise ValueError(located("loaded state dict has a different number of parameter groups"))
        for mine, theirs in zip(self.param_groups, saved, strict=True):
            if len(mine["params"]) != len(theirs["params"]):
                sizes = f"{len(theirs['params'])} parameters for a group of {len(mine['params'])}"
                raise ValueError(located(f"loaded state dict contains a parameter group that doesn't match the size of optimizer's group: {sizes}"))
        by_number = {
            n: p for mine, theirs in zip(self.param_groups, saved, strict=True) for n, p in zip(theirs["params"], mine["params"], strict=True)
        }
        self.state = defaultdict(dict)
        for number, value in state_dict["state"].items():
            p = by_number.get(number, number)
            self.state[p] = _loaded(value, p) if isinstance(p, Tensor) else copy.deepcopy(value)
        self.param_groups = [{**theirs, "params": mine["params"]} for mine, theirs in zip(self.param_groups, saved, strict=True)]
        self._buckets = {}
        for hook in list(self._state_hooks[3].values()):
            hook(self)

    def __getstate__(self) -> dict[str, Any]:
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._step_hooks = (OrderedDict(), OrderedDict())
        self._state_hooks = tuple(OrderedDict() for _ in range(4))
        self._buckets = {}

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {i}")
            lines += [f"    {name}: {group[name]}" for name in sorted(group) if name != "params"]
        return "\n".join([*lines, ")"])


def _loaded(value: Any, p: Tensor) -> Any:
    """Loaded state for parameter `p`: copied, and in its dtype but for `step`."""
    result = {}
    for name, item in value.items():
        if isinstance(item, Tensor):
            keep = name == "step" or not p.is_floating_point()
            result[name] = wrap(item._array.astype(item._array.dtype if keep else p._array.dtype))
        else:
            result[name] = copy.deepcopy(item)
    return result


def check(condition: bool, message: str) -> None:
    """ValueError with `message` unless `condition`."""
    if not condition:
        raise ValueError(located(message))


def descend(p: Array, g: Array, group: dict[str, Any]) -> Array:
    """The gradient as an algorithm uses it: its sign turned for `maximize`, the L2 penalty's gradient added."""
    if group["maximize"]:
        g = -g
    return g + group["weight_decay"] * p if group["weight_decay"] else g


def refuse(options: Iterable[tuple[str, Any]]) -> None:
    """NotImplementedError for options that PyTorch has and we do not."""
    for name, value in options:
        if value:
            raise NotImplementedError(located(f"the option {name}={value!r} of this optimizer is not supported"))
