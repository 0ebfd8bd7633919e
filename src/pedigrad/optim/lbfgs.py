"""L-BFGS."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.graph import note_writes
from ..core.modes import enable_grad
from ..core.origin import located
from ..core.tensor import wrap
from .line_search import Point, strong_wolfe
from .optimizer import Optimizer
from .options import check, check_lr, number

Array = np.ndarray[Any, Any]
CURVATURE = 1e-10  # a pair of differences with less of it does not enter the history


class LBFGS(Optimizer):
    """L-BFGS (Nocedal and Wright 2006, algorithms 7.4 and 7.5) in the manner of minFunc (Schmidt 2005).

    `step` needs a closure that clears the gradients, computes the loss, calls `backward()` and returns the loss. It is called
    up to `max_eval` times a step. `line_search_fn` is None for steps of fixed length or "strong_wolfe".

    Args:
        params: parameters, (name, parameter) pairs, or groups: dicts with "params" and options of their own.
        lr: the size of a step.
        max_iter: the most iterations of a step.
        max_eval: the most evaluations of a step; max_iter * 5 / 4 if it is left out.
        tolerance_grad: the largest element of the gradient at which it stops.
        tolerance_change: the change of parameters or loss at which it stops.
        history_size: how many steps the curvature is taken from.
        line_search_fn: None or "strong_wolfe".

    Raises:
        ValueError: there is more than one group of parameters.

    >>> w = torch.nn.Parameter(torch.ones(1))
    >>> optimizer = torch.optim.LBFGS([w])
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = (w * w).sum()
    ...     loss.backward()
    ...     return loss
    ...
    >>> _ = optimizer.step(closure)
    >>> w.item() < 1e-3
    True
    """

    def __init__(
        self, params: Any, lr: Any = 1, max_iter: int = 20, max_eval: int | None = None, tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9, history_size: int = 100, line_search_fn: str | None = None,
    ):  # fmt: skip
        check_lr(lr)
        options = {"lr": lr, "max_iter": max_iter, "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval}
        options |= {"tolerance_grad": tolerance_grad, "tolerance_change": tolerance_change, "history_size": history_size}
        super().__init__(params, {**options, "line_search_fn": line_search_fn})
        check(len(self.param_groups) == 1, "LBFGS doesn't support per-parameter options (parameter groups)")

    # The parameters as one vector

    def _gradient(self) -> Array:
        """All gradients end to end, zero where there is none; real and imaginary parts of complex ones alternate."""
        parts = []
        for p in self.param_groups[0]["params"]:
            g = np.zeros_like(p._array) if p.grad is None else p.grad.to_dense()._array
            parts.append(_real(np.ascontiguousarray(g).reshape(-1)))
        return np.concatenate(parts)

    def _values(self) -> list[Array]:
        return [p._array.copy() for p in self.param_groups[0]["params"]]

    def _move(self, step: float, direction: Array, start: list[Array] | None = None) -> None:
        """Go `step` along `direction`, from the values `start` or from where the parameters are."""
        arrays = [p._array for p in self.param_groups[0]["params"]]
        end = 0
        for array, origin in zip(arrays, start or arrays, strict=True):
            begin, end = end, end + array.size * (2 if array.dtype.kind == "c" else 1)
            part = direction[begin:end]
            part = part.view(array.dtype) if array.dtype.kind == "c" else part
            array[...] = origin + part.reshape(array.shape) * step
        note_writes(arrays, "LBFGS.step")

    # A step

    def step(self, closure: Callable[[], Any]) -> Any:  # type: ignore[override]
        """Take up to `max_iter` quasi-Newton steps; returns the loss before the first."""
        group = self.param_groups[0]
        lr, most, method = number(group["lr"]), group["max_eval"], group["line_search_fn"]
        state = self.state[group["params"][0]]
        memory = Memory(state, group["history_size"])
        first = _call(closure)
        loss, g = float(number(first)), self._gradient()
        evaluated = 1
        state["func_evals"] = state.get("func_evals", 0) + 1
        state.setdefault("n_iter", 0)
        if np.max(np.abs(g)) <= group["tolerance_grad"]:
            return first

        def at(step: float, direction: Array, start: list[Array]) -> Point:
            """The loss and its gradient at a distance; the parameters are left there."""
            self._move(step, direction, start)
            value = float(number(_call(closure)))
            slope = self._gradient()
            return Point(step, value, slope, slope @ direction)

        for iteration in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            direction = memory.direction(g)
            before = memory.loss = loss
            memory.gradient = g
            length = min(1.0, 1.0 / np.sum(np.abs(g))) * lr if state["n_iter"] == 1 else lr
            memory.length = length
            slope = g @ direction
            if slope > -group["tolerance_change"]:
                break
            calls = 0
            if method is not None:
                if method != "strong_wolfe":
                    raise RuntimeError(located("only 'strong_wolfe' is supported"))
                start = self._values()
                here = Point(0.0, loss, g, slope)
                tried = lambda t, d=direction, x=start: at(t, d, x)  # noqa: E731
                best, calls = strong_wolfe(tried, here, length, direction, most - evaluated)
                loss, g, length = best.loss, best.gradient, best.step
                memory.length = length
                self._move(length, direction, start)
            else:
                self._move(length, direction)
                if iteration != group["max_iter"]:
                    loss, g = float(number(_call(closure))), self._gradient()
                    calls = 1
            evaluated += calls
            state["func_evals"] += calls
            flat = np.max(np.abs(g)) <= group["tolerance_grad"] and calls > 0
            still = np.max(np.abs(direction * length)) <= group["tolerance_change"] or abs(loss - before) < group["tolerance_change"]
            if evaluated >= most or flat or still:
                break
        memory.save(state)
        return first


class Memory:
    """The history of a run of L-BFGS: past moves and changes of the gradient, and where it stood last."""

    def __init__(self, state: dict[str, Any], size: int):
        self.size = size
        self.moves: list[Array] = [t._array for t in state.get("old_stps") or []]
        self.changes: list[Array] = [t._array for t in state.get("old_dirs") or []]
        self.inverse: list[Any] = [number(t) for t in state.get("ro") or []]
        self.scale: Any = number(state.get("H_diag", 1))
        self.last: Array | None = None if state.get("d") is None else state["d"]._array
        self.length: Any = number(state.get("t"))
        self.gradient: Array | None = None if state.get("prev_flat_grad") is None else state["prev_flat_grad"]._array
        self.loss: Any = state.get("prev_loss")
        self.alphas: list[Any] = state.get("al") or []

    def direction(self, g: Array) -> Array:
        """Minus the gradient times the approximate inverse Hessian: the two-loop recursion."""
        if self.last is None or self.gradient is None:
            self.last = -g
            return self.last
        change, move = g - self.gradient, self.last * self.length
        curvature = change @ move
        if curvature > CURVATURE:
            if len(self.moves) == self.size:
                del self.moves[0], self.changes[0], self.inverse[0]
            self.moves.append(move)
            self.changes.append(change)
            self.inverse.append(1.0 / curvature)
            self.scale = curvature / (change @ change)
        q = -g
        alphas = [0.0] * len(self.moves)
        for i in reversed(range(len(self.moves))):
            alphas[i] = self.moves[i] @ q * self.inverse[i]
            q = q - self.changes[i] * alphas[i]
        q = q * self.scale
        for i in range(len(self.moves)):
            q = q + self.moves[i] * (alphas[i] - self.changes[i] @ q * self.inverse[i])
        self.alphas = [*map(_tensor, alphas), *[None] * (self.size - len(alphas))]
        self.last = q
        return q

    def save(self, state: dict[str, Any]) -> None:
        """Put everything into the state, in PyTorch's layout."""
        if self.last is None or self.gradient is None:
            return
        state |= {"d": wrap(self.last), "t": float(self.length), "old_dirs": list(map(wrap, self.changes))}
        state |= {"old_stps": list(map(wrap, self.moves)), "ro": list(map(_tensor, self.inverse))}
        state |= {"H_diag": _tensor(self.scale) if self.moves else 1, "prev_flat_grad": wrap(self.gradient), "prev_loss": self.loss}
        if self.alphas:
            state["al"] = self.alphas


def _call(closure: Callable[[], Any]) -> Any:
    with enable_grad():
        return closure()


def _real(array: Array) -> Array:
    return array.view(f"f{array.dtype.itemsize // 2}") if array.dtype.kind == "c" else array


def _tensor(value: Any) -> Any:
    return wrap(np.asarray(value))
