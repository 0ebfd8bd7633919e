"""What `compile` would give: a copy of a model is run on its last input, as it is and compiled."""

from __future__ import annotations

import copy
import time
import warnings
from collections.abc import Callable
from importlib import import_module
from typing import Any

from ..core.modes import enable_grad
from ..core.tensor import Tensor
from ..rng.generator import default_generator
from .program import Model, tensors_in

ENOUGH = 0.1  # seconds that are measured


def gain_of(model: Model, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """A sentence on how much faster a model is compiled, or why that could not be measured."""
    state = default_generator.state_array()
    try:
        with warnings.catch_warnings(action="ignore"):
            compile = import_module("..capture", __package__).compile
            plain, made = (measured(model, args, kwargs, prepare) for prepare in (lambda module: module, compile))
    except Exception as error:  # whatever a user's module does when it is copied or compiled: it is told
        return f" What torch.compile would give could not be measured: {type(error).__name__}: {str(error).partition(chr(10))[0]}"
    finally:
        default_generator.set_state(state)
    times = f"{made * 1e3:.2f} instead of {plain * 1e3:.2f} ms, measured on its last input"
    if plain < 1.1 * made:
        return f" torch.compile({model.name}) alone would not help: forward and backward take {times}."
    return f" torch.compile({model.name}) makes its forward and backward {plain / made:.1f} times as fast ({times})."


def measured(model: Model, args: tuple[Any, ...], kwargs: dict[str, Any], prepare: Callable[[Any], Any]) -> float:
    """Seconds that a forward and backward pass of a copy of the model takes once it is prepared."""
    module = copy.deepcopy(model.module)
    args, kwargs = copy.deepcopy((args, kwargs))
    run = prepare(module)

    def step() -> None:
        with enable_grad():
            out: Tensor = next(tensors_in(run(*args, **kwargs)))
            if out.requires_grad:
                out.sum().backward()  # type: ignore[attr-defined]

    for _ in range(4):
        step()
    best, began = float("inf"), time.perf_counter()
    while time.perf_counter() < began + ENOUGH:
        start = time.perf_counter()
        step()
        best = min(best, time.perf_counter() - start)
    return best
