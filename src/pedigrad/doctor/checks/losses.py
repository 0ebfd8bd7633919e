"""What losses are given: shapes that broadcast, scores that were squashed already, targets of another kind."""

from __future__ import annotations

import weakref
from math import prod
from typing import Any

import numpy as np

from ...core.graph import Leaf, Node
from ...core.tensor import Tensor
from ..findings import Check
from ..program import FunctionCall

ELEMENTWISE = ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "poisson_nll_loss", "soft_margin_loss")
BINARY = ("binary_cross_entropy", "binary_cross_entropy_with_logits")
CLASSES = ("cross_entropy", "nll_loss")
# Those whose targets are -1 or 1, and which argument these are.
SIGNS = {"hinge_embedding_loss": 1, "soft_margin_loss": 1, "cosine_embedding_loss": 2, "margin_ranking_loss": 2}
LOSSES = (*ELEMENTWISE, *BINARY, *CLASSES, "kl_div", "gaussian_nll_loss", "multi_margin_loss", "hinge_embedding_loss", "ctc_loss")
# Operations that only move values or drop some.
MOVES = frozenset(
    "view reshape flatten unflatten squeeze unsqueeze select slice index transpose permute dropout clone cast narrow expand"
    " contiguous t cat".split()
)
CLAMPS = frozenset("clamp clamp_min clamp_max clip hardtanh nan_to_num".split())
SEVERAL = 3
SEVERAL_LABELS = "Where a sample has several labels, or none, use binary_cross_entropy_with_logits (BCEWithLogitsLoss)."
TELLS = 5  # elements that a message shows


def source_of(tensor: Tensor, passing: frozenset[str] = MOVES) -> Node | None:
    """The node of the operation that computed a tensor's values: views and the like are passed over, or other operations `passing`."""
    return through(tensor._node, passing)


def through(node: Node | None, passing: frozenset[str] = MOVES) -> Node | None:
    """The same of a node that a tensor or an operand came from."""
    for _ in range(8):
        if node is None:
            return None
        node, _ = node.edge()
        op = getattr(node, "op", None)
        if op is None or op.name not in passing or not node.parents:
            return node
        node = node.parents[0]
    return node


def op_of(tensor: Any, passing: frozenset[str] = MOVES) -> str:
    """The name of the operation that computed a tensor's values, empty if there is none."""
    return name_of(source_of(tensor, passing)) if isinstance(tensor, Tensor) else ""


def name_of(node: Node | None) -> str:
    """The name of a node's operation, empty if it has none."""
    return getattr(getattr(node, "op", None), "name", "")


