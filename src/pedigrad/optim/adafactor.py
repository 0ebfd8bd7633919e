"""Adafactor."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import dtypes
from ..core.limits import finfo
from ..core.origin import located
from .optimizer import Optimizer
from .options import check, check_lr, widened


class Adafactor(Optimizer):
    """Adafactor (Shazeer and Stern 2018, algorithms 4 and 5): the second moments of a matrix as the product of a column and a row.

    Args:
        params: parameters, (name, parameter) pairs, or groups: dicts with "params" and options of their own.
        lr: the size of a step.
        beta2_decay: the exponent with which the factor of the running means nears 1.
        eps: two small numbers: for squares of gradients (None for the dtype's) and for the size of parameters.
        d: the largest root mean square of an update.
        weight_decay: `lr * weight_decay` of the parameter is taken off it.
        foreach: ignored: there is one implementation.
        maximize: whether to go up instead of down.

    Raises:
        ValueError: an option is out of its range, or there are no parameters.

    >>> w = torch.nn.Parameter(torch.ones(1))
    >>> optimizer = torch.optim.Adafactor([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.item() < 1
    True
    """

    whole = True

    def __init__(
        self, params: Any, lr: Any = 1e-2, beta2_decay: float = -0.8, eps: tuple[float | None, float] = (None, 1e-3), d: float = 1.0,
        weight_decay: float = 0.0, *, foreach: bool | None = None, maximize: bool = False,
    ):  # fmt: skip
        check_lr(lr, "Learning rate should be >= 0 but is: {}")
        check(beta2_decay <= 0, f"beta2_decay should be <= 0 but is: {beta2_decay}")
        check(eps[0] is None or eps[0] >= 0, f"epsilon1 should be >= 0 but is: {eps[0]}")
        check(eps[1] >= 0, f"epsilon2 should be >= 0 but is: {eps[1]}")
        check(d >= 1, f"Clipping threshold d should be >= 1 but is: {d}")
        check(weight_decay >= 0, f"weight_decay should be >= 0 but is: {weight_decay}")
        options = {"lr": lr, "beta2_decay": beta2_decay, "eps": eps, "d": d, "weight_decay": weight_decay}
        super().__init__(params, {**options, "foreach": foreach, "maximize": maximize})

    def state_names(self, group: dict[str, Any], p: Any) -> tuple[str, ...]:
        return ("row_var", "col_var") if p.ndim > 1 else ("variance",)

    def begin(self, p: Any, group: dict[str, Any]) -> tuple[Any, ...]:
        if p.dtype.kind == "c":
            raise RuntimeError(located("Adafactor does not support complex parameters"))
        if p.ndim < 2:
            return (np.zeros_like(p),)
        return (np.zeros((*p.shape[:-1], 1), p.dtype), np.zeros((*p.shape[:-2], 1, p.shape[-1]), p.dtype))

    @staticmethod
    def update(p: Any, g: Any, state: Any, step: int, group: dict[str, Any]) -> Any:
        least, floor = group["eps"]
        if least is None:
            least = float(finfo(dtypes.from_numpy(p.dtype)).eps)
        p, g, state = widened(p), widened(g), tuple(map(widened, state))
        g = -g if group["maximize"] else g
        weight = step ** group["beta2_decay"]
        size = np.maximum(np.sqrt(np.sum(p * p)) / p.size**0.5, floor)  # of a typical element
        p = p * (1 - group["lr"] * group["weight_decay"])
        square = g * g
        if p.ndim > 1:
            row, column = state
            row = row + (np.mean(square, axis=-1, keepdims=True) - row) * weight
            column = column + (np.mean(square, axis=-2, keepdims=True) - column) * weight
            variance = row * column / np.maximum(np.mean(row, axis=-2, keepdims=True), least)
            state = (row, column)
        else:
            variance = state[0] + (square - state[0]) * weight
            state = (variance,)
        moved = g / np.sqrt(np.maximum(variance, least * least))
        clipped = np.maximum(np.sqrt(np.sum(moved * moved)) / (p.size**0.5 * group["d"]), 1.0)
        return p - moved * (size * min(group["lr"], 1 / step**0.5) / clipped), state
