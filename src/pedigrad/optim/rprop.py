"""Rprop."""

from __future__ import annotations

from typing import Any

import numpy as np

from .optimizer import Optimizer
from .options import check, check_implementation, check_lr


class Rprop(Optimizer):
    """Rprop (Riedmiller and Braun 1993), without weight backtracking: step sizes grow while the gradient keeps its sign.

    Args:
        params: parameters, (name, parameter) pairs, or groups: dicts with "params" and options of their own.
        lr: the size of a step.
        etas: the factors by which step sizes shrink and grow.
        step_sizes: the smallest and the largest step size.
        capturable: ignored: steps are not captured.
        foreach: ignored: there is one implementation.
        maximize: whether to go up instead of down.
        differentiable: False; True is refused, as steps are not recorded.

    Raises:
        ValueError: an option is out of its range, or there are no parameters.

    >>> w = torch.nn.Parameter(torch.ones(1))
    >>> optimizer = torch.optim.Rprop([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.item() < 1
    True
    """

    def __init__(
        self, params: Any, lr: Any = 1e-2, etas: tuple[float, float] = (0.5, 1.2), step_sizes: tuple[float, float] = (1e-6, 50), *,
        capturable: bool = False, foreach: bool | None = None, maximize: bool = False, differentiable: bool = False,
    ):  # fmt: skip
        check_lr(lr)
        check(0 < etas[0] < 1 < etas[1], f"Invalid eta values: {etas[0]}, {etas[1]}")
        check_implementation(differentiable)
        options = {"lr": lr, "etas": etas, "step_sizes": step_sizes, "foreach": foreach, "maximize": maximize}
        super().__init__(params, {**options, "differentiable": differentiable, "capturable": capturable})

    def state_names(self, group: dict[str, Any], p: Any) -> tuple[str, ...]:
        return ("prev", "step_size")

    def begin(self, p: Any, group: dict[str, Any]) -> tuple[Any, ...]:
        lr = group["lr"]
        return (np.zeros_like(p), np.full_like(p, complex(lr, lr) if p.dtype.kind == "c" else lr))

    @staticmethod
    def update(p: Any, g: Any, state: Any, step: int, group: dict[str, Any]) -> Any:
        if group["maximize"]:
            g = -g
        (fall, rise), (least, most) = group["etas"], group["step_sizes"]
        before, size = state
        agreement = g * before
        turned = agreement < 0
        size = np.where(agreement > 0, size * rise, np.where(turned, size * fall, size))
        size = np.minimum(np.maximum(size, least), most)
        g = np.where(turned, 0, g)
        return p - np.sign(g) * size, (g, size)
