"""Who is told what a program does: a doctor, while there is one (`pedigrad.check()`).

Each gate (dispatch, public functions, module calls, the backward pass, optimizers, schedules, loaders, writes) looks at `watcher`, which
is None in an ordinary program. Operations are told of only while the watcher also gives dispatch a reason to take the long way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Watcher:
    """What is called at the gates; those that run something return what it returns."""

    looking = False  # whether single operations are to be told of
    hearing = True  # whether calls of modules are

    def operation(self, op: Any, operands: tuple[Any, ...], attributes: tuple[Any, ...], run: Callable[[], Any]) -> Any:
        """An operation on Tensors (or arrays)."""
        return run()

    def function(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], run: Callable[..., Any]) -> Any:
        """A public function that is made of several operations, or a method that lets values out."""
        return run(*args, **kwargs)

    def module(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any], run: Callable[..., Any]) -> Any:
        """The call of a module."""
        return run(*args, **kwargs)

    def registered(self, parameter: Any) -> None:
        """A parameter was put into a module."""

    def backward(self, tensors: Any, run: Any, go: Callable[[], None]) -> None:
        """A backward pass from `tensors`: what is pending in `run` is visited by `go`."""
        go()

    def gradients(self, node: Any, given: Any, gradients: Any) -> None:
        """A node's rules have made `gradients` of what was `given`."""

    def optimizer_made(self, optimizer: Any) -> None:
        """There is a new optimizer."""

    def optimizer_steps(self, optimizer: Any, run: Callable[[], Any]) -> Any:
        """The step of an optimizer; that of a subclass may take its base's within it."""
        return run()

    def scheduler_made(self, scheduler: Any) -> None:
        """There is a new schedule of learning rates that takes no step when it is made."""

    def scheduler_steps(self, scheduler: Any) -> None:
        """A schedule of learning rates is about to take a step."""

    def batch(self, iterator: Any, data: Any) -> None:
        """A loader has made a batch."""

    def loading(self, module: Any, state: Any, strict: bool) -> None:
        """A module is about to be loaded from a dictionary of tensors, which has to have all names and no others if `strict`."""

    def clipping(self, what: str, parameters: list[Any], limit: float) -> None:
        """Gradients are about to be clipped by a function, to a norm or a value."""

    def scaling(self, scaler: Any) -> None:
        """A `GradScaler` is about to scale a loss."""

    def cut(self, tensor: Any, what: str) -> None:
        """A value without history was taken of a tensor, by `what`."""

    def lent(self, tensor: Any, data: Any) -> None:
        """`tensor.data` was asked for, and is `data`."""

    def unseen_write(self, tensor: Any, what: str) -> None:
        """A tensor was written to in place so that its history does not know."""


watcher: Watcher | None = None
