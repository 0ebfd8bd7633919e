"""Schedules in which rate and momentum move against each other: cycles (Smith 2017) and one cycle (Smith and Topin 2018)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..options import check
from .schedule import LRScheduler, check_optimizer, for_groups, saved_function, set_option, warn_unless_stepping


class _WithMomentum(LRScheduler):
    """A schedule that sets the momentum too, or the first of Adam's `betas`."""

    cycle_momentum: bool
    use_beta1: bool

    def _take_momentums(self, low: Any, high: Any, last_epoch: int) -> tuple[list[Any], list[Any]]:
        """Write the momentums' bounds into the groups, and return them."""
        known = self.optimizer.defaults
        check("momentum" in known or "betas" in known, "optimizer must support momentum or beta1 with `cycle_momentum` option enabled")
        self.use_beta1 = "betas" in known
        lows = for_groups("base_momentum", self.optimizer, low)
        highs = for_groups("max_momentum", self.optimizer, high)
        if last_epoch == -1:
            for low, high, group in zip(lows, highs, self.optimizer.param_groups, strict=True):
                self._set_momentum(group, high)
                group["max_momentum"] = high
                group["base_momentum"] = low
        return lows, highs

    def _set_momentum(self, group: dict[str, Any], momentum: float) -> None:
        if self.use_beta1:
            group["betas"] = (momentum, *group["betas"][1:])
        else:
            group["momentum"] = momentum