class LossBroadcasts(Check):
    """A loss (or a comparison) of (n, 1) with (n,), which is made of n x n pairs."""

    name = "loss-broadcasts"
    remedy = "Give both the same shape: output.squeeze(1), or target.unsqueeze(1)."
    functions = LOSSES

    def __init__(self, *given: Any):
        super().__init__(*given)
        self.outputs: dict[int, weakref.ref[Tensor]] = {}  # what came out of models, and what was computed from it without history
        self.each: dict[int, weakref.ref[Tensor]] = {}  # losses of single samples, and what was computed from them

    def function(self, call: FunctionCall) -> None:
        x, target = call.argument(0, "input"), call.argument(1, "target")
        if isinstance(call.result, Tensor) and call.result.ndim:
            self.each[id(call.result)] = weakref.ref(call.result)
        if call.name not in ELEMENTWISE:
            return
        if not isinstance(x, Tensor) or not isinstance(target, Tensor):
            return
        if is_crossed(x, target):
            self.cross(f"{call.name}()", x, target)
        elif are_crossed(x, target):
            n, shapes = x.shape[0], f"{tuple(x.shape)} and {tuple(target.shape)}"
            self.found(f"{call.name}() of shapes {shapes} pairs each sample with each: {n} x {n} pairs.")

    def called(self, call: Any) -> None:
        if call.output is not None:
            self.outputs[id(call.output)] = weakref.ref(call.output)

    def look(self, on: bool) -> None:
        if not on:  # as during a backward pass, after which accuracies are computed of what the model returned before
            self.outputs = {key: known for key, known in self.outputs.items() if known() is not None}
            self.each = {key: known for key, known in self.each.items() if known() is not None}

    def operation(self, op: Any, operands: tuple[Any, ...], result: Any) -> None:
        tensors = [x for x in operands if isinstance(x, Tensor)]
        derived = [t for t in tensors if self.is_output(t)]
        if derived and isinstance(result, Tensor):
            self.outputs[id(result)] = weakref.ref(result)
        losses = [t for t in tensors if is_known(t, self.each)]
        if isinstance(result, Tensor) and (losses or (derived and op.name == "sub")):
            self.each[id(result)] = weakref.ref(result)
        if len(tensors) != 2 or not is_crossed(*tensors):
            return
        if op.name in ("sub", "eq", "ne") and len(derived) == 1:
            self.cross(f"{op.name}()", *tensors)
        elif op.name in ("mul", "div") and len(losses) == 1:
            x, weights = tensors
            n, shapes = max(x.numel(), weights.numel()), f"{tuple(x.shape)} and {tuple(weights.shape)}"
            message = f"{op.name}() of shapes {shapes} weighs each loss by each weight: {n} x {n} products."
            self.found(message, remedy="Give both the same shape: loss.squeeze(1), or weight.unsqueeze(1).")

    def is_output(self, t: Tensor) -> bool:
        """Whether a tensor is a model's output, or was computed from one."""
        return is_known(t, self.outputs)

    def cross(self, what: str, x: Tensor, target: Tensor) -> None:
        """Enter a finding."""
        n = max(x.numel(), target.numel())
        self.found(f"{what} of shapes {tuple(x.shape)} and {tuple(target.shape)} pairs each element with each: {n} x {n} differences.")


def is_known(t: Tensor, tensors: dict[int, weakref.ref[Tensor]]) -> bool:
    """Whether a tensor is one of those that are known by their identity."""
    known = tensors.get(id(t))
    return known is not None and known() is t


def is_crossed(x: Tensor, y: Tensor) -> bool:
    """Whether of two shapes one is (..., n, 1) and the other (..., n) with n > 1, which broadcast to (..., n, n)."""
    long, short = (x, y) if x.ndim > y.ndim else (y, x)
    if long.ndim != short.ndim + 1 or not short.ndim or short.shape[-1] == 1 or op_of(long) in ("unsqueeze",):
        return False
    if long._view is not None and getattr(long._view.op, "name", "") in ("unsqueeze", "slice"):
        return False
    return long.shape[-1] == 1 and tuple(long.shape[:-1]) == tuple(short.shape)


def are_crossed(x: Tensor, y: Tensor) -> bool:
    """Whether two batches, of n samples each and of other shapes, broadcast to all pairs of their samples, as (n, 1, k) and (n, k) do."""
    if x.ndim == y.ndim or not x.ndim or not y.ndim or x.shape[0] != y.shape[0] or x.shape[0] < 2:
        return False
    try:
        shape = np.broadcast_shapes(x._array.shape, y._array.shape)
    except ValueError:
        return False
    return prod(shape) >= x.shape[0] * max(x.numel(), y.numel()) and not (has_new_axis(x) or has_new_axis(y))


def has_new_axis(t: Tensor) -> bool:
    """Whether a tensor is another in a shape that it was given for broadcasting."""
    node = t._node.edge()[0] if isinstance(t._node, Node) and t._node.__class__ is not Leaf else None
    op = t._view.op if t._view is not None else getattr(node, "op", None)
    return getattr(op, "name", "") in ("unsqueeze", "expand", "slice", "view", "reshape")


