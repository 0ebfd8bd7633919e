"""Linear layers that follow each other."""

from __future__ import annotations

import weakref
from dataclasses import dataclass, field
from typing import Any

from ...core import modes
from ...core.graph import Leaf, Node
from ...core.origin import Origin
from ...core.scope import Scope, here
from ...core.tensor import Tensor
from ...nn.linear import Linear
from ..findings import Check
from ..program import Pass

SEVERAL = 3
KNOWN = 4096  # outputs that are kept in mind
DIVIDE = frozenset("chunk split split_with_sizes tensor_split unbind unflatten narrow slice".split())


@dataclass
class Projected:
    """What a linear layer made, or its weight: the tensor, the layer, where it ran, and which operations used it since the last pass."""

    tensor: weakref.ref[Tensor]
    layer: Linear
    scope: Scope
    code: Any  # of the user's function that ran it
    origin: Origin
    uses: list[str] = field(default_factory=list)

    def follows(self, other: Projected) -> bool:
        """Whether one forward runs the two layers in a row, and what is between them is no bottleneck."""
        if self.scope.outer is None or self.scope.outer is not other.scope.outer or self.code is not other.code:
            return False
        return self.layer is not other.layer and self.layer.in_features >= min(other.layer.in_features, self.layer.out_features)


class LinearAfterLinear(Check):
    """A linear layer is given what another one returned: the two are no more than one."""

    name = "linear-after-linear"
    remedy = "Put an activation between them (nn.ReLU(), say), or leave one of them out."

    def __init__(self, *given: Any):
        super().__init__(*given)
        self.known: dict[int, Projected] = {}  # by the identity of the tensor, outputs and weights
        self.pairs: list[tuple[Projected, Projected]] = []  # one that is given the other's output
        self.times: dict[tuple[int, int], int] = {}  # by the layers; less than 0 where something else is between

    def look(self, on: bool) -> None:
        self.known.clear()
        self.pairs.clear()

    def operation(self, op: Any, operands: tuple[Any, ...], result: Any) -> None:
        if not modes.grad_enabled():
            return
        made = self.projected(operands, result) if op.name == "linear" else None
        if made is not None:
            if len(self.known) > KNOWN:
                self.look(False)
            weight = made.layer.weight
            self.known.setdefault(id(weight), Projected(weakref.ref(weight), made.layer, made.scope, made.code, made.origin))
            if (before := self.of(operands[0])) is not None and made.follows(before):
                self.pairs.append((before, made))
            self.known[id(result)] = made
        for each in operands:
            if (used := self.of(each)) is not None:
                divides = op.name in DIVIDE or (op.name in ("view", "reshape") and result.ndim > each.ndim)
                used.uses.append("divides" if divides else op.name)

    def of(self, value: Any) -> Projected | None:
        """What is known of a value."""
        known = self.known.get(id(value))
        return known if known is not None and known.tensor() is value else None

    def projected(self, operands: tuple[Any, ...], result: Any) -> Projected | None:
        """What is to be known of the output of a layer that is trained and runs by itself, not within an attention."""
        scope = here.get().scope
        layer = None if scope is None else scope.module()
        if scope is None or type(layer) is not Linear or layer.weight is not operands[1] or layer.weight._node.__class__ is not Leaf:
            return None
        if not layer.weight.requires_grad or result._node is None:
            return None
        node: Node = result._node.edge()[0]
        return Projected(weakref.ref(result), layer, scope, node.code, node.origin)

    def backward(self, run: Pass) -> None:
        for before, after in self.pairs:
            layers = id(before.layer), id(after.layer)
            weights = [self.of(each.layer.weight) for each in (before, after)]
            alone = before.tensor() is None and len(before.uses) == 1 and all(w is not None and len(w.uses) == 1 for w in weights)
            times = self.times.get(layers, 0)
            self.times[layers] = times + 1 if alone and "divides" not in after.uses and times >= 0 else -1
            if times + 1 == self.times[layers] == SEVERAL and run.accumulates:
                self.tell(before, after)

    def backwarded(self, run: Pass) -> None:
        self.known.clear()
        self.pairs.clear()

    def tell(self, before: Projected, after: Projected) -> None:
        """Enter a finding, where both are trained."""
        owned = self.program.optimized()
        if all(id(each.layer.weight) in owned for each in (before, after)):
            sizes = " and ".join(f"({each.layer.in_features}, {each.layer.out_features})" for each in (before, after))
            message = f"Linear layers of {sizes} follow each other with nothing between: together they are one linear layer."
            self.found(message, after.origin, scope=after.scope)
