"""Adagrad."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.origin import located
from ..core.sparse import Coordinates
from ..core.tensor import Tensor
from .optimizer import Optimizer
from .options import check, check_implementation, check_lr, descend


class Adagrad(Optimizer):
    """Adagrad (Duchi et al. 2011, figure 1, diagonal): steps divided by the root of the sum of squared gradients.

    Args:
        params: parameters, (name, parameter) pairs, or groups: dicts with "params" and options of their own.
        lr: the size of a step.
        lr_decay: how much slower each step is.
        weight_decay: this times the parameter is added to its gradient.
        initial_accumulator_value: what the sums begin with.
        eps: what is added to the root that is divided by.
        foreach: ignored: there is one implementation.
        maximize: whether to go up instead of down.
        differentiable: False; True is refused, as steps are not recorded.
        fused: ignored: there is one implementation.

    Raises:
        ValueError: an option is out of its range, or there are no parameters.

    >>> w = torch.nn.Parameter(torch.ones(1))
    >>> optimizer = torch.optim.Adagrad([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.item() < 1
    True
    """

    def __init__(
        self, params: Any, lr: Any = 1e-2, lr_decay: float = 0, weight_decay: float = 0, initial_accumulator_value: float = 0,
        eps: float = 1e-10, foreach: bool | None = None, *, maximize: bool = False, differentiable: bool = False,
        fused: bool | None = None,
    ):  # fmt: skip
        check_lr(lr)
        check(lr_decay >= 0, f"Invalid lr_decay value: {lr_decay}")
        check(weight_decay >= 0, f"Invalid weight_decay value: {weight_decay}")
        check(initial_accumulator_value >= 0, f"Invalid initial_accumulator_value value: {initial_accumulator_value}")
        check(eps >= 0, f"Invalid epsilon value: {eps}")
        check_implementation(differentiable, foreach, fused)
        options = {"lr": lr, "lr_decay": lr_decay, "eps": eps, "weight_decay": weight_decay}
        options |= {"initial_accumulator_value": initial_accumulator_value, "foreach": foreach, "maximize": maximize}
        super().__init__(params, {**options, "differentiable": differentiable, "fused": fused})
        for group in self.param_groups:
            for p in group["params"]:
                self.begin_state(p, group)

    def state_names(self, group: dict[str, Any], p: Any) -> tuple[str, ...]:
        return ("sum",)

    def begin(self, p: Any, group: dict[str, Any]) -> tuple[Any, ...]:
        start = group["initial_accumulator_value"]
        return (np.full_like(p, complex(start, start) if p.dtype.kind == "c" else start),)

    def share_memory(self) -> None:
        """Move the sums into memory that other processes can be handed."""
        for state in self.state.values():
            state["sum"].share_memory_()

    def _step_sparse(self, p: Tensor, g: Coordinates, group: dict[str, Any]) -> None:
        if group["weight_decay"]:
            raise RuntimeError(located("weight_decay option is not compatible with sparse gradients"))
        state = self.begin_state(p, group)
        state["step"]._array[...] += 1
        g = (-g if group["maximize"] else g).coalesce()
        at, squares = tuple(g.indices), state["sum"]._array
        squares[at] += g.values * g.values
        size = group["lr"] / (1 + (state["step"].item() - 1) * group["lr_decay"])
        p._array[at] -= (g.values / (np.sqrt(squares[at]) + group["eps"]) * size).astype(g.dtype)

    @staticmethod
    def update(p: Any, g: Any, state: Any, step: int, group: dict[str, Any]) -> Any:
        g = descend(p, g, group)
        squares = state[0] + g * g
        return p - g / (np.sqrt(squares) + group["eps"]) * (group["lr"] / (1 + (step - 1) * group["lr_decay"])), (squares,)
