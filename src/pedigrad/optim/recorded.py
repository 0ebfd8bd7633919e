"""A step of an optimizer while a program is recorded: each parameter by itself, its options and counts as inputs."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.graph import note_writes
from ..core.tensor import Tensor, wrap
from .algorithm import Algorithm

Array = np.ndarray[Any, Any]


def recorded_step(algorithm: Algorithm, group: dict[str, Any], params: list[Tensor], grads: list[Array], recorder: Any) -> None:
    """Move the parameters of a group on by one step, run through `recorder`."""
    if any(group is each for schedule in recorder.schedules for each in schedule.optimizer.param_groups):
        recorder.refuse("an optimizer takes a step after its schedule did")
    for p, g in zip(params, grads, strict=True):
        if p._array.dtype.kind != "f" or p._array.dtype.itemsize < 4 or g.dtype != p._array.dtype:
            recorder.refuse(f"{type(algorithm).__name__} on {p.dtype} parameters is not compiled")
        state = algorithm.begin_state(p, group) if algorithm.numbers or algorithm.state_names(group, p) else {}
        put_in_rows(state)
        Move(algorithm, group, p, g, state, recorder).run()
    note_writes([p._array for p in params], f"{type(algorithm).__name__}.step")


def put_in_rows(state: dict[str, Any]) -> None:
    """Let each tensor of a parameter's state lie row by row, as steps run as usual lay it."""
    for value in state.values():
        if isinstance(value, Tensor) and not value._array.flags.c_contiguous:
            value._array = np.ascontiguousarray(value._array)


class Move:
    """One parameter's step."""

    def __init__(self, algorithm: Algorithm, group: dict[str, Any], p: Tensor, g: Array, state: dict[str, Any], recorder: Any):
        self.algorithm, self.group, self.p, self.g, self.state, self.recorder = algorithm, group, p, g, state, recorder
        self.names = algorithm.state_names(group, p)
        self.begins = not all(state.get(name) is not None for name in self.names)

    def run(self) -> None:
        """Compute the new values and put them where the old ones were."""
        algorithm, state, recorder = self.algorithm, self.state, self.recorder
        arrays = () if self.begins else tuple(state[name]._array for name in self.names)
        numbers = tuple(state[name]._array for name in algorithm.numbers)
        p, news, counts = recorder.run(self.compute, (self.p._array, self.g, arrays, numbers), f"{type(algorithm).__name__}.step")
        for array, new in zip((self.p._array, *numbers), (p, *counts), strict=True):
            self.put(array, new)
        if self.begins:
            for name, new in zip(self.names, news, strict=True):
                state[name] = wrap(recorder.run(in_rows, (np.asarray(new, self.p._array.dtype),)))
        else:
            for array, new in zip(arrays, news, strict=True):
                self.put(array, new)

    def put(self, array: Array, new: Any) -> None:
        np.copyto(array, new, "unsafe")
        self.recorder.write(array, new)

    def compute(self, p: Any, g: Any, arrays: Any, numbers: Any) -> Any:
        """The new parameter, state arrays and numbers, from arrays or traced arrays."""
        algorithm, traced = self.algorithm, hasattr(p, "_trace")
        options = {name: self.option(name, value) if traced else plain(value) for name, value in self.group.items() if name != "params"}
        held = [self.recorder.number(a) if traced else float(a) for a in numbers]
        count: Any = held[0] + 1 if held else 0
        state = None if self.begins and algorithm.begin(self.p._array, self.group) is None else (*held[1:], *arrays)
        new, state = algorithm.update(p, g, state, count, options)
        news = state[len(held[1:]) :]
        return new, tuple(news), tuple((count, *state[: len(held[1:])]) if held else ())

    def option(self, name: str, value: Any) -> Any:
        """An option of the group; floats and tensors are inputs of the program."""
        if isinstance(value, Tensor):
            return self.recorder.number(value._array)
        if isinstance(value, tuple) and all(isinstance(v, float) for v in value):
            return tuple(self.recorder.option(self.group, (name, i)) for i in range(len(value)))
        is_number = isinstance(value, float) or (name == "weight_decay" and type(value) is int)
        return self.recorder.option(self.group, name) if is_number else value


def in_rows(array: Any) -> Any:
    """A copy that lies row by row, as state does that is updated as usual."""
    return np.copy(array, order="C")


def plain(value: Any) -> Any:
    """An option as the update takes it."""
    if isinstance(value, Tensor):
        return value.item()
    return tuple(map(plain, value)) if isinstance(value, tuple) else value
