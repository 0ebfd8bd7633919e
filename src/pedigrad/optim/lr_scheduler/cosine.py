"""Schedules along half a cosine (Loshchilov and Hutter 2017), once or with restarts."""

from __future__ import annotations

import math
from typing import Any

from ..options import check
from .schedule import LRScheduler, note_step, switched, warn_unless_stepping


def height(part: float) -> float:
    """1 + cos of `part` of half a turn: from 2 to 0."""
    return 1 + math.cos(math.pi * part)


class CosineAnnealingLR(LRScheduler):
    """From the initial rate to `eta_min` and back, each way in `T_max` epochs.

    Loshchilov and Hutter 2017, without restarts.

    Args:
        optimizer: the optimizer whose rates it sets.
        T_max: half a period.
        eta_min: the smallest rate.
        last_epoch: the number of the epoch to go on after; -1 to begin.

    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    >>> scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=2)
    >>> rates = []
    >>> for _ in range(3):
    ...     rates.append(f"{optimizer.param_groups[0]['lr']:.3f}")
    ...     optimizer.step()
    ...     scheduler.step()
    ...
    >>> print(*rates)
    1.000 0.500 0.000
    """

    def __init__(self, optimizer: Any, T_max: int, eta_min: float = 0.0, last_epoch: int = -1):
        self.T_max = T_max
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        warn_unless_stepping(self)
        groups, least, half = self.optimizer.param_groups, self.eta_min, self.T_max
        if self._is_initial:
            return self._kept()
        if self._step_count == 1 and self.last_epoch > 0:
            return self._get_closed_form_lr()
        if (self.last_epoch - 1 - half) % (2 * half) == 0:  # the rate is at its lowest: there is nothing to multiply
            rise = (1 - math.cos(math.pi / half)) / 2
            return [group["lr"] + (base - least) * rise for base, group in zip(self.base_lrs, groups, strict=True)]
        factor = height(self.last_epoch / half) / height((self.last_epoch - 1) / half)
        return [(group["lr"] - least) * factor + least for group in groups]

    def _get_closed_form_lr(self) -> list[Any]:
        return [self.eta_min + (base - self.eta_min) * height(self.last_epoch / self.T_max) / 2 for base in self.base_lrs]


class CosineAnnealingWarmRestarts(LRScheduler):
    """From the initial rate to `eta_min`, again and again: first in `T_0` epochs, then each time in `T_mult` times as many.

    Loshchilov and Hutter 2017.

    Args:
        optimizer: the optimizer whose rates it sets.
        T_0: the first period.
        T_mult: how many times as long the next one is.
        eta_min: the smallest rate.
        last_epoch: the number of the epoch to go on after; -1 to begin.

    Raises:
        ValueError: `T_0` or `T_mult` is not a positive integer.

    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    >>> scheduler = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, T_0=2)
    >>> rates = []
    >>> for _ in range(3):
    ...     rates.append(f"{optimizer.param_groups[0]['lr']:.3f}")
    ...     optimizer.step()
    ...     scheduler.step()
    ...
    >>> print(*rates)
    1.000 0.500 1.000
    """

    def __init__(self, optimizer: Any, T_0: int, T_mult: int = 1, eta_min: float = 0.0, last_epoch: int = -1):
        check(isinstance(T_0, int) and T_0 > 0, f"Expected positive integer T_0, but got {T_0}")
        check(isinstance(T_mult, int) and T_mult >= 1, f"Expected integer T_mult >= 1, but got {T_mult}")
        check(isinstance(eta_min, (float, int)), f"Expected float or int eta_min, but got {eta_min} of type {type(eta_min)}")
        self.T_0 = T_0
        self.T_i = T_0
        self.T_mult = T_mult
        self.eta_min = eta_min
        self.T_cur: float = last_epoch
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        warn_unless_stepping(self)
        part = height(self.T_cur / self.T_i) / 2
        return [self.eta_min + (base - self.eta_min) * part for base in self.base_lrs]

    def step(self, epoch: float | None = None) -> None:
        """Go on to the next epoch, or to `epoch`, which may have a fraction."""
        note_step(self, epoch)
        if epoch is None and self.last_epoch < 0:
            epoch = 0
        if epoch is None:
            epoch = self.last_epoch + 1
            self.T_cur += 1
            if self.T_cur >= self.T_i:
                self.T_cur %= self.T_i
                self.T_i *= self.T_mult
        else:
            self._go_to(epoch)
        self.last_epoch = math.floor(epoch)
        with switched(self, "_get_lr_called_within_step"):
            rates = self.get_lr()
        self._set(rates)

    def _go_to(self, epoch: float) -> None:
        check(epoch >= 0, f"Expected non-negative epoch, but got {epoch}")
        if epoch < self.T_0:
            self.T_i, self.T_cur = self.T_0, epoch
        elif self.T_mult == 1:
            self.T_cur = epoch % self.T_0
        else:  # the cycles before the n-th have together T_0 * (T_mult**n - 1) / (T_mult - 1) epochs
            n = int(math.log(epoch / self.T_0 * (self.T_mult - 1) + 1, self.T_mult))
            self.T_cur = epoch - self.T_0 * (self.T_mult**n - 1) / (self.T_mult - 1)
            self.T_i = self.T_0 * self.T_mult**n