class SoftmaxTwice(Check):
    """Probabilities, or their logarithms, are given to a loss that takes scores and has its own softmax (or sigmoid)."""

    name = "softmax-twice"
    remedy = "Give the loss the raw scores: take the softmax (or sigmoid) out of the model, and use it only to read predictions."
    functions = ("cross_entropy", "nll_loss", "binary_cross_entropy_with_logits", "multilabel_soft_margin_loss")
    squashes = ("softmax", "log_softmax", "sigmoid", "logsigmoid", "hardsigmoid")

    def __init__(self, *given: Any):
        super().__init__(*given)
        self.alike = 0  # times that values were probabilities, whatever computed them

    def function(self, call: FunctionCall) -> None:
        x = call.argument(0, "input")
        name = op_of(x)
        if call.name == "nll_loss":
            self.twice(x)
        elif name in self.squashes:
            own = "softmax" if call.name == "cross_entropy" else "sigmoid"
            self.found(f"{call.name}() applies a {own} itself, and is given what {name}() returned.")
        elif call.name == "cross_entropy" and name in ("div", "mul", "exp") and self.alike < SEVERAL and is_distribution(x._array):
            self.alike += 1
            if self.alike == SEVERAL:
                message = f"cross_entropy() applies a softmax itself, and is given what {name}() returned: probabilities that add up to 1."
                self.found(message)

    def twice(self, x: Any) -> None:
        """Look whether the logarithms of probabilities that nll_loss is given are those of probabilities of probabilities."""
        node = source_of(x, MOVES | {"log"}) if isinstance(x, Tensor) else None
        op = None if node is None else getattr(node, "op", None)
        if node is None or op is None or op.name not in ("softmax", "log_softmax") or not node.parents:
            return
        inner = through(node.parents[0])
        name = name_of(inner)
        if name in self.squashes:
            self.found(f"{op.name}() is given what {name}() returned, which has applied one already.")


def is_distribution(array: np.ndarray[Any, Any]) -> bool:
    """Whether each row of an array is the probabilities of several classes."""
    if array.ndim < 2 or array.shape[1] < 2 or not array.size or array.min() < 0:
        return False
    return bool((np.abs(array.sum(1) - 1) < 1e-3).all())


class LogitsToBCE(Check):
    """Scores are given to `binary_cross_entropy`, which takes probabilities."""

    name = "logits-to-bce"
    remedy = "Use BCEWithLogitsLoss, or put a sigmoid before BCELoss."
    functions = ("binary_cross_entropy",)
    scores = frozenset("linear addmm conv1d conv2d conv3d convolution matmul mm bmm add sub relu tanh".split())

    def function(self, call: FunctionCall) -> None:
        x = call.argument(0, "input")
        if not isinstance(x, Tensor) or not x.numel():
            return
        low, high = float(x._array.min()), float(x._array.max())
        if low < 0 or high > 1:
            self.found(f"binary_cross_entropy() takes probabilities, and is given values from {low:.3g} to {high:.3g}.")
        elif (name := op_of(x, MOVES | CLAMPS)) in self.scores:
            clamped = op_of(x) in CLAMPS
            how = f"clamped to {low:.3g} and {high:.3g}: nothing is learnt outside" if clamped else "which is not kept within 0 and 1"
            self.found(f"binary_cross_entropy() takes probabilities, and is given what {name}() returned, {how}.")


