"""RMSprop."""

from __future__ import annotations

from typing import Any

import numpy as np

from .optimizer import Optimizer
from .options import check, check_implementation, check_lr, descend


class RMSprop(Optimizer):
    """RMSprop (Tieleman and Hinton 2012, lecture 6.5), or centered (Graves 2013, eq. 38-45); momentum is optional.

    Args:
        params: parameters, (name, parameter) pairs, or groups: dicts with "params" and options of their own.
        lr: the size of a step.
        alpha: the factor of the running mean of squares.
        eps: what is added to the root that is divided by.
        weight_decay: this times the parameter is added to its gradient.
        momentum: the factor of the momentum; 0 for none.
        centered: whether the square of the mean is taken off the mean of squares.
        capturable: ignored: steps are not captured.
        foreach: ignored: there is one implementation.
        maximize: whether to go up instead of down.
        differentiable: False; True is refused, as steps are not recorded.

    Raises:
        ValueError: an option is out of its range, or there are no parameters.

    >>> w = torch.nn.Parameter(torch.ones(1))
    >>> optimizer = torch.optim.RMSprop([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.item() < 1
    True
    """

    def __init__(
        self, params: Any, lr: Any = 1e-2, alpha: float = 0.99, eps: float = 1e-8, weight_decay: float = 0, momentum: float = 0,
        centered: bool = False, capturable: bool = False, foreach: bool | None = None, maximize: bool = False,
        differentiable: bool = False,
    ):  # fmt: skip
        check_lr(lr)
        check(eps >= 0, f"Invalid epsilon value: {eps}")
        check(momentum >= 0, f"Invalid momentum value: {momentum}")
        check(weight_decay >= 0, f"Invalid weight_decay value: {weight_decay}")
        check(alpha >= 0, f"Invalid alpha value: {alpha}")
        check_implementation(differentiable)
        options = {"lr": lr, "momentum": momentum, "alpha": alpha, "eps": eps, "centered": centered, "weight_decay": weight_decay}
        options |= {"capturable": capturable, "foreach": foreach, "maximize": maximize, "differentiable": differentiable}
        super().__init__(params, options)

    def state_names(self, group: dict[str, Any], p: Any) -> tuple[str, ...]:
        return ("square_avg", *(["momentum_buffer"] if group["momentum"] else []), *(["grad_avg"] if group["centered"] else []))

    @staticmethod
    def update(p: Any, g: Any, state: Any, step: int, group: dict[str, Any]) -> Any:
        g = descend(p, g, group)
        alpha, momentum, centered = group["alpha"], group["momentum"], group["centered"]
        square, *rest = state
        square = square * alpha + g * g * (1 - alpha)
        variance, after = square, [square]
        if centered:
            mean = rest[-1] + (g - rest[-1]) * (1 - alpha)
            variance, after = square - mean * mean, [square, mean]
        moved = g / (np.sqrt(variance) + group["eps"])
        if momentum:
            moved = rest[0] * momentum + moved
            after.insert(1, moved)
        return p - moved * group["lr"], tuple(after)
