"""Averages of a model's parameters along its training (Izmailov et al. 2018), and the learning rate to go with them."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any

import numpy as np

from ..core import absent
from ..core.modes import no_grad
from ..core.tensor import Tensor, wrap
from ..nn.module import Module
from ..nn.normalization import _BatchNorm
from .lr_scheduler.schedule import LRScheduler, for_groups, warn_unless_stepping
from .options import check

__all__ = ["SWALR", "AveragedModel", "get_ema_avg_fn", "get_ema_multi_avg_fn", "get_swa_avg_fn", "get_swa_multi_avg_fn", "update_bn"]


def get_ema_avg_fn(decay: float = 0.999) -> Callable[..., Tensor]:
    """A function of average, current value and count that gives the exponential moving average, for one parameter."""
    check(0 <= decay <= 1, f"Invalid decay value {decay} provided. Please provide a value in [0,1] range.")

    @no_grad()
    def average(averaged: Any, current: Any, count: Any) -> Any:
        return averaged * decay + current * (1 - decay)

    return average


def get_swa_avg_fn() -> Callable[..., Tensor]:
    """A function of average, current value and count that gives the mean of all values, for one parameter."""

    @no_grad()
    def average(averaged: Any, current: Any, count: Any) -> Any:
        return averaged + (current - averaged) / (count + 1)

    return average


def get_ema_multi_avg_fn(decay: float = 0.999) -> Callable[..., None]:
    """As `get_ema_avg_fn`, for lists of averages and values; the averages are written in place."""
    return in_place(get_ema_avg_fn(decay))


def get_swa_multi_avg_fn() -> Callable[..., None]:
    """As `get_swa_avg_fn`, for lists of averages and values; the averages are written in place."""
    return in_place(get_swa_avg_fn())


def in_place(average: Callable[..., Any]) -> Callable[..., None]:
    """The function over lists that writes what `average` gives for their elements."""

    @no_grad()
    def update(averaged: Iterable[Any], current: Iterable[Any], count: Any) -> None:
        for old, new in zip(averaged, current, strict=True):
            old.copy_(average(old, new, count))

    return update


class AveragedModel(Module):
    """A copy of `model` whose parameters `update_parameters` moves to the average of those it has seen.

    The average is the mean; or what `avg_fn(averaged, current, count)` gives for each parameter; or what
    `multi_avg_fn(averaged, current, count)` writes into lists of them. With `use_buffers` buffers are averaged too, not copied.
    """

    def __init__(
        self, model: Any, device: Any = None, avg_fn: Callable[..., Any] | None = None, multi_avg_fn: Callable[..., Any] | None = None,
        use_buffers: bool = False,
    ):  # fmt: skip
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = copy.deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", wrap(np.array(0, np.int64)))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The averaged model's output."""
        return self.module(*args, **kwargs)

    def update_parameters(self, model: Any) -> None:
        """Take the parameters of `model` into the average; the first time they are copied."""
        averaged = [p.detach() for p in self._averaged(self.module)]
        current = [p.detach() for p in self._averaged(model)]
        if self.n_averaged == 0:
            for old, new in zip(averaged, current, strict=False):
                old.copy_(new)
        elif self.avg_fn is not None:
            in_place(self.avg_fn)(averaged, current, self.n_averaged)
        else:
            kinds: dict[Any, tuple[list[Any], list[Any]]] = {}
            for old, new in zip(averaged, current, strict=False):
                olds, news = kinds.setdefault(old.dtype, ([], []))
                olds.append(old)
                news.append(new)
            for olds, news in kinds.values():
                (self.multi_avg_fn or get_swa_multi_avg_fn())(olds, news, self.n_averaged)
        if not self.use_buffers:
            for old, new in zip(self.module.buffers(), model.buffers(), strict=True):
                old.detach().copy_(new.detach())
        self.n_averaged += 1

    def _averaged(self, model: Any) -> Iterable[Any]:
        return chain(model.parameters(), model.buffers()) if self.use_buffers else model.parameters()


@no_grad()
def update_bn(loader: Iterable[Any], model: Any, device: Any = None) -> None:
    """Compute the running statistics of batch norm layers anew, by running the model on the inputs of `loader`."""
    momenta = {module: module.momentum for module in model.modules() if isinstance(module, _BatchNorm)}
    if not momenta:
        return
    was_training = model.training
    model.train()
    for module in momenta:
        module.reset_running_stats()
        module.momentum = None  # the plain mean over the batches
    for inputs in loader:
        inputs = inputs[0] if isinstance(inputs, (list, tuple)) else inputs
        model(inputs if device is None else inputs.to(device))
    for module, momentum in momenta.items():
        module.momentum = momentum
    model.train(was_training)


class SWALR(LRScheduler):
    """From the rates at the start to `swa_lr` in `anneal_epochs`, along a cosine ("cos") or a line ("linear"), and constant then."""

    def __init__(self, optimizer: Any, swa_lr: Any, anneal_epochs: int = 10, anneal_strategy: str = "cos", last_epoch: int = -1):
        for rate, group in zip(for_groups("swa_lr", optimizer, swa_lr), optimizer.param_groups, strict=True):
            group["swa_lr"] = rate
        known = anneal_strategy in ("cos", "linear")
        check(known, f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        fine = isinstance(anneal_epochs, int) and anneal_epochs >= 0
        check(fine, f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        self._anneal_strategy = anneal_strategy
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def anneal_func(self, part: float) -> float:
        """How much of the way to `swa_lr` is done when this part of the epochs is over."""
        return part if self._anneal_strategy == "linear" else (1 - math.cos(math.pi * part)) / 2

    def get_lr(self) -> list[Any]:
        warn_unless_stepping(self)
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before, now = (self.anneal_func(max(0, min(1, s / max(1, self.anneal_epochs)))) for s in (step - 1, step))
        rates = []
        for group in self.optimizer.param_groups:
            end = group["swa_lr"]
            start = end if before == 1 else (group["lr"] - before * end) / (1 - before)
            rates.append(end * now + start * (1 - now))
        return rates


globals().update(absent.handlers(__name__))