class NotLogProbabilities(Check):
    """`nll_loss` or `kl_div` is given something else than logarithms of probabilities."""

    name = "not-log-probabilities"
    remedy = "Put log_softmax before nll_loss and kl_div, or use cross_entropy on raw scores."
    functions = ("nll_loss", "kl_div")

    def function(self, call: FunctionCall) -> None:
        x = call.argument(0, "input")
        if not isinstance(x, Tensor) or not x.numel():
            return
        high = float(x._array.max())
        if call.name == "nll_loss" and high <= 1e-3 and op_of(x) == "log_softmax":
            self.over(x._array)
        elif high > 1e-3 or op_of(x) == "softmax":
            what = f"what {op_of(x)}() returned" if op_of(x) else "something else"
            self.found(f"{call.name}() takes logarithms of probabilities, which are 0 at most, and is given {what}, up to {high:.3g}.")

    def over(self, array: np.ndarray[Any, Any]) -> None:
        """Look whether a softmax was taken over another dimension than that of the classes."""
        if array.ndim < 2 or array.shape[1] < 2 or array.dtype.itemsize < 4:
            return
        sums = [np.exp(array).sum(dim) for dim in range(array.ndim)]
        other = next((dim for dim, each in enumerate(sums) if np.allclose(each, 1, atol=1e-3)), None)
        if other is not None and not np.allclose(sums[1], 1, atol=1e-3):
            over = "the samples" if other == 0 else f"dimension {other}"
            message = f"nll_loss() is given what log_softmax() computed over {over}: the probabilities of its classes do not add up to 1."
            self.found(message, remedy="Take log_softmax over the classes, log_softmax(x, dim=1), or use cross_entropy on raw scores.")


class TargetOfWrongType(Check):
    """A loss is given targets of a dtype or shape that it does not take."""

    name = "target-dtype"
    remedy = (
        "Class indices are integers (target.long()) of the shape of the scores without the classes; targets of other losses are floats."
    )
    functions = (*CLASSES, *BINARY, *ELEMENTWISE)

    def function(self, call: FunctionCall) -> None:
        x, target = call.argument(0, "input"), call.argument(1, "target")
        if call.error is None or not isinstance(x, Tensor) or not isinstance(target, Tensor):
            return
        whole = target._array.dtype.kind in "iub"
        of_classes = call.name in CLASSES
        shape = tuple(x.shape[:1] + x.shape[2:]) if x.ndim > 1 else ()  # of class indices
        misshapen = of_classes and whole and tuple(target.shape) != shape
        wrong = misshapen or (whole if not of_classes else not whole and x.shape != target.shape)
        if wrong or isinstance(call.error, NotImplementedError):
            shapes = f"of shape {tuple(target.shape)} for an input of shape {tuple(x.shape)}"
            remedy = ""
            if misshapen and target.numel() == np.prod(shape, dtype=int):
                remedy = f"Class indices have the shape of the scores without the classes, here {shape}: target.reshape({shape})"
                remedy += ", or target.squeeze(1)." if target.ndim > 1 and target.shape[1] == 1 else "."
            elif misshapen and target.ndim == x.ndim and target.shape == x.shape:
                remedy = "Targets one-hot are floats (target.float()); class indices are target.argmax(1)."
            elif of_classes and not whole and tuple(target.shape) == shape:
                remedy = "Class indices are integers: target.long()."
            elif not of_classes and whole:
                remedy = "Targets of this loss are floats: target.float()."
            self.found(f"{call.name}() is given a target of dtype {target.dtype} {shapes}, which it does not take.", remedy=remedy)


def is_swapped(x: Tensor, target: Tensor) -> bool:
    """Whether what should be a loss's input is data, 0 and 1, and its target was computed by a model."""
    if x._node is not None or target._node is None or isinstance(target._node, Leaf):
        return False
    return bool(((x._array == 0) | (x._array == 1)).all())


