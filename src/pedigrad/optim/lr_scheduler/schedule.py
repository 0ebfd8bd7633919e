"""LRScheduler: what all schedules of learning rates have in common."""

from __future__ import annotations

import functools
import sys
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FunctionType
from typing import Any

from ...core import modes, watching
from ...core.origin import MARK, located, warn
from ...core.tensor import Tensor
from ..optimizer import Optimizer

WRAPPED = "_wrapped_by_lr_sched"  # PyTorch's mark of a `step` that tells whether it was called; other libraries look for it
LATE = "See https://pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate"


class LRScheduler:
    """Base of the schedules: each `step()` sets the learning rate of every parameter group.

    A subclass gives `get_lr`, the rates for `last_epoch`, computed from those in the groups; so schedules can be chained.
    Where there is a closed form too, `_get_closed_form_lr`, it is what `step(epoch)` uses.

    Args:
        optimizer: the optimizer whose rates it sets.
        last_epoch: the number of the epoch to go on after; -1 to begin.

    Raises:
        KeyError: it is to go on, and a group has no "initial_lr".
    """

    _get_lr_called_within_step = False
    _is_initial = False

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1):
        check_optimizer(optimizer)
        self.optimizer = optimizer
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", copied(group["lr"]))
            elif "initial_lr" not in group:
                message = f"param 'initial_lr' is not specified in param_groups[{i}] when resuming scheduler with last_epoch >= 0"
                raise KeyError(located(f"{message}: load the optimizer's state first"))
        self.base_lrs = in_groups(optimizer, "initial_lr")
        self.last_epoch = last_epoch
        watch(optimizer)
        self._initial_step()

    def _initial_step(self) -> None:
        self._step_count = 0
        with switched(self, "_is_initial"):
            self.step()

    def get_lr(self) -> list[Any]:
        """The rates for `last_epoch`, one for each group."""
        raise NotImplementedError

    def get_last_lr(self) -> list[Any]:
        """The rates that the last step set, one for each group."""
        return self._last_lr

    def step(self, epoch: int | None = None) -> None:
        """Go on to the next epoch (or to `epoch`, which is deprecated) and set the rates."""
        note_step(self, epoch)
        if self._step_count == 1:
            warn_of_order(self.optimizer)
        self._step_count += 1
        if epoch is not None:
            warn_of_epoch()
        self._update_lr(epoch)

    def _update_lr(self, epoch: int | None = None) -> None:
        with switched(self, "_get_lr_called_within_step"):
            if epoch is None:
                self.last_epoch += 1
                rates = self.get_lr()
            else:
                self.last_epoch = epoch
                rates = getattr(self, "_get_closed_form_lr", self.get_lr)()
        self._set(rates)

    def _set(self, rates: list[Any]) -> None:
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            set_option(group, "lr", rate)
        self._last_lr = in_groups(self.optimizer, "lr")

    def _kept(self) -> list[Any]:
        """The rates as they are."""
        return in_groups(self.optimizer, "lr")

    def _scaled(self, factor: float) -> list[Any]:
        """The rates times `factor`."""
        return [group["lr"] * factor for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """All that it holds but the optimizer."""
        return {name: value for name, value in self.__dict__.items() if name != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` returned."""
        self.__dict__.update(state_dict)


class _LRScheduler(LRScheduler):
    """The old name of LRScheduler."""


def check_optimizer(optimizer: Any) -> None:
    """TypeError unless it is one."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(located(f"{type(optimizer).__name__} is not an Optimizer"))


def watch(optimizer: Any) -> None:
    """Let `optimizer.step` leave a mark when it is called."""
    if hasattr(optimizer.step, WRAPPED):
        return
    function, own = optimizer.step.__func__, weakref.ref(optimizer)

    @functools.wraps(function)
    def step(*args: Any, **kwargs: Any) -> Any:
        this: Any = own()
        this._opt_called = True
        return function(this, *args, **kwargs)

    setattr(step, WRAPPED, True)
    optimizer.step = step


def note_step(scheduler: Any, epoch: Any = None) -> None:
    """Tell a watcher, and a recorder, that the user lets a schedule take a step: it takes one after each run of the program."""
    if watching.watcher is not None:
        watching.watcher.scheduler_steps(scheduler)
    recorder = modes.settings.recorder if modes.special else None
    frame = sys._getframe(2)
    if recorder is None or epoch is not None or MARK in frame.f_globals or MARK not in type(scheduler).step.__globals__:
        return  # none is recorded; that cannot be repeated; a schedule made of others, or of the user's making, which calls this one
    if any(isinstance(group["lr"], Tensor) for group in scheduler.optimizer.param_groups):
        recorder.refuse("a learning rate that is a tensor is scheduled within the function")
    recorder.schedules.append(scheduler)


@contextmanager
def switched(scheduler: LRScheduler, flag: str) -> Iterator[None]:
    """The flag is True meanwhile."""
    setattr(scheduler, flag, True)
    try:
        yield
    finally:
        setattr(scheduler, flag, False)


# Warnings: they point to the caller of the scheduler's method


def warn_of_order(optimizer: Any) -> None:
    if not hasattr(optimizer.step, WRAPPED):
        message = "Seems like `optimizer.step()` has been overridden after learning rate scheduler initialization."
        warn(f"{message} Call `optimizer.step()` before `lr_scheduler.step()`. {LATE}")
    elif not getattr(optimizer, "_opt_called", False):
        message = "Detected call of `lr_scheduler.step()` before `optimizer.step()`: the first value of the schedule is skipped."
        warn(f"{message} Call them in the opposite order. {LATE}")


def warn_of_epoch() -> None:
    message = "The epoch parameter in `scheduler.step()` is deprecated: call `scheduler.step()`"
    warn(f"{message}. With an epoch the closed form of the schedule is used where there is one.")


def warn_unless_stepping(scheduler: LRScheduler) -> None:
    """`get_lr` computes the next rates from those in the groups: outside of a step that is hardly what is meant."""
    if not scheduler._get_lr_called_within_step:
        warn("To get the last learning rate computed by the scheduler, please use `get_last_lr()`.")


# Options of groups


def copied(value: Any) -> Any:
    """The value; a copy if it is a tensor, since rates that are tensors are written in place."""
    return value.clone() if isinstance(value, Tensor) else value  # type: ignore[attr-defined]


def in_groups(optimizer: Any, name: str) -> list[Any]:
    """The option's value in each group."""
    return [copied(group[name]) for group in optimizer.param_groups]


def set_option(group: dict[str, Any], name: str, value: Any) -> None:
    """Set an option, in place where it is a tensor."""
    if isinstance(group[name], Tensor):
        group[name].fill_(value.item() if isinstance(value, Tensor) else value)
    else:
        group[name] = value


def for_groups(name: str, optimizer: Any, value: Any) -> list[Any]:
    """One value for each group, from one for all or a list; ValueError if the list has another length."""
    count = len(optimizer.param_groups)
    if not isinstance(value, (list, tuple)):
        return [copied(value) for _ in range(count)]
    if len(value) != count:
        sizes = f"{name} has {len(value)} values, param_groups has {count}."
        raise ValueError(located(f"{name} must have the same length as optimizer.param_groups. {sizes}"))
    return list(map(copied, value))


# Functions that users give


def saved_function(function: Callable[..., Any] | None) -> dict[str, Any] | None:
    """What a state dict holds of a function: the attributes of a callable object, None for a plain function."""
    return None if function is None or isinstance(function, FunctionType) else function.__dict__.copy()
