"""Buckets: parameters that one call of an algorithm's update serves.

Small parameters of one group, dtype and step count are updated together. Their values and gradients are laid end to end for
the call, and their state lies end to end for good: each parameter's state tensors are views into it. Large parameters are
updated alone, in blocks that fit the cache. Where an algorithm keeps no state and can write to a parameter itself (`move`),
only many tiny ones are worth a bucket. A Plan is the buckets of one group, and knows what they were made from, since
users put other tensors into `param.data`, `optimizer.state` and `param_groups` whenever they like.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import is_
from typing import Any

import numpy as np

from ..core import dtypes
from ..core.origin import located
from ..core.tensor import Tensor, wrap
from ..eager import native
from .algorithm import Algorithm

Array = np.ndarray[Any, Any]
SMALL = 1 << 14  # elements: parameters up to this size are updated together
TINY = 1 << 10  # the same where they could also be moved in place
FEW = 8  # up to so many of these tiny ones are not worth a bucket
BLOCK = 1 << 16  # elements of a large parameter that are updated at a time: all operands of a block fit the second-level cache
PATIENCE = 8  # a group whose parameters with gradients have changed this often is no longer laid end to end


class Bucket:
    """Parameters that are updated in one call. They have the same dtype and the same numbers in their state."""

    __slots__ = ("arrays", "buffer", "names", "parts", "positions", "rows", "seen", "state", "states", "update", "values", "whole", "wide")

    def __init__(
        self, algorithm: Algorithm, positions: list[int], arrays: list[Array], states: list[dict[str, Any]], names: tuple[str, ...]
    ):
        self.update: Callable[..., Any] = algorithm.update
        self.positions = positions  # in the plan
        self.arrays = arrays
        self.states = states  # of each parameter, as the user sees them
        self.names = names  # of the arrays in the state
        self.whole = algorithm.whole
        dtype = arrays[0].dtype
        native = dtype.kind == "f" and dtype.itemsize > 2
        self.wide = None if native or dtype.kind == "c" or self.whole else np.dtype(np.float32)
        self.buffer: Array | None = None
        if len(arrays) > 1 or not (native or self.whole) or (arrays[0].size > BLOCK and not arrays[0].flags.c_contiguous):
            self.buffer = np.empty(sum(a.size for a in arrays), dtype)
            self.parts = self.views(self.buffer)
        self.adopt_numbers(algorithm.numbers)
        self.state: list[Array] | None = None
        if all(state.get(name) is not None for state in states for name in names):
            self.adopt([[state[name]._array for state in states] for name in names])

    # State

    def views(self, flat: Array) -> list[Array]:
        """One view of `flat` for each parameter, in its shape."""
        ends = np.cumsum([a.size for a in self.arrays]).tolist()
        return [flat[end - a.size : end].reshape(a.shape) for a, end in zip(self.arrays, ends, strict=True)]

    def adopt_numbers(self, names: tuple[str, ...]) -> None:
        """Let the numbers in the states, which are the same for each parameter, be views of one row each."""
        dtype = np.float64 if dtypes.get_default_dtype() is dtypes.float64 else np.float32
        self.rows = [np.array([float(state[name]) for state in self.states], dtype) for name in names]
        for name, row in zip(names, self.rows, strict=True):
            for i, state in enumerate(self.states):
                put(state, name, row[i : i + 1].reshape(()))
        self.see()

    def see(self) -> None:
        """Remember the numbers, so that others put there by the user are noticed."""
        self.seen = [row.tolist() for row in self.rows]
        self.values = [row[0] for row in self.seen[1:]]

    def adopt(self, arrays: list[list[Array]]) -> None:
        """Take over state arrays, one list of them for each name, and let the parameters' state tensors be views of what is kept."""
        kept = []
        for name, each in zip(self.names, arrays, strict=True):
            flat = self.laid_out(name, each)
            for state, view in zip(self.states, [flat] if self.buffer is None else self.views(flat), strict=True):
                put(state, name, view)
            kept.append(flat)
        real = f"f{self.arrays[0].dtype.itemsize // 2}"
        self.state = [flat.view(real) if flat.dtype.kind == "c" else flat for flat in kept]

    def laid_out(self, name: str, arrays: list[Array]) -> Array:
        """State arrays end to end; the array itself where there is one that can be kept."""
        for array, p in zip(arrays, self.arrays, strict=True):
            if array.shape != p.shape and not self.whole:
                sizes = f"{tuple(array.shape)}, the parameter has {tuple(p.shape)}"
                raise RuntimeError(located(f"the optimizer's state {name!r} has shape {sizes}: clear optimizer.state to begin anew"))
        dtype = self.arrays[0].dtype
        if self.buffer is not None:
            return np.concatenate(arrays, axis=None, dtype=dtype, casting="unsafe")
        return np.require(arrays[0], dtype, ["C", "W"]).reshape(arrays[0].shape)

    # A step

    def run(self, grads: list[Array], group: dict[str, Any], updates: native.Updates | None) -> None:
        """Move the parameters and their state on by one step, now or when `updates` are run."""
        count = 0
        if self.rows:
            count = int(self.seen[0][0]) + 1
            self.rows[0].fill(count)
        if self.buffer is not None:
            self.run_together(grads, group, count)
        elif self.state is None or self.whole or self.arrays[0].size <= BLOCK:
            self.arrays[0][...] = self.call(self.arrays[0], grads[0], self.state, group, count)
        elif self.values or updates is None or not updates.add(self.update, self.arrays[0], grads[0], self.state, count):
            self.run_in_blocks(grads[0], group, count)
        if self.rows:
            self.see()

    def call(self, p: Array, g: Array, kept: list[Array] | None, group: dict[str, Any], count: int) -> Array:
        """The new `p`; its state, `kept`, is overwritten with the new one."""
        if kept is None:
            new, state = self.update(p, g, None, count, group)
            dtype = self.arrays[0].dtype  # copies, since the update may give its operands back
            flats = [np.array(s).view(dtype) if dtype.kind == "c" else np.array(s, dtype) for s in state]
            self.adopt([[flat] if self.buffer is None else self.views(flat) for flat in flats])
            return new
        held = kept if self.wide is None else [s.astype(self.wide) for s in kept]
        new, state = self.update(p, g, (*self.values, *held), count, group)
        if self.values:
            for row, value in zip(self.rows[1:], state, strict=False):
                row.fill(value)
            state = state[len(self.values) :]
        for old, now in zip(kept, state, strict=True):
            np.copyto(old, now, "unsafe")
        return new

    def run_together(self, grads: list[Array], group: dict[str, Any], count: int) -> None:
        """One call for several parameters, or for one whose elements are computed with in another dtype."""
        p = np.concatenate(self.arrays, axis=None, dtype=self.wide, casting="unsafe")
        g = np.concatenate(grads, axis=None, dtype=self.wide, casting="unsafe")
        buffer: Array = self.buffer  # type: ignore[assignment]
        if p.dtype.kind == "c":
            real = f"f{p.dtype.itemsize // 2}"
            p, g, buffer = p.view(real), g.view(real), buffer.view(real)
        np.copyto(buffer, self.call(p, g, self.state, group, count), "unsafe")
        for array, part in zip(self.arrays, self.parts, strict=True):
            array[...] = part

    def run_in_blocks(self, grad: Array, group: dict[str, Any], count: int) -> None:
        """One call for each block of a large parameter."""
        p, g = self.arrays[0].reshape(-1), grad.reshape(-1)
        kept = [s.reshape(-1) for s in self.state or ()]
        for start in range(0, p.size, BLOCK):
            where = slice(start, start + BLOCK)
            p[where] = self.call(p[where], g[where], [s[where] for s in kept], group, count)


