"""Adam and AdamW."""

from __future__ import annotations

from typing import Any

import numpy as np

from .optimizer import Optimizer, check, refuse


class Adam(Optimizer):
    """Adam (Kingma and Ba 2015, algorithm 1), with AMSGrad (Reddi et al. 2018) as an option."""

    def __init__(
        self, params: Any, lr: Any = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0,
        amsgrad: bool = False, *, foreach: bool | None = None, maximize: bool = False, capturable: bool = False,
        differentiable: bool = False, fused: bool | None = None, decoupled_weight_decay: bool = False,
    ):  # fmt: skip
        check(lr >= 0, f"Invalid learning rate: {lr}")
        check(eps >= 0, f"Invalid epsilon value: {eps}")
        for i, beta in enumerate(betas):
            check(0 <= beta < 1, f"Invalid beta parameter at index {i}: {beta}")
        check(weight_decay >= 0, f"Invalid weight_decay value: {weight_decay}")
        refuse([("differentiable", differentiable)])
        options = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "amsgrad": amsgrad, "maximize": maximize}
        options |= {"foreach": foreach, "capturable": capturable, "differentiable": differentiable, "fused": fused}
        super().__init__(params, {**options, "decoupled_weight_decay": decoupled_weight_decay})

    def state_names(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("exp_avg", "exp_avg_sq", "max_exp_avg_sq") if group["amsgrad"] else ("exp_avg", "exp_avg_sq")

    @staticmethod
    def update(p: Any, g: Any, state: Any, step: int, group: dict[str, Any]) -> Any:
        (beta1, beta2), lr, decay = group["betas"], group["lr"], group["weight_decay"]
        if group["maximize"]:
            g = -g
        if decay and group["decoupled_weight_decay"]:
            p = p * (1 - lr * decay)
        elif decay:
            g = g + p * decay
        if state:
            mean, square, *largest = state
            mean = mean + (g - mean) * (1 - beta1)
            square = square * beta2 + g * g * (1 - beta2)
        else:
            mean, square, largest = g * (1 - beta1), g * g * (1 - beta2), []
        now = square
        if group["amsgrad"]:
            now = np.maximum(largest[0], square) if largest else np.copy(square)
        denominator = np.sqrt(now) / (1 - beta2**step) ** 0.5 + group["eps"]
        p = p - mean / denominator * (lr / (1 - beta1**step))
        return p, (mean, square, now) if group["amsgrad"] else (mean, square)


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019, algorithm 2)."""

    def __init__(
        self, params: Any, lr: Any = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 1e-2,
        amsgrad: bool = False, *, maximize: bool = False, foreach: bool | None = None, capturable: bool = False,
        differentiable: bool = False, fused: bool | None = None,
    ):  # fmt: skip
        super().__init__(
            params, lr, betas, eps, weight_decay, amsgrad, foreach=foreach, maximize=maximize, capturable=capturable,
            differentiable=differentiable, fused=fused, decoupled_weight_decay=True,
        )  # fmt: skip
