"""How large things are: losses and gradients that are not finite, gradients that explode or vanish."""

from __future__ import annotations

from collections import deque
from math import isfinite, prod, sqrt
from typing import Any

import numpy as np

from ...autograd.nonfinite import ancestors, first_in_graph, in_words, is_finite, known_values, ranges
from ...core.graph import Leaf, Node
from ...core.origin import NOWHERE, Origin
from ...core.tensor import Tensor
from ..findings import Check
from ..program import Pass, Updater, gradient_of
from .losses import name_of

SEVERAL = 3
GIVEN = "The data have it already: look where they are made (a division by a deviation of 0, a logarithm, missing values)."
SLOWER = "Lower the learning rate; where that does not do, scale inputs and targets, or clip gradients (clip_grad_norm_)."
LARGE = 1e3  # a gradient's largest element, and its norm in norms of its parameter, above which it explodes
SMALL = 1e-6  # a layer's largest gradient, in that of the layer with the largest, below which it vanishes
NEAR = 6  # operations between a loss and the sum that it is
GROWTH = 1e6  # of a loss from pass to pass, in so few, that only too long steps make
LAYERS = 4  # as many layers at least for gradients to vanish in


class LossNotFinite(Check):
    """The loss is nan or infinite."""

    name = "loss-not-finite"
    remedy = (
        "Keep the operands in the operation's domain (an epsilon in log, sqrt and division, scores into *_with_logits losses), or lower the"
        " learning rate."
    )
    always = ever = ("backward",)

    def __init__(self, *given: Any):
        super().__init__(*given)
        self.told = False  # what comes after the first follows from it
        self.sizes: deque[float] = deque(maxlen=4)  # of the last losses

    def backward(self, run: Pass) -> None:
        if self.told or self.program.spoilt:
            return
        for loss in run.tensors:
            array = loss._array
            if array.size == 1 and array.dtype.kind == "f" and isfinite(value := array.item()):
                self.sizes.append(abs(value))
                continue
            if array.dtype.kind == "f" and not np.isfinite(array).all() and loss._node is not None:
                self.told = True
                first = first_in_graph(loss._node)
                kind = "nan" if np.isnan(loss._array).any() else "infinite"
                message = f"The loss is {kind} at backward pass {run.number + 1}. "
                given = first is not None and "needs no gradient" in first.what
                message += in_words(first) if first is not None else "What it was computed from is finite as far as it was saved."
                remedy = GIVEN if given else ""
                if not given and self.grows():
                    terms = terms_of(loss._node)
                    of = f", for a loss that is a sum over {terms} elements" if terms > 1 else ""
                    how = (
                        f"The loss grows from pass to pass, from {self.sizes[0]:.3g} to {self.sizes[-1]:.3g} in the last {len(self.sizes)}"
                    )
                    message = f"{how}: the learning rate is too high{of}. {message}"
                    remedy = "Take the mean instead of the sum, or lower the learning rate." if terms > 1 else SLOWER
                at = first.node if first is not None and first.origin.code is not None else run.origin
                self.found(message, at, remedy)

    def grows(self) -> bool:
        """Whether the last losses grew without bound."""
        sizes = [*self.sizes]
        return len(sizes) >= SEVERAL and sizes == sorted(sizes) and sizes[-1] > GROWTH * max(sizes[0], 1e-3)


class GradientNotFinite(Check):
    """The gradient of a finite value is nan or infinite."""

    name = "gradient-not-finite"
    remedy = (
        "The slope is infinite there: add an epsilon, as in sqrt(x + eps), clamp before the operation and not after it, or use torch.where"
        " on its operand."
    )

    def __init__(self, *given: Any):
        super().__init__(*given)
        self.told = False
        self.scaler: Any = None  # scales losses: where gradients overflow by that, it leaves the step out
        self.skipped: tuple[str, Origin, Any] | None = None  # what was not finite, and is no matter unless a step uses it

    def scaling(self, scaler: Any) -> None:
        self.scaler = scaler

    def step(self, updater: Updater) -> None:
        if self.skipped is not None:
            (message, origin, scope), self.skipped = self.skipped, None
            gradients = map(gradient_of, updater.parameters)
            if not all(is_finite(array) for array in gradients if array is not None):
                self.told = self.program.spoilt = True
                self.found(message, origin, scope=scope)

    def not_finite(self, node: Node, given: Any, run: Pass) -> None:
        scaled = self.scaler is not None and self.scaler.get_scale() >= 1
        if scaled and self.skipped is not None:
            return
        g = given if isinstance(given, list) else [given]
        arrays = [x._array if isinstance(x, Tensor) else x for x in g if x is not None]
        if self.told or not all(np.isfinite(a).all() for a in arrays) or not all(np.isfinite(t._array).all() for t in run.tensors):
            return
        name = node.op.name if getattr(node, "op", None) is not None else node.name()
        operands = ranges(node, known_values(ancestors(node)))
        message = f"The gradient of {name}() is nan or infinite, where what arrived at it is finite ({_largest(arrays)} at most)"
        message += f"; its operands: {operands}." if operands else "."
        if scaled:
            self.skipped = message, node.origin, node.scope
            return
        self.told = self.program.spoilt = True
        self.found(message, node)


def _largest(arrays: list[Any]) -> str:
    return f"{max((float(np.abs(a).max()) for a in arrays if a.size), default=0.0):.3g}"


def norm_of(array: np.ndarray[Any, Any]) -> float:
    """The Euclidean norm of an array."""
    if not array.flags.c_contiguous or array.dtype.itemsize < 4:
        return float(np.linalg.norm(array.astype(np.float64)))
    flat = array.reshape(-1)
    squares = float(flat.dot(flat))
    return sqrt(squares) if isfinite(squares) else float(np.linalg.norm(array.astype(np.float64)))


