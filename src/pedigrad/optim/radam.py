"""RAdam."""

from __future__ import annotations

from typing import Any

import numpy as np

from .optimizer import Optimizer
from .options import check, check_betas, check_implementation, check_lr, decay


class RAdam(Optimizer):
    """RAdam (Liu et al. 2020, algorithm 2): Adam that adapts only once the variance of the adaptive rate is tractable.

    Args:
        params: parameters, (name, parameter) pairs, or groups: dicts with "params" and options of their own.
        lr: the size of a step.
        betas: the factors of the running means of the gradient and of its square.
        eps: what is added to the root that is divided by.
        weight_decay: this times the parameter is added to its gradient.
        decoupled_weight_decay: whether the decay is taken off the parameter instead, as in `AdamW`.
        foreach: ignored: there is one implementation.
        maximize: whether to go up instead of down.
        capturable: ignored: steps are not captured.
        differentiable: False; True is refused, as steps are not recorded.

    Raises:
        ValueError: an option is out of its range, or there are no parameters.

    >>> w = torch.nn.Parameter(torch.ones(1))
    >>> optimizer = torch.optim.RAdam([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.item() < 1
    True
    """

    def __init__(
        self, params: Any, lr: Any = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0,
        decoupled_weight_decay: bool = False, *, foreach: bool | None = None, maximize: bool = False, capturable: bool = False,
        differentiable: bool = False,
    ):  # fmt: skip
        check_lr(lr)
        check(eps >= 0, f"Invalid epsilon value: {eps}")
        check_betas(betas)
        check(weight_decay >= 0, f"Invalid weight_decay value: {weight_decay}")
        check_implementation(differentiable)
        options = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "maximize": maximize, "foreach": foreach}
        options |= {"capturable": capturable, "decoupled_weight_decay": decoupled_weight_decay}
        super().__init__(params, {**options, "differentiable": differentiable})

    def state_names(self, group: dict[str, Any], p: Any) -> tuple[str, ...]:
        return ("exp_avg", "exp_avg_sq")

    @staticmethod
    def update(p: Any, g: Any, state: Any, step: int, group: dict[str, Any]) -> Any:
        beta1, beta2 = group["betas"]
        p, g = decay(p, g, group)
        mean, square = state
        mean = mean + (g - mean) * (1 - beta1)
        square = square * beta2 + g * g * (1 - beta2)
        correction = 1 - beta2**step
        longest = 2 / (1 - beta2) - 1  # the length of the average in the limit, and the length so far
        length = longest - 2 * step * beta2**step / correction
        moved = mean / (1 - beta1**step) * group["lr"]
        if length > 5:
            rectified = ((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)) ** 0.5
            moved = moved * (correction**0.5 / (np.sqrt(square) + group["eps"])) * rectified
        return p - moved, (mean, square)
