"""What a model's last activation keeps it from: targets out of its range, scores that a loss takes any of."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from math import inf, isinf
from typing import Any

import numpy as np

from ...core.graph import Node
from ...core.origin import Origin
from ...core.scope import here
from ...core.tensor import Tensor
from ..findings import Check
from ..program import FunctionCall, Pass
from .losses import MOVES, name_of, op_of

SEVERAL = 3
SHARE = 0.1  # of the targets that have to be out of reach, and by so much of the range (or of their deviation)
RANGES = {
    "sigmoid": (0.0, 1.0),
    "hardsigmoid": (0.0, 1.0),
    "softmax": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "softsign": (-1.0, 1.0),
    "relu": (0.0, inf),
    "softplus": (0.0, inf),
}
DISTANCES = ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss")
SUMS = MOVES - {"dropout"} | {"sum", "mean", "add", "stack"}
MANY = 256  # of the operations behind a loss, and of distances, that are looked at
OF_A_DIFFERENCE = frozenset({"pow", "square", "abs", "mul"})  # what makes a distance of it


def share_beyond(values: np.ndarray[Any, Any], low: float, high: float) -> float:
    """The share of values that lie well outside of a range."""
    values = values.astype(np.float64)
    margin = SHARE * (float(values.std()) if isinf(high) else high - low)
    return float(((values < low - margin) | (values > high + margin)).mean())


class TargetOutOfReach(Check):
    """A model's last activation keeps its output from the targets: a sigmoid's from those above 1, a ReLU's from negative ones."""

    name = "target-out-of-reach"
    remedy = "Take the activation off the last layer, or scale the targets into its range."
    functions = DISTANCES

    def __init__(self, *given: Any):
        super().__init__(*given)
        self.differences: dict[int, tuple[weakref.ref[Tensor], Tensor, Tensor]] = {}  # by identity: it, the output, the targets
        self.distances: dict[int, tuple[Node, Origin, str]] = {}  # since the last pass, by identity: from targets out of reach
        self.seen: dict[Any, tuple[Origin, str, list[float]]] = {}  # by line: those that were losses, and by what they were multiplied

    def function(self, call: FunctionCall) -> None:
        self.judge(call.argument(0, "input"), call.argument(1, "target"), call.result)

    def look(self, on: bool) -> None:
        self.differences.clear()

    def fall_asleep(self) -> None:
        self.distances.clear()

    def operation(self, op: Any, operands: tuple[Any, ...], result: Any) -> None:
        if op.name == "sub" and len(operands) == 2 and isinstance(result, Tensor) and result._node is not None:
            x, y = operands
            if isinstance(x, Tensor) and isinstance(y, Tensor) and x.shape == y.shape and (x._node is None) != (y._node is None):
                self.differences = {id(result): (weakref.ref(result), x, y)}
        elif op.name in OF_A_DIFFERENCE and self.differences and operands:
            known = self.differences.get(id(operands[0]))
            if known is None or known[0]() is not operands[0] or runs_a_model():
                return
            if all(x is operands[0] or not isinstance(x, Tensor) for x in operands):
                self.judge(*known[1:], result)

    def judge(self, x: Any, y: Any, distance: Any) -> None:
        """Look whether what was computed can come to what it is compared with, and note their distance if it cannot."""
        if not isinstance(x, Tensor) or not isinstance(y, Tensor) or x.shape != y.shape or not x.numel():
            return
        out, target = (x, y) if x._node is not None else (y, x)
        name = op_of(out)
        if target._node is not None or name not in RANGES or target._array.dtype.kind not in "fiub":
            return
        low, high = RANGES[name]
        share = share_beyond(target._array, low, high)
        if share < SHARE or not isinstance(distance, Tensor) or distance._node is None:
            return
        reach = "is never negative" if isinf(high) else f"lies between {low:.3g} and {high:.3g}"
        ends = f"from {float(target._array.min()):.3g} to {float(target._array.max()):.3g}"
        message = f"The output is what {name}() returned, which {reach}, and the targets are {ends}:"
        node, _ = distance._node.edge()
        if len(self.distances) < MANY:
            self.distances[id(node)] = node, Origin.here(), f"{message} {100 * share:.0f}% of them are out of its reach."

    def backward(self, run: Pass) -> None:
        for loss in run.tensors if self.distances and run.accumulates else ():
            for node, factor in terms_of(loss):
                if (known := self.distances.get(id(node))) is not None:
                    _, origin, message = known
                    self.seen.setdefault(origin.key, (origin, message, []))[2].append(factor)
        self.distances.clear()

    def finish(self) -> None:
        for origin, message, factors in self.seen.values():
            if len(factors) >= SEVERAL and 0 < min(factors) == max(factors):  # others are rewards, and the targets what was drawn
                self.found(message, origin)