class Exploding(Check):
    """Gradients are huge, or grow by factors of thousands."""

    name = "gradients-explode"
    remedy = "Clip them (torch.nn.utils.clip_grad_norm_), lower the learning rate, normalize inputs and layers, or initialize smaller."

    def __init__(self, *given: Any):
        super().__init__(*given)
        self.huge: dict[int, int] = {}
        self.tensors: dict[int, tuple[Tensor, float]] = {}
        self.first: dict[int, list[float]] = {}
        self.ended = False  # they have become nan or infinite
        self.summed = 1  # terms that a loss is the sum of, where it is no mean: as many times larger is its gradient

    def backward(self, run: Pass) -> None:
        if run.number < 10 or run.number % 16 == 0:
            self.summed = max((terms_of(t._node) for t in run.tensors if isinstance(t._node, Node)), default=1)

    def step(self, updater: Updater) -> None:
        for p in updater.parameters if updater.sampled else ():
            array = gradient_of(p)
            if array is None or array.dtype.kind != "f" or not array.size:
                continue
            early = self.first.setdefault(id(p), [])
            norm = norm_of(array)
            if len(early) == SEVERAL and norm <= LARGE:
                continue  # its largest element is no larger
            largest = float(np.abs(array).max())
            if not isfinite(largest):
                self.ended = True
                continue
            own = norm_of(p._array)
            if len(early) < SEVERAL:
                early.append(largest)
            usual = sorted(early)[len(early) // 2]
            large = LARGE * self.summed
            if largest <= large or norm <= large / 10 * max(own, 1e-3):
                continue
            if largest < 100 * large and not self.moves_far(updater, p, norm, own):
                continue
            if largest > 100 * usual or norm > large * max(own, 1e-3):
                self.huge[id(p)] = self.huge.get(id(p), 0) + 1
                self.tensors[id(p)] = (p, largest)

    def moves_far(self, updater: Updater, p: Tensor, norm: float, own: float) -> bool:
        """Whether the step that is due is longer than the parameter: a rate that was chosen for large gradients keeps it short."""
        if updater.name != "SGD":
            return True
        rate = next((g["lr"] for g in updater.optimizer.param_groups if any(each is p for each in g["params"])), 1.0)
        return float(rate) * norm > max(own, 1.0)

    def finish(self) -> None:
        worst = [self.tensors[key] for key, times in self.huge.items() if times >= (1 if self.ended else SEVERAL)]
        if worst:
            p, largest = max(worst, key=lambda pair: pair[1])
            updater = next(u for u in self.program.updaters.values() if u.steps)
            names = self.program.name_of(p)
            self.found(
                f"Gradients explode: that of {names} reaches {largest:.3g}, in {self.huge[id(p)]} of the steps looked at.", updater.last
            )


def terms_of(node: Node | None) -> int:
    """Of how many terms a loss is the sum, 1 if it is a mean."""
    terms = 1
    level: list[Node | None] = [node]
    for _ in range(NEAR):  # operations on single numbers come after the sum
        inners = [each.edge()[0] for each in level if each is not None and not isinstance(each, Leaf) and each.shape == ()]
        for inner in inners:
            name, saved = name_of(inner), inner.saved
            if isinstance(saved, tuple) and name == "sum" and isinstance(saved[0], tuple):
                terms = max(terms, prod(saved[0]))
            elif isinstance(saved, tuple) and any(isinstance(x, str) and x == "sum" for x in saved):
                terms = max([terms, *(x.size for x in saved if isinstance(x, np.ndarray))])
        level = [parent for inner in inners for parent in inner.parents]
    return terms


class Vanishing(Check):
    """Gradients of some layers are smaller by factors of millions than those of others."""

    name = "gradients-vanish"
    remedy = (
        "Use activations like ReLU, residual connections, normalization, or an initialization that keeps the scale"
        " (nn.init.kaiming_normal_)."
    )

    def __init__(self, *given: Any):
        super().__init__(*given)
        self.seen: dict[int, int] = {}
        self.small: dict[int, dict[int, int]] = {}
        self.example: dict[int, tuple[Tensor, float, Tensor, float]] = {}

    def step(self, updater: Updater) -> None:
        if not updater.sampled:
            return
        layers = [(p, g) for p in updater.parameters if p.ndim > 1 and (g := gradient_of(p)) is not None and g.dtype.kind == "f" and g.size]
        if len(layers) < LAYERS:
            return
        sizes = [(p, float(np.abs(g).max())) for p, g in layers]
        top, most = max(sizes, key=lambda pair: pair[1])
        key = updater.number
        self.seen[key] = self.seen.get(key, 0) + 1
        counts = self.small.setdefault(key, {})
        for p, size in sizes:
            if 0 < size < SMALL * most:
                counts[id(p)] = counts.get(id(p), 0) + 1
                self.example.setdefault(id(p), (p, size, top, most))

    def finish(self) -> None:
        for updater in self.program.updaters.values():
            seen = self.seen.get(updater.number, 0)
            least = [self.example[key] for key, n in self.small.get(updater.number, {}).items() if seen >= SEVERAL and n > seen / 2]
            if least:
                p, size, top, most = min(least, key=lambda entry: entry[1])
                message = f"Gradients vanish: the largest element in that of {self.program.name_of(p)} is {size:.2g}, in that of"
                at = self.program.made_at(p)
                self.found(f"{message} {self.program.name_of(top)} {most:.2g}.", at if at is not NOWHERE else updater.last)