class TargetOutOfRange(Check):
    """A loss is given targets that are no classes, no probabilities, or no signs."""

    name = "target-range"
    remedy = "Classes count from 0 to the number of scores less one; probabilities lie between 0 and 1."
    functions = (*CLASSES, *BINARY, *SIGNS)

    def __init__(self, *given: Any):
        super().__init__(*given)
        self.seen = 0
        self.bits: dict[str, int] = {}  # by loss of signs, calls with targets 0 and 1; less than 0 where there were others
        self.lowest: dict[int, int] = {}  # by the number of scores, the lowest class so far

    def function(self, call: FunctionCall) -> None:
        if call.name in SIGNS:
            return self.signs(call.name, call.argument(SIGNS[call.name], "target"))
        x, target = call.argument(0, "input"), call.argument(1, "target")
        if not isinstance(x, Tensor) or not isinstance(target, Tensor) or not target.numel() or not x.ndim:
            return
        if (
            call.name in (*BINARY, "cross_entropy")
            and is_swapped(x, target)
            and not (call.name in CLASSES and is_distribution(target._array))
        ):
            message = f"{call.name}() is given the target first, which is 0 and 1, and what the model computed second."
            return self.found(message, remedy="The order is (input, target): criterion(output, target).")
        self.seen += 1
        if call.error is None and self.seen > 200:
            return
        values = target._array
        if call.name in CLASSES and values.dtype.kind in "iu":
            self.classes(call, x, values)
        elif values.dtype.kind in "fiub" and (call.name in BINARY or x.shape == target.shape):
            values = values.astype(np.float32)
            if values.min() < 0 or values.max() > 1:
                low, high = values.min(), values.max()
                message = f"{call.name}() takes probabilities as targets, and is given values from {low:.3g} to {high:.3g}."
                how = "(y + 1) / 2" if low == -1 and high == 1 else "target / 255" if low >= 0 and high > 1 else "or clamp them"
                self.found(message, remedy=f"Probabilities lie between 0 and 1: scale the targets, {how}.")
            elif call.name == "cross_entropy" and x.ndim > 1 and x.shape[1] == 1:
                message = "cross_entropy() is given scores of one class, whose probability is always 1: there is nothing to learn."
                self.found(message, remedy="Use binary_cross_entropy_with_logits (BCEWithLogitsLoss), or give two scores.")
            elif call.name in CLASSES and not np.allclose(values.sum(1 if values.ndim > 1 else 0), 1, atol=1e-2):
                several = "" if ((values != 0) & (values != 1)).any() else SEVERAL_LABELS
                self.found(f"{call.name}() is given probabilities of classes that do not add up to 1.", remedy=several)

    def signs(self, name: str, target: Any) -> None:
        """Look at targets that are to be -1 or 1: with 0 in the place of -1 these losses are something else."""
        times = self.bits.get(name, 0)
        if not isinstance(target, Tensor) or times < 0 or times >= SEVERAL:
            return
        values = target._array
        if ((values != 0) & (values != 1)).any():
            self.bits[name] = -1
        elif (values == 0).any():
            self.bits[name] = times + 1
            if times + 1 == SEVERAL:
                message = f"{name}() takes targets -1 and 1, and is given 0 and 1: what is marked 0 counts as neither."
                self.found(message, remedy="Targets of this loss are signs: give 2 * target - 1.")

    def classes(self, call: FunctionCall, x: Tensor, values: Any) -> None:
        """Look at class indices."""
        ignored = call.argument(4, "ignore_index", -100)
        classes = x.shape[0] if x.ndim == 1 else x.shape[1]
        low = int(values.min())
        if low >= 0:
            self.lowest[classes] = low = min(low, self.lowest.get(classes, low))
        if low >= 0 and values.max() < classes:
            return
        wrong = np.unique(values[(values != ignored) & ((values < 0) | (values >= classes))])
        if wrong.size:
            few = ", ".join(map(str, wrong[:TELLS].tolist()))
            which = "a class that is not there" if wrong.size == 1 else "classes that are not there"
            message = f"{call.name}() is given {which}: {few}; the scores are of {classes} classes, 0 to {classes - 1}."
            known = values[values != ignored]
            remedy = ""
            if known.min() >= 1 and known.max() == classes and low:
                remedy = "These classes seem to be counted from 1: give target - 1."
            elif known.min() >= 0:
                least = int(known.max()) + 1
                remedy = f"Give the last layer as many outputs as there are classes ({least} at least), or number them anew from 0."
            elif known.max() < classes:
                low = int(known.min())
                remedy = f"Number the classes from 0; where {low} marks what is to be left out, say ignore_index={low}."
            self.found(message, remedy=remedy)
