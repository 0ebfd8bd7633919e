"""Adam for sparse gradients."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.origin import located
from ..core.sparse import Coordinates
from ..core.tensor import Tensor, wrap
from .optimizer import Optimizer
from .options import check, check_betas


class SparseAdam(Optimizer):
    """Adam (Kingma and Ba 2015) that moves only the elements which have a gradient, and their averages: `Embedding(sparse=True)`.

    Args:
        params: parameters, (name, parameter) pairs, or groups: dicts with "params" and options of their own.
        lr: the size of a step.
        betas: the factors of the running means of the gradient and of its square.
        eps: what is added to the root that is divided by.
        maximize: whether to go up instead of down.

    Raises:
        ValueError: an option is out of its range, or there are no parameters.

    >>> layer = torch.nn.Embedding(4, 2, sparse=True)
    >>> optimizer = torch.optim.SparseAdam(layer.parameters())
    >>> layer(torch.tensor([1])).sum().backward()
    >>> optimizer.step()
    """

    def __init__(
        self, params: Any, lr: Any = 1e-3, betas: tuple[Any, Any] = (0.9, 0.999), eps: float = 1e-8, maximize: bool = False
    ):  # fmt: skip
        check(lr > 0, f"Invalid learning rate: {lr}")
        check(eps > 0, f"Invalid epsilon value: {eps}")
        check_betas(betas)
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "maximize": maximize})
        params = [(i, j, p) for i, group in enumerate(self.param_groups) for j, p in enumerate(group["params"])]
        sparse = [[i, j] for i, j, p in params if p.is_sparse]
        check(not sparse, f"Sparse params at indices {sparse}: SparseAdam requires dense parameter tensors")

    def _step_group(self, index: int, group: dict[str, Any]) -> None:
        if any(p.grad is not None and not p.grad.is_sparse for p in group["params"]):
            raise RuntimeError(located("SparseAdam does not support dense gradients, please consider Adam instead"))
        super()._step_group(index, group)

    def _step_sparse(self, p: Tensor, g: Coordinates, group: dict[str, Any]) -> None:
        state = self.state[p]
        if not state:
            state |= {"step": 0, "exp_avg": wrap(np.zeros_like(p._array)), "exp_avg_sq": wrap(np.zeros_like(p._array))}
        state["step"] += 1
        g = g.coalesce()
        at = tuple(g.indices)
        values = -g.values if group["maximize"] else g.values
        beta1, beta2 = group["betas"]
        mean, square = state["exp_avg"]._array, state["exp_avg_sq"]._array
        mean[at] += (values - mean[at]) * (1 - beta1)
        square[at] += (values * values - square[at]) * (1 - beta2)
        size = group["lr"] * math.sqrt(1 - beta2 ** state["step"]) / (1 - beta1 ** state["step"])
        p._array[at] -= (mean[at] / (np.sqrt(square[at]) + group["eps"]) * size).astype(p._array.dtype)
