"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any

from ..core.origin import located
from ..core.sparse import Coordinates
from ..core.sparse_tensor import sparse_tensor
from ..core.tensor import Tensor
from .optimizer import Optimizer
from .options import check, check_implementation, check_lr, descend


class SGD(Optimizer):
    """Gradient descent with momentum (Polyak) or Nesterov's momentum in Sutskever's form (2013, eq. 3-4), and weight decay.

    Args:
        params: parameters, (name, parameter) pairs, or groups: dicts with "params" and options of their own.
        lr: the size of a step.
        momentum: the factor of the velocity; 0 for none.
        dampening: by how much less the gradient counts in the velocity.
        weight_decay: this times the parameter is added to its gradient.
        nesterov: whether Nesterov's momentum is used; it wants a momentum and no dampening.
        maximize: whether to go up instead of down.
        foreach: ignored: there is one implementation.
        differentiable: False; True is refused, as steps are not recorded.
        fused: ignored: there is one implementation.

    Raises:
        ValueError: an option is out of its range, or there are no parameters.

    >>> w = torch.nn.Parameter(torch.ones(1))
    >>> optimizer = torch.optim.SGD([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.item() < 1
    True
    """

    numbers = ()
    tensor_options = ("lr", "weight_decay")

    def __init__(
        self, params: Any, lr: Any = 1e-3, momentum: float = 0, dampening: float = 0, weight_decay: Any = 0, nesterov: bool = False, *,
        maximize: bool = False, foreach: bool | None = None, differentiable: bool = False, fused: bool | None = None,
    ):  # fmt: skip
        check_lr(lr)
        check(momentum >= 0, f"Invalid momentum value: {momentum}")
        check(weight_decay >= 0, f"Invalid weight_decay value: {weight_decay}")
        check(not nesterov or (momentum > 0 and dampening == 0), "Nesterov momentum requires a momentum and zero dampening")
        check_implementation(differentiable, foreach, fused)
        options = {"lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay, "nesterov": nesterov}
        options |= {"maximize": maximize, "foreach": foreach, "differentiable": differentiable, "fused": fused}
        super().__init__(params, options)

    def state_names(self, group: dict[str, Any], p: Any) -> tuple[str, ...]:
        return ("momentum_buffer",) if group["momentum"] else ()

    def begin(self, p: Any, group: dict[str, Any]) -> None:
        return None  # the first momentum is the gradient itself, not dampened

    @staticmethod
    def move(p: Any, g: Any, group: dict[str, Any]) -> None:
        p -= descend(p, g, group) * group["lr"]

    def _step_sparse(self, p: Tensor, g: Coordinates, group: dict[str, Any]) -> None:
        if group["weight_decay"]:
            message = "add(sparse, dense) is not supported: weight_decay is not compatible with sparse gradients"
            raise RuntimeError(located(message))
        g = -g if group["maximize"] else g
        momentum = group["momentum"]
        if momentum:
            state = self.state[p]
            before = state.get("momentum_buffer")
            if before is None:
                buffer = g.copy()
            else:
                own = before._held.with_values(before._held.values * g.dtype.type(momentum))
                buffer = own.joined(g.with_values(g.values * g.dtype.type(1 - group["dampening"]))).coalesce()
            state["momentum_buffer"] = sparse_tensor(buffer)
            g = g.joined(buffer.with_values(buffer.values * g.dtype.type(momentum))) if group["nesterov"] else buffer
        g = g.coalesce()
        p._array[tuple(g.indices)] -= g.values * g.dtype.type(group["lr"])

    @staticmethod
    def update(p: Any, g: Any, state: Any, step: int, group: dict[str, Any]) -> Any:
        g = descend(p, g, group)
        momentum, dampening = group["momentum"], group["dampening"]
        if not momentum:
            return p - g * group["lr"], ()
        velocity = g if state is None else state[0] * momentum + (g * (1 - dampening) if dampening else g)
        g = g + velocity * momentum if group["nesterov"] else velocity
        return p - g * group["lr"], (velocity,)