class CyclicLR(_WithMomentum):
    """Up from `base_lr` to `max_lr` in `step_size_up` steps and down again in `step_size_down`, over and over.

    The height of a cycle is constant ("triangular"), halved each time ("triangular2") or times `gamma` at each step
    ("exp_range"); or what `scale_fn` gives, of the number of the cycle or, for `scale_mode="iterations"`, of the step.

    Smith 2017.

    Args:
        optimizer: the optimizer whose rates it sets.
        base_lr: the lowest rate, for all or for each group.
        max_lr: the highest.
        step_size_up: steps on the way up.
        step_size_down: steps on the way down; as many if it is left out.
        mode: "triangular", "triangular2" or "exp_range".
        gamma: the factor of "exp_range".
        scale_fn: a function instead of a mode.
        scale_mode: "cycle" or "iterations": what `scale_fn` is a function of.
        cycle_momentum: whether the momentum goes down and up meanwhile.
        base_momentum: its lowest value.
        max_momentum: its highest.
        last_epoch: the number of the epoch to go on after; -1 to begin.

    Raises:
        ValueError: there is no such mode, or the optimizer has no momentum to cycle.

    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    >>> scheduler = torch.optim.lr_scheduler.CyclicLR(optimizer, base_lr=0.1, max_lr=0.5, step_size_up=2, cycle_momentum=False)
    >>> rates = []
    >>> for _ in range(3):
    ...     rates.append(f"{optimizer.param_groups[0]['lr']:.3f}")
    ...     optimizer.step()
    ...     scheduler.step()
    ...
    >>> print(*rates)
    0.100 0.300 0.500
    """

    def __init__(
        self, optimizer: Any, base_lr: Any, max_lr: Any, step_size_up: int = 2000, step_size_down: int | None = None,
        mode: str = "triangular", gamma: float = 1.0, scale_fn: Callable[[float], float] | None = None, scale_mode: str = "cycle",
        cycle_momentum: bool = True, base_momentum: Any = 0.8, max_momentum: Any = 0.9, last_epoch: int = -1,
    ):  # fmt: skip
        check_optimizer(optimizer)
        self.optimizer = optimizer
        base_lrs = for_groups("base_lr", optimizer, base_lr)
        if last_epoch == -1:
            for rate, group in zip(base_lrs, optimizer.param_groups, strict=True):
                set_option(group, "lr", rate)
        self.max_lrs = for_groups("max_lr", optimizer, max_lr)
        up = float(step_size_up)
        self.total_size = up + (up if step_size_down is None else float(step_size_down))
        self.step_ratio = up / self.total_size
        known = mode in ("triangular", "triangular2", "exp_range")
        check(known or scale_fn is not None, "mode is invalid and scale_fn is None")
        self.mode = mode
        self.gamma = gamma
        self._scale_fn_custom = scale_fn
        self.scale_mode = scale_mode
        if scale_fn is None:
            self.scale_mode = "iterations" if mode == "exp_range" else "cycle"
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.base_momentums, self.max_momentums = self._take_momentums(base_momentum, max_momentum, last_epoch)
        super().__init__(optimizer, last_epoch)
        self.base_lrs = base_lrs

    def scale_fn(self, x: float) -> float:
        """The height of the cycle, as a part of the first's."""
        if self._scale_fn_custom is not None:
            return self._scale_fn_custom(x)
        if self.mode == "triangular":
            return 1.0
        return self.gamma**x if self.mode == "exp_range" else 2.0 ** (1 - x)

    def get_lr(self) -> list[Any]:
        warn_unless_stepping(self)
        cycles = self.last_epoch / self.total_size
        cycle = math.floor(1 + cycles)
        x = 1.0 + cycles - cycle
        part = x / self.step_ratio if x <= self.step_ratio else (x - 1) / (self.step_ratio - 1)
        scale = self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            for low, high, group in zip(self.base_momentums, self.max_momentums, self.optimizer.param_groups, strict=True):
                self._set_momentum(group, high - (high - low) * part * scale)
        return [low + (high - low) * part * scale for low, high in zip(self.base_lrs, self.max_lrs, strict=True)]

    def state_dict(self) -> dict[str, Any]:
        """All that it holds but the optimizer and `scale_fn`; of a callable object it has the attributes."""
        state = super().state_dict()
        del state["_scale_fn_custom"]  # the last entry, as in PyTorch
        return state | {"_scale_fn_custom": saved_function(self._scale_fn_custom)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` returned; `scale_fn` stays."""
        super().load_state_dict({name: value for name, value in state_dict.items() if name != "_scale_fn_custom"})
        if state_dict["_scale_fn_custom"] is not None:
            self._scale_fn_custom.__dict__.update(state_dict["_scale_fn_custom"])


class OneCycleLR(_WithMomentum):
    """Up from `max_lr / div_factor` to `max_lr` in `pct_start` of all steps, then down to the start's `final_div_factor`-th part.

    With `three_phase` it goes down to the start first, as long as it went up, and then on. `total_steps` is given, or is
    `epochs * steps_per_epoch`.

    Smith and Topin 2019.

    Args:
        optimizer: the optimizer whose rates it sets.
        max_lr: the highest rate, for all or for each group.
        total_steps: how many steps there are in all.
        epochs: how many epochs there are, if that is not given.
        steps_per_epoch: how many steps an epoch has.
        pct_start: the part of them on the way up.
        anneal_strategy: "cos" or "linear".
        cycle_momentum: whether the momentum goes down and up meanwhile.
        base_momentum: its lowest value.
        max_momentum: its highest.
        div_factor: what the first rate is smaller by.
        final_div_factor: what the last one is smaller by than the first.
        three_phase: whether there is a third phase.
        last_epoch: the number of the epoch to go on after; -1 to begin.

    Raises:
        ValueError: neither the number of steps nor that of epochs is given, or there are more steps.

    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    >>> scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1.0, total_steps=4, cycle_momentum=False)
    >>> rates = []
    >>> for _ in range(4):
    ...     rates.append(f"{optimizer.param_groups[0]['lr']:.3f}")
    ...     optimizer.step()
    ...     scheduler.step()
    ...
    >>> print(*rates)
    0.040 0.812 0.283 0.000
    """

    def __init__(
        self, optimizer: Any, max_lr: Any, total_steps: int | None = None, epochs: int | None = None,
        steps_per_epoch: int | None = None, pct_start: float = 0.3, anneal_strategy: str = "cos", cycle_momentum: bool = True,
        base_momentum: Any = 0.85, max_momentum: Any = 0.95, div_factor: float = 25.0, final_div_factor: float = 1e4,
        three_phase: bool = False, last_epoch: int = -1,
    ):  # fmt: skip
        check_optimizer(optimizer)
        self.optimizer = optimizer
        self.total_steps = number_of_steps(total_steps, epochs, steps_per_epoch)
        self._schedule_phases = phases(self.total_steps, pct_start, three_phase)
        fine = isinstance(pct_start, float) and 0 <= pct_start <= 1
        check(fine, f"Expected float between 0 and 1 pct_start, but got {pct_start}")
        known = anneal_strategy in ("cos", "linear")
        check(known, f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        self._anneal_func_type = anneal_strategy
        max_lrs = for_groups("max_lr", optimizer, max_lr)
        if last_epoch == -1:
            for rate, group in zip(max_lrs, optimizer.param_groups, strict=True):
                group["initial_lr"] = rate / div_factor
                group["max_lr"] = rate
                group["min_lr"] = group["initial_lr"] / final_div_factor
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self._take_momentums(base_momentum, max_momentum, last_epoch)
        super().__init__(optimizer, last_epoch)

    def _between(self, start: Any, end: Any, part: float) -> Any:
        if self._anneal_func_type == "linear":
            return (end - start) * part + start
        return end + (start - end) / 2.0 * (math.cos(math.pi * part) + 1)

    def get_lr(self) -> list[Any]:
        warn_unless_stepping(self)
        step = self.last_epoch
        check(step <= self.total_steps, f"Tried to step {step} times. The specified number of total steps is {self.total_steps}")
        start: float = 0
        for phase in self._schedule_phases:
            if step <= phase["end_step"]:
                break
            if phase is not self._schedule_phases[-1]:
                start = phase["end_step"]
        part = (step - start) / (phase["end_step"] - start)
        rates = []
        for group in self.optimizer.param_groups:
            rates.append(self._between(group[phase["start_lr"]], group[phase["end_lr"]], part))
            if self.cycle_momentum:
                self._set_momentum(group, self._between(group[phase["start_momentum"]], group[phase["end_momentum"]], part))
        return rates


def number_of_steps(total_steps: int | None, epochs: int | None, steps_per_epoch: int | None) -> int:
    """The number of steps of one cycle; ValueError if it is not given, or not a positive integer."""
    if total_steps is None:
        given = epochs is not None and steps_per_epoch is not None
        check(given, "You must define either total_steps OR (epochs AND steps_per_epoch)")
    for name, value in (("total_steps", total_steps), ("epochs", epochs), ("steps_per_epoch", steps_per_epoch)):
        if name == "total_steps" if total_steps is not None else name != "total_steps":
            check(isinstance(value, int) and value > 0, f"Expected positive integer {name}, but got {value}")
    return total_steps if total_steps is not None else epochs * steps_per_epoch  # type: ignore[operator]


def phases(total: int, rising: float, three: bool) -> list[dict[str, Any]]:
    """The last step of each phase, and the names of the options in the groups that it starts and ends with."""

    def phase(end: float, *names: str) -> dict[str, Any]:
        return {"end_step": end, **dict(zip(("start_lr", "end_lr", "start_momentum", "end_momentum"), names, strict=True))}

    up = phase(float(rising * total) - 1, "initial_lr", "max_lr", "max_momentum", "base_momentum")
    if not three:
        return [up, phase(total - 1, "max_lr", "min_lr", "base_momentum", "max_momentum")]
    down = phase(float(2 * rising * total) - 2, "max_lr", "initial_lr", "base_momentum", "max_momentum")
    return [up, down, phase(total - 1, "initial_lr", "min_lr", "max_momentum", "max_momentum")]
