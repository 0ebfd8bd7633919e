"""Muon."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.origin import located
from .optimizer import Optimizer
from .options import check, check_lr, widened


class Muon(Optimizer):
    """Muon (Jordan et al. 2024) for matrices: momentum whose singular values a few steps of Newton and Schulz bring near one.

    `adjust_lr_fn` is "original" or "match_rms_adamw" (Liu et al. 2025): how the rate follows the shape of the matrix.

    Args:
        params: parameters, (name, parameter) pairs, or groups: dicts with "params" and options of their own.
        lr: the size of a step.
        weight_decay: `lr * weight_decay` of a parameter is taken off it.
        momentum: the factor of the running mean of the gradient.
        nesterov: whether Nesterov's momentum is used.
        ns_coefficients: the coefficients of the iteration's polynomial.
        eps: a small number to divide by.
        ns_steps: how many iterations.
        adjust_lr_fn: "original" or "match_rms_adamw".

    Raises:
        ValueError: a parameter is no matrix, or an option is out of its range.

    >>> w = torch.nn.Parameter(torch.eye(2))
    >>> optimizer = torch.optim.Muon([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.trace().item() < 2
    True
    """

    numbers = ()
    whole = True

    def __init__(
        self, params: Any, lr: Any = 1e-3, weight_decay: float = 0.1, momentum: float = 0.95, nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.775, 2.0315), eps: float = 1e-7, ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ):  # fmt: skip
        check_lr(lr, "Learning rate should be >= 0 but is: {}")
        check(momentum >= 0, f"momentum should be >= 0 but is: {momentum}")
        check(weight_decay >= 0, f"weight decay should be >= 0 but is: {weight_decay}")
        known = adjust_lr_fn in (None, "original", "match_rms_adamw")
        check(known, f"Adjust learning rate function {adjust_lr_fn} is not supported")
        options = {"lr": lr, "weight_decay": weight_decay, "momentum": momentum, "nesterov": nesterov}
        options |= {"ns_coefficients": ns_coefficients, "eps": eps, "ns_steps": ns_steps, "adjust_lr_fn": adjust_lr_fn}
        super().__init__(params, options)
        for group in self.param_groups:
            for p in group["params"]:
                check(p.ndim == 2, f"Muon only supports 2D parameters whereas we found a parameter with size: {p.shape}")

    def state_names(self, group: dict[str, Any], p: Any) -> tuple[str, ...]:
        check(group["ns_steps"] < 100, "Number of steps must be less than 100 for computational efficiency")
        check(len(group["ns_coefficients"]) == 3, "Coefficients must be a tuple of exactly 3 values")
        return ("momentum_buffer",)

    def begin(self, p: Any, group: dict[str, Any]) -> tuple[Any, ...]:
        if p.dtype.kind == "c":
            raise RuntimeError(located("Muon does not support complex parameters"))
        return (np.zeros_like(p),)

    @staticmethod
    def update(p: Any, g: Any, state: Any, step: int, group: dict[str, Any]) -> Any:
        p, g, velocity = widened(p), widened(g), widened(state[0])
        lr, momentum = group["lr"], group["momentum"]
        velocity = velocity + (g - velocity) * (1 - momentum)
        moved = g + (velocity - g) * momentum if group["nesterov"] else velocity
        rows, columns = p.shape
        if group["adjust_lr_fn"] == "match_rms_adamw":
            ratio = 0.2 * max(rows, columns) ** 0.5
        else:
            ratio = max(1, rows / columns) ** 0.5
        moved = orthogonalized(moved, group["ns_coefficients"], group["ns_steps"], group["eps"])
        return p * (1 - lr * group["weight_decay"]) - moved * (lr * ratio), (velocity,)


def orthogonalized(x: Any, coefficients: tuple[float, float, float], steps: int, eps: float) -> Any:
    """A matrix with the singular vectors of `x` and singular values near one, by `steps` of a quintic Newton-Schulz iteration."""
    a, b, c = coefficients
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    x = x / np.maximum(np.sqrt(np.sum(x * x)), eps)
    for _ in range(steps):
        gram = x @ x.T
        x = x * a + (gram * b + gram @ gram * c) @ x
    return x.T if tall else x
