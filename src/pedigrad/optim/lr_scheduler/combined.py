"""Schedules made of schedules: one after the other, or all at once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from ...core.origin import located
from ..options import check
from .plateau import ReduceLROnPlateau
from .schedule import LRScheduler, in_groups, note_step, set_option


class _Combined(LRScheduler):
    _schedulers: Sequence[LRScheduler]

    def _check(self, schedulers: Sequence[Any], optimizer: Any) -> None:
        """They must all be of this optimizer, and need nothing but `step()`."""
        name = type(self).__name__
        for i, each in enumerate(schedulers):
            if not hasattr(each, "optimizer"):
                raise TypeError(located(f"{name} at index {i} should have `optimizer` as its attribute."))
            plateau = isinstance(each, ReduceLROnPlateau)
            check(not plateau, f"{name} does not support `ReduceLROnPlateau`, whose `step` needs a metric, but got one at index {i}")
            wrong = f"{name} expects all schedulers to belong to the same optimizer, but got another at index {i}"
            check(optimizer is each.optimizer, wrong)

    def state_dict(self) -> dict[str, Any]:
        """All that it holds but the optimizer, with the state dicts of the schedules."""
        state = super().state_dict()
        del state["_schedulers"]  # the last entry, as in PyTorch
        return state | {"_schedulers": [each.state_dict() for each in self._schedulers]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` returned."""
        self.__dict__.update({name: value for name, value in state_dict.items() if name != "_schedulers"})
        for each, state in zip(self._schedulers, state_dict["_schedulers"], strict=True):
            each.load_state_dict(state)


class SequentialLR(_Combined):
    """One schedule after the other: the next begins at each of the epochs `milestones`.

    Args:
        optimizer: the optimizer whose rates it sets.
        schedulers: the schedules.
        milestones: one fewer.
        last_epoch: the number of the epoch to go on after; -1 to begin.

    Raises:
        ValueError: the numbers do not go together, or the schedules are of several optimizers.

    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    >>> schedules = torch.optim.lr_scheduler
    >>> parts = [schedules.ConstantLR(optimizer, 0.5, 9), schedules.ExponentialLR(optimizer, 0.1)]
    >>> scheduler = schedules.SequentialLR(optimizer, parts, milestones=[2])
    >>> rates = []
    >>> for _ in range(4):
    ...     rates.append(f"{optimizer.param_groups[0]['lr']:.3f}")
    ...     optimizer.step()
    ...     scheduler.step()
    ...
    >>> print(*rates)
    0.500 0.500 1.000 0.100
    """

    def __init__(self, optimizer: Any, schedulers: list[LRScheduler], milestones: list[int], last_epoch: int = -1):
        check(len(schedulers) > 0, f"{type(self).__name__} expects at least one scheduler, but got no scheduler.")
        self._check(schedulers, optimizer)
        sizes = f"{len(schedulers)} schedulers need {len(schedulers) - 1} milestones, but got {len(milestones)}"
        check(len(milestones) == len(schedulers) - 1, f"Sequential Schedulers: {sizes}")
        self._schedulers = schedulers
        self._milestones = milestones
        self.last_epoch = last_epoch + 1
        self.optimizer = optimizer
        # Making the schedules has set the rates, each from what the one before left, and taken their first steps: begin anew.
        for group in optimizer.param_groups:
            set_option(group, "lr", group["initial_lr"])
        undo_first_step(self)
        first = schedulers[bisect_right(milestones, 0)]
        first._initial_step()
        self._last_lr = first.get_last_lr()

    def step(self) -> None:  # type: ignore[override]
        """Let the schedule whose turn it is set the rates."""
        note_step(self)
        self.last_epoch += 1
        i = bisect_right(self._milestones, self.last_epoch)
        scheduler = self._schedulers[i]
        if i > 0 and self._milestones[i - 1] == self.last_epoch:
            scheduler._update_lr(0)
        else:
            scheduler.step()
        self._last_lr = scheduler.get_last_lr()


class ChainedScheduler(_Combined):
    """Several schedules that each change the rates at each step.

    Args:
        schedulers: the schedules.
        optimizer: their optimizer; the first one's if it is left out.

    Raises:
        ValueError: they are of several optimizers.

    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    >>> schedules = torch.optim.lr_scheduler
    >>> scheduler = schedules.ChainedScheduler([schedules.ConstantLR(optimizer, 0.5, 2), schedules.ExponentialLR(optimizer, 0.5)])
    >>> rates = []
    >>> for _ in range(3):
    ...     rates.append(f"{optimizer.param_groups[0]['lr']:.3f}")
    ...     optimizer.step()
    ...     scheduler.step()
    ...
    >>> print(*rates)
    0.500 0.250 0.250
    """

    def __init__(self, schedulers: Sequence[LRScheduler], optimizer: Any = None):
        check(len(schedulers) > 0, f"{type(self).__name__} expects at least one scheduler to be chained, but got no scheduler.")
        optimizer = optimizer or schedulers[0].optimizer
        self._check(schedulers, optimizer)
        self._schedulers = schedulers
        self.optimizer = optimizer
        self._last_lr = in_groups(optimizer, "lr")

    def step(self) -> None:  # type: ignore[override]
        """Let all of them set the rates, in turn."""
        note_step(self)
        for scheduler in self._schedulers:
            scheduler.step()
        self._last_lr = in_groups(self.optimizer, "lr")


def undo_first_step(scheduler: Any) -> None:
    """Set the epochs of all schedules within back by one."""
    if hasattr(scheduler, "_schedulers"):
        for each in scheduler._schedulers:
            undo_first_step(each)
    elif hasattr(scheduler, "last_epoch"):
        scheduler.last_epoch -= 1
