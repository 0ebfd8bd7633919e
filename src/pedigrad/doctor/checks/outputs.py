"""What a model's last activation keeps it from: targets out of its range, scores that a loss takes any of."""

from __future__ import annotations

import weakref
from math import inf, isinf
from typing import Any

import numpy as np

from ...core.tensor import Tensor
from ..findings import Check
from ..program import FunctionCall
from .losses import op_of

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

    def function(self, call: FunctionCall) -> None:
        self.judge(call.argument(0, "input"), call.argument(1, "target"))

    def look(self, on: bool) -> None:
        self.differences.clear()

    def operation(self, op: Any, operands: tuple[Any, ...], result: Any) -> None:
        if op.name == "sub" and len(operands) == 2 and isinstance(result, Tensor) and result._node is not None:
            x, y = operands
            if isinstance(x, Tensor) and isinstance(y, Tensor) and x.shape == y.shape and (x._node is None) != (y._node is None):
                self.differences = {id(result): (weakref.ref(result), x, y)}
        elif op.name in OF_A_DIFFERENCE and self.differences and operands:
            known = self.differences.get(id(operands[0]))
            if known is not None and known[0]() is operands[0] and all(x is operands[0] or not isinstance(x, Tensor) for x in operands):
                self.judge(*known[1:])

    def judge(self, x: Any, y: Any) -> None:
        """Look whether what was computed can come to what it is compared with."""
        if not isinstance(x, Tensor) or not isinstance(y, Tensor) or x.shape != y.shape or not x.numel():
            return
        out, target = (x, y) if x._node is not None else (y, x)
        name = op_of(out)
        if target._node is not None or name not in RANGES or target._array.dtype.kind not in "fiub":
            return
        low, high = RANGES[name]
        share = share_beyond(target._array, low, high)
        if share < SHARE:
            return
        if self.times_here() == SEVERAL:
            reach = "is never negative" if isinf(high) else f"lies between {low:.3g} and {high:.3g}"
            ends = f"from {float(target._array.min()):.3g} to {float(target._array.max()):.3g}"
            message = f"The output is what {name}() returned, which {reach}, and the targets are {ends}:"
            self.found(f"{message} {100 * share:.0f}% of them are out of its reach.")


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
