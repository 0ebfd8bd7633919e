"""A schedule that follows a measured quantity."""

from __future__ import annotations

import math
from typing import Any

from ...core import watching
from ...core.origin import located
from ..options import check
from .schedule import LRScheduler, check_optimizer, in_groups, set_option, warn_of_epoch


class ReduceLROnPlateau(LRScheduler):
    """The rate times `factor` when the metric has not improved for more than `patience` epochs.

    Better is lower (`mode="min"`) or higher ("max") than the best so far by `threshold`, relative ("rel") or absolute ("abs").
    After a reduction `cooldown` epochs do not count. The rate does not fall below `min_lr`, nor change by less than `eps`.

    Args:
        optimizer: the optimizer whose rates it sets.
        mode: "min" or "max".
        factor: the factor.
        patience: how many epochs without progress are borne.
        threshold: what counts as progress.
        threshold_mode: "rel" or "abs".
        cooldown: how many epochs do not count after a reduction.
        min_lr: the smallest rate, for all or for each group.
        eps: the smallest change.

    Raises:
        ValueError: `factor` is not below 1.

    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    >>> scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0)
    >>> rates = []
    >>> for _ in range(3):
    ...     rates.append(f"{optimizer.param_groups[0]['lr']:.3f}")
    ...     optimizer.step()
    ...     scheduler.step(1.0)
    ...
    >>> print(*rates)
    1.000 1.000 0.100
    """

    def __init__(
        self, optimizer: Any, mode: str = "min", factor: float = 0.1, patience: int = 10, threshold: float = 1e-4,
        threshold_mode: str = "rel", cooldown: int = 0, min_lr: Any = 0, eps: float = 1e-8,
    ):  # fmt: skip
        check(factor < 1, "Factor should be < 1.0.")
        self.factor = factor
        check_optimizer(optimizer)
        self.optimizer = optimizer
        count = len(optimizer.param_groups)
        several = isinstance(min_lr, (list, tuple))
        self.default_min_lr = None if several else min_lr
        self.min_lrs = list(min_lr) if several else [min_lr] * count
        check(len(self.min_lrs) == count, f"expected {count} min_lrs, got {len(self.min_lrs)}")
        self.patience = patience
        self.cooldown = cooldown
        self.eps = eps
        self.last_epoch = 0
        self._last_lr = in_groups(optimizer, "lr")
        check(mode in ("min", "max"), f"mode {mode} is unknown!")
        check(threshold_mode in ("rel", "abs"), f"threshold mode {threshold_mode} is unknown!")
        self.mode_worse = math.inf if mode == "min" else -math.inf
        self.mode = mode
        self.threshold = threshold
        self.threshold_mode = threshold_mode
        self._reset()
        if watching.watcher is not None:
            watching.watcher.scheduler_made(self)

    def _reset(self) -> None:
        self.best = self.mode_worse
        self.cooldown_counter = 0
        self.num_bad_epochs = 0

    @property
    def in_cooldown(self) -> bool:
        """Whether a reduction was not long ago."""
        return self.cooldown_counter > 0

    def step(self, metrics: Any, epoch: int | None = None) -> None:  # type: ignore[override]
        """Take note of the metric of an epoch, and reduce the rates if it is time."""
        if watching.watcher is not None:
            watching.watcher.scheduler_steps(self)
        current = float(metrics)
        if epoch is not None:
            warn_of_epoch()
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        if self._is_better(current, self.best):
            self.best, self.num_bad_epochs = current, 0
        else:
            self.num_bad_epochs += 1
        if self.in_cooldown:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce_lr(self.last_epoch)
            self.cooldown_counter = self.cooldown
            self.num_bad_epochs = 0
        self._last_lr = in_groups(self.optimizer, "lr")

    def _is_better(self, a: float, best: float) -> bool:
        sign = -1 if self.mode == "min" else 1
        bound = best * (1 + sign * self.threshold) if self.threshold_mode == "rel" else best + sign * self.threshold
        return a < bound if self.mode == "min" else a > bound

    def _reduce_lr(self, epoch: int) -> None:
        groups = self.optimizer.param_groups
        if len(groups) != len(self.min_lrs):
            if self.default_min_lr is None:
                message = f"The number of param groups in the `optimizer` ({len(groups)}) differs from when `ReduceLROnPlateau` was"
                raise RuntimeError(located(f"{message} initialized ({len(self.min_lrs)}): set its `min_lrs` to one value a group"))
            self.min_lrs = [self.default_min_lr] * len(groups)
        for group, least in zip(groups, self.min_lrs, strict=True):
            old = float(group["lr"])
            new = max(old * self.factor, least)
            if old - new > self.eps:
                set_option(group, "lr", new)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` returned."""
        self.__dict__.update(state_dict)
        self.mode_worse = math.inf if self.mode == "min" else -math.inf
