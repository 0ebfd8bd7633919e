"""Adam."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.tensor import Tensor
from .optimizer import Optimizer
from .options import check, check_betas, check_implementation, check_lr, decay


class Adam(Optimizer):
    """Adam (Kingma and Ba 2015, algorithm 1), with AMSGrad (Reddi et al. 2018) as an option.

    Args:
        params: parameters, or groups of them: dicts with "params" and options of their own.
        lr: the size of a step.
        betas: the factors of the running means of the gradient and of its square.
        eps: what is added to the root of the latter.
        weight_decay: this times the parameter is added to its gradient; `AdamW` takes it off the parameter instead.
        amsgrad: whether the largest mean of squares so far is used.
        foreach: ignored: there is one implementation.
        maximize: whether to go up instead of down.
        capturable: ignored: steps are not captured.
        differentiable: False; True is refused, as steps are not recorded.
        fused: ignored: there is one implementation.
        decoupled_weight_decay: whether the decay is taken off the parameter instead, as in `AdamW`.

    Raises:
        ValueError: an option is out of its range, or there are no parameters.

    >>> w = torch.nn.Parameter(torch.ones(1))
    >>> optimizer = torch.optim.Adam([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.item()
    0.9000000357627869
    """

    tensor_options = ("lr", "betas")

    def __init__(
        self, params: Any, lr: Any = 1e-3, betas: tuple[Any, Any] = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0,
        amsgrad: bool = False, *, foreach: bool | None = None, maximize: bool = False, capturable: bool = False,
        differentiable: bool = False, fused: bool | None = None, decoupled_weight_decay: bool = False,
    ):  # fmt: skip
        each = not capturable and foreach
        check(not (each and isinstance(lr, Tensor)), "lr as a Tensor is not supported for capturable=False and foreach=True")
        check_lr(lr)
        check(eps >= 0, f"Invalid epsilon value: {eps}")
        check_betas(betas)
        check(weight_decay >= 0, f"Invalid weight_decay value: {weight_decay}")
        alike = any(all(isinstance(beta, kind) for beta in betas) for kind in (float, Tensor))
        check(alike, "betas must be either both floats or both Tensors")
        check(not (each and isinstance(betas[0], Tensor)), "betas[0] as a Tensor is not supported for capturable=False and foreach=True")
        check_implementation(differentiable, foreach, fused)
        options = {"lr": lr, "betas": tuple(betas), "eps": eps, "weight_decay": weight_decay, "amsgrad": amsgrad, "maximize": maximize}
        options |= {"foreach": foreach, "capturable": capturable, "differentiable": differentiable, "fused": fused}
        super().__init__(params, {**options, "decoupled_weight_decay": decoupled_weight_decay})

    def state_names(self, group: dict[str, Any], p: Any) -> tuple[str, ...]:
        return ("exp_avg", "exp_avg_sq", "max_exp_avg_sq") if group["amsgrad"] else ("exp_avg", "exp_avg_sq")

    @staticmethod
    def update(p: Any, g: Any, state: Any, step: int, group: dict[str, Any]) -> Any:
        beta1, beta2 = group["betas"]
        p, g = decay(p, g, group)
        mean, square, *largest = state
        mean = mean + (g - mean) * (1 - beta1)
        square = square * beta2 + g * g * (1 - beta2)
        largest = [np.maximum(each, square) for each in largest]
        denominator = np.sqrt(largest[0] if largest else square) / (1 - beta2**step) ** 0.5 + group["eps"]
        return p - mean / denominator * (group["lr"] / (1 - beta1**step)), (mean, square, *largest)