class Plan:
    """The buckets of one group, for those of its parameters that have gradients."""

    __slots__ = ("arrays", "buckets", "entries", "has_large", "held", "move", "moved", "names", "params", "rebuilt", "states")

    def __init__(self, algorithm: Algorithm, group: dict[str, Any], params: list[Tensor], rebuilt: int):
        self.params = params
        self.rebuilt = rebuilt  # how often
        self.arrays = [p._array for p in params]
        self.names = algorithm.state_names(group, params[0])
        has_state = bool(self.names or algorithm.numbers)
        self.states = [algorithm.begin_state(p, group) for p in params] if has_state else []
        self.move: Any = None if has_state else algorithm.move
        self.moved = self.movable()
        self.buckets = self.made(algorithm, group)
        self.has_large = any(bucket.arrays[0].size >= native.LARGE_UPDATE for bucket in self.buckets)
        self.look()

    def movable(self) -> list[int]:
        """The positions of the parameters that are moved in place: not those that are large enough for native code."""
        if self.move is None:
            return []
        sizes = {
            i: a.size for i, a in enumerate(self.arrays)
            if a.dtype.kind == "f" and a.dtype.itemsize > 2 and (a.size <= BLOCK or a.flags.c_contiguous) and a.size < native.LARGE_UPDATE
        }  # fmt: skip
        large = [i for i, size in sizes.items() if size > TINY]
        return list(sizes) if len(sizes) - len(large) <= FEW or self.rebuilt > PATIENCE else large

    def made(self, algorithm: Algorithm, group: dict[str, Any]) -> list[Bucket]:
        """The buckets; that of a parameter which is in the group twice is there twice too, since it takes two steps."""
        moved = set(self.moved)
        places: dict[int, list[int]] = {}
        for i, p in enumerate(self.params):
            if i not in moved:
                places.setdefault(id(p), []).append(i)
        together: dict[Any, list[int]] = {}
        for first, *again in places.values():
            array, state = self.arrays[first], self.states[first] if self.states else {}
            alone = array.size > SMALL or algorithm.whole or self.rebuilt > PATIENCE or again
            begins = any(state.get(name) is None for name in self.names)
            numbers = [float(state[name]) for name in algorithm.numbers]
            together.setdefault((array.dtype, begins, *numbers, first if alone else None), []).append(first)
        made = []
        for positions in together.values():
            p, arrays = self.params[positions[0]], [self.arrays[i] for i in positions]
            states = [self.states[i] for i in positions] if self.states else []
            bucket = Bucket(algorithm, positions, arrays, states, algorithm.state_names(group, p))
            made += [bucket] * len(places[id(p)])
        return made

    def look(self) -> None:
        """Remember what is in the states, so that anything else put there by the user is noticed."""
        self.entries = [entry for state in self.states for entry in state.values()]
        self.held = [entry._array if isinstance(entry, Tensor) else None for entry in self.entries]

    def fits(self, algorithm: Algorithm, group: dict[str, Any], params: list[Tensor]) -> bool:
        """Whether nothing has changed since the plan was made."""
        if len(params) != len(self.params) or not all(map(is_, params, self.params)):
            return False
        if not all(map(is_, [p._array for p in params], self.arrays)) or self.names != algorithm.state_names(group, params[0]):
            return False
        if not self.states:
            return True
        if not all(map(is_, map(algorithm.state.get, params), self.states)) or not self.holds():
            return False
        return all([row.tolist() for row in bucket.rows] == bucket.seen for bucket in self.buckets)

    def holds(self) -> bool:
        """Whether the states hold the same tensors, on the same arrays."""
        try:
            now = [entry._array for state in self.states for entry in state.values()]
        except AttributeError:  # the user keeps something else there too
            entries = [entry for state in self.states for entry in state.values()]
            if len(entries) != len(self.entries) or not all(map(is_, entries, self.entries)):
                return False
            now = [entry._array if isinstance(entry, Tensor) else None for entry in entries]
        return len(now) == len(self.held) and all(map(is_, now, self.held))

    def run(self, grads: list[Array], group: dict[str, Any]) -> None:
        """Move all parameters on by one step."""
        for i in self.moved:
            p, g = self.arrays[i], grads[i]
            if p.size <= BLOCK:
                self.move(p, g, group)
            else:
                self.move_in_blocks(p.reshape(-1), g.reshape(-1), group)
        began = False
        updates = native.Updates(group) if self.has_large else None
        try:
            for bucket in self.buckets:
                began = began or bucket.state is None
                bucket.run([grads[i] for i in bucket.positions], group, updates)
        finally:
            if updates is not None:
                updates.run()
        if began:
            self.look()

    def move_in_blocks(self, p: Array, g: Array, group: dict[str, Any]) -> None:
        """Move a large parameter on, block by block, so that what `move` computes on the way stays in the cache."""
        for start in range(0, p.size, BLOCK):
            where = slice(start, start + BLOCK)
            self.move(p[where], g[where], group)


def put(state: dict[str, Any], name: str, array: Array) -> None:
    """Let the state's tensor `name` be on `array`: the same tensor as before where there is one, since the user may hold it."""
    tensor = state.get(name)
    if isinstance(tensor, Tensor):
        tensor._array = array
    else:
        state[name] = wrap(array)