def runs_a_model() -> bool:
    """Whether the forward of a module with parameters is running, where a distance need not be a loss."""
    scope = here.get().scope
    module = None if scope is None else scope.module()
    return module is not None and next(module.parameters(), None) is not None


def terms_of(loss: Tensor) -> Iterator[tuple[Node, float]]:
    """What a loss is a sum or mean of, itself included, and by which number each is multiplied; only as far as there is nothing else."""
    waiting: list[tuple[Node | None, float]] = [(loss._node, 1.0)]
    for _ in range(MANY):
        if not waiting:
            return
        node, factor = waiting.pop()
        if node is None:
            continue
        node, _ = node.edge()
        yield node, factor
        name = name_of(node)
        if name in SUMS:
            waiting += ((parent, factor) for parent in node.parents)
        elif name in ("neg", "sub"):
            waiting += ((parent, sign * factor) for parent, sign in zip(node.parents, (-1,) if name == "neg" else (1, -1), strict=False))
        elif name in ("mul", "div") and sum(parent is not None for parent in node.parents) == 1:
            number = number_in(node.saved)
            if number and (name == "mul" or node.parents[0] is not None):
                parent = next(parent for parent in node.parents if parent is not None)
                waiting.append((parent, factor * number if name == "mul" else factor / number))


def number_in(saved: Any) -> float:
    """The number that an operation saved as its other operand; 0 if it is several, or none."""
    found = [each for each in saved if each is not None] if isinstance(saved, tuple) else []
    if len(found) == 1 and isinstance(found[0], (int, float, np.generic, np.ndarray)) and np.size(found[0]) == 1:
        return float(np.asarray(found[0]).item())
    return 0.0


class ScoresSquashed(Check):
    """Scores that a ReLU or tanh has cut are given to a loss that takes any."""

    name = "scores-squashed"
    remedy = "Give the loss what the last linear layer returns: take the activation off."
    functions = ("cross_entropy", "binary_cross_entropy_with_logits", "multilabel_soft_margin_loss")
    cuts = {"relu": "are never negative", "tanh": "stay between -1 and 1", "softsign": "stay between -1 and 1"}

    def function(self, call: FunctionCall) -> None:
        x = call.argument(0, "input")
        if not isinstance(x, Tensor) or x._node is None or (name := op_of(x)) not in self.cuts:
            return
        if self.times_here() == SEVERAL:
            self.found(f"{call.name}() takes any scores, and is given what {name}() returned: they {self.cuts[name]}{self.so(call, name)}.")

    def so(self, call: FunctionCall, name: str) -> str:
        """What follows for probabilities."""
        if call.name != "cross_entropy":
            low, high = (0.27, 0.73) if name != "relu" else (0.5, 1)
            return f", so that probabilities stay between {low:.2g} and {high:.2g}"
        x = call.argument(0, "input")
        if name == "relu" or x.ndim < 2:
            return ", and a score of 0 gets no gradient"
        return f", so that no probability comes above {1 / (1 + (x.shape[1] - 1) * np.exp(-2)):.2g}"


class ScoresDropped(Check):
    """Dropout is applied to scores: in training a part of the classes has none, whatever the sample."""

    name = "scores-dropped"
    remedy = "Put the dropout before the last linear layer."
    functions = ("cross_entropy", "binary_cross_entropy_with_logits")

    def function(self, call: FunctionCall) -> None:
        if op_of(call.argument(0, "input"), MOVES - {"dropout"}) == "dropout" and self.times_here() == SEVERAL:
            self.found(f"{call.name}() is given scores of which dropout has made some 0.")
