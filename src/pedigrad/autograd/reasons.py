"""Why a gradient is None, zero, huge or nan: the way from a loss to a tensor, with the line where it was cut or where it changed."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from math import log
from typing import Any

import numpy as np

from ..core.graph import Leaf, Node, Output, Packed, Remade
from ..core.history import refresh
from ..core.origin import Origin, located, outside
from ..core.sparse_tensor import elements_of
from ..core.tensor import Cut, Tensor
from ..core.traces import variables_of
from .nonfinite import (
    First,
    ancestors,
    called,
    count_of,
    first_in_graph,
    in_words,
    is_finite,
    known_values,
    name_of,
    ranges,
    saved_by,
    span_of,
)
from .passing import Passed, largest
from .stops import stopped

Array = np.ndarray[Any, Any]
STEPS = 12  # operations of a path that are shown
GROWS = 10.0  # a factor by which a gradient grows in one operation that is worth telling
ALONE = 0.6  # the share of all growth, by its logarithm, from which on one operation explains it
HUGE, TINY = 1e4, 1e-8


class Why:
    """The answer of `why`: `kind` says what the gradient is, `text` why, in words with lines. It prints as the text."""

    def __init__(self, kind: str, lines: list[str], first: First | None = None, origin: Origin | None = None, scope: Any = None):
        self.kind = kind  # "none", "zero", "huge", "tiny", "not finite", "fine", or of a value "value not finite"
        self.text = "\n".join(lines)
        self.first = first  # where a value that is not finite began
        self.origin = origin  # the line that is to blame, if there is one
        self.scope = scope  # and the module that ran it

    def __str__(self) -> str:
        return self.text

    __repr__ = __str__


def why(x: Tensor, loss: Tensor | None = None) -> Why:
    """Why the gradient of `x` is what it is: None, zero, huge or nan; or, of an `x` that is not finite itself, where that began.

    Without `loss` the youngest tensor with a history among the caller's variables is taken. Nothing is written to; what the graph has
    saved is used, so ask before `backward()` or with `retain_graph=True` where you want more than the way.

    >>> import pedigrad as torch
    >>> w = torch.ones(2, requires_grad=True)
    >>> loss = (w.detach() * torch.ones(2, requires_grad=True)).sum()
    >>> torch.why(w, loss).kind
    'none'
    """
    for argument, given in (("x", x), ("loss", loss)):
        if not isinstance(given, Tensor) and (argument == "x" or given is not None):
            hint = " (of a number that item() or float() gave nobody knows the history)" if isinstance(given, (int, float)) else ""
            raise TypeError(located(f"why(): argument '{argument}' must be Tensor, not {type(given).__name__}{hint}"))
    refresh(x)
    if not is_finite(elements_of(x)):
        return value_not_finite(x)
    name = called(x)
    if loss is None:
        loss, found = youngest(x)
        if loss is None:
            return without_loss(x, name)
        against = f"{found!r} (the youngest result among your variables)"
    else:
        against = f"{called(loss) or 'the loss'!r}"
    refresh(loss)
    name = name or "it"
    if x._node is None:
        return Why("none", [f"{name} needs no gradient: {no_history(x)}."], origin=x._cut.origin if x._cut else None)
    if loss._node is None:
        return Why("none", [f"{against} has no history to go back through: {no_history(loss)}."])
    nodes = ancestors(loss._node)
    if all(node is not x._node for node in nodes):
        return not_reached(x, name, loss, against)
    return Reached(x, name, loss, against, nodes).answer()


def youngest(x: Tensor) -> tuple[Tensor | None, str]:
    """The youngest single number with a history among the variables of the user's frame, or else the youngest tensor, and its name.

    Of a result only what was computed from it counts.
    """
    found = [
        (value.numel() == 1, value._node.seq, name, value)
        for name, value in variables_of(outside(sys._getframe(1)))
        if isinstance(value, Tensor) and value is not x and value._node is not None and not isinstance(value._node, Leaf)
    ]
    if x._node is not None and not isinstance(x._node, Leaf):
        found = [entry for entry in found if leads_to(entry[3]._node, x._node)]  # type: ignore[arg-type]
    if not found:
        return None, ""
    _, _, name, value = max(found, key=lambda entry: entry[:2])
    return value, name


def no_history(tensor: Tensor) -> str:
    """Why a tensor has no history."""
    if tensor._cut is not None:
        return f"{tensor._cut.reason} {tensor._cut.place}"
    if elements_of(tensor).dtype.kind not in "fcV":
        return f"its dtype is {tensor.dtype}, and only floats have gradients"
    return "nothing it was computed from has requires_grad=True, and it was not asked for"


def without_loss(x: Tensor, name: str) -> Why:
    """The answer where no loss is given, and none is found."""
    if x._node is None:
        return Why("none", [f"{name or 'it'} needs no gradient: {no_history(x)}."])
    if not isinstance(x._node, Leaf):
        name = name or "x"
        value = f"it is {elements_of(x).item():.4g}" if x.numel() == 1 else f"it goes {span_of(elements_of(x))}"
        lines = [f"The value of {name} is finite, {value}; among your variables nothing was computed from it."]
        ask = f"Ask why(w, {name}) for the gradient of a parameter w that it was computed from"
        lines.append(f"  {ask}." if x.numel() == 1 else f"  {ask}, or why({name}, loss) for its own.")
        return Why("fine", lines)
    name = name or "it"
    return Why("none", [f"Give the loss, why({name}, loss): among your variables there is no result that leads to {name}."])


def value_not_finite(x: Tensor) -> Why:
    """Where the value of `x` became nan or infinite."""
    if x._node is None or isinstance(x._node, Leaf):
        return Why("value not finite", [f"The tensor's own value is not finite ({count_of(elements_of(x))}); no operation made it."])
    first = first_in_graph(x._node)
    if first is None:  # it is what the last operation made of finite numbers, if all before it is known
        freed = any(not saved_by(n) and getattr(n, "op", None) is not None and n.keeps_arrays for n in ancestors(x._node))
        if freed:
            said = "Of what it was computed from nothing is left: a backward pass has used it up. Ask before backward()."
            return Why("value not finite", [f"The value is not finite. {said}"])
        first = first_in_graph(x._node, elements_of(x))
        assert first is not None
    return Why("value not finite", [in_words(first)], first, first.origin)


def cuts_between(root: Node) -> Iterator[Cut]:
    """The places where what `root` was computed from was cut off from its history, the youngest first."""
    for node in reversed(ancestors(root)):
        cut = getattr(node, "cut", None)
        if cut is not None:
            yield cut


def leads_to(node: Node, wanted: Node) -> bool:
    """Whether a node came from another."""
    return any(each is wanted for each in ancestors(node))


def not_reached(x: Tensor, name: str, loss: Tensor, against: str) -> Why:
    """The answer where no way leads from the loss to the tensor."""
    assert x._node is not None and loss._node is not None
    lines = [f"The gradient of {name} is None: no operation leads from {against} to it."]
    cuts = list(cuts_between(loss._node))
    sure = [cut for cut in cuts if any(leads_to(node, x._node) for node in cut.behind)]
    for cut in sure[:3]:
        lines.append(f"  What was computed from it was {verb(cut.reason)} {cut.place}")
    if not sure:
        gone = [cut for cut in cuts if not (cut.behind and cut.is_known) and not cut.reason.startswith("frozen")]
        for cut in gone[:3]:
            lines.append(f"  A value on the way was {verb(cut.reason)} {cut.place} (what was before it is gone, so this may be it)")
        if not gone:
            lines.append(
                f"  None of the operations before {against} uses it: look whether forward() does,"
                " and whether it is the tensor that the model has now."
                " Values that item(), tolist(), numpy() or .data have taken out of tensors have no history either."
            )
    culprit = next(iter(sure or cuts), None)
    return Why("none", lines, origin=None if culprit is None else culprit.origin)


def verb(reason: str) -> str:
    """A cut's reason as what was done to a value."""
    return reason if reason.startswith(("detached", "computed", "frozen")) else f"cut off: {reason},"


class Reached:
    """The answer where a way leads from the loss to the tensor."""

    def __init__(self, x: Tensor, name: str, loss: Tensor, against: str, nodes: list[Node]):
        self.x, self.name, self.loss, self.against = x, name, loss, against
        self.useful = towards(nodes, x._node)  # type: ignore[arg-type]
        self.gone = next((n for n in self.useful.values() if n.keeps_arrays and not isinstance(n.saved, (tuple, Packed, Remade))), None)

    def answer(self) -> Why:
        """What to say."""
        kept = self.x.grad if self.x.is_leaf or self.x.retains_grad else None
        if self.gone is not None:
            return self.after_backward(kept)
        passed = Passed(self.loss, self.useful)
        gradients = passed.gradients
        g = gradients.get(self.x._node.seq)  # type: ignore[union-attr]
        if g is None:
            return Why("none", [f"The rules on the way from {self.against} to {self.name} give no gradient.", *self.path()])
        if not is_finite(g):
            return self.not_finite(gradients)
        most = largest(g)
        if most == 0:
            return self.zero(passed)
        lines = [self.said_of(g)]
        if not self.x.is_leaf and kept is None:
            lines.append("  Its .grad stays None all the same: it is no leaf. Call retain_grad() on it before backward().")
        elif kept is None:
            lines.append("  Its .grad is None as long as backward() was not called.")
        kind = "huge" if most > HUGE else "tiny" if most < TINY else "fine"
        return Why(kind, [*lines, *self.changes(passed, kind), *self.hooked(), *self.path()])

    def said_of(self, g: Array) -> str:
        """What the gradient is, in a sentence."""
        return f"The gradient of {self.name} {'goes' if is_finite(g) else 'is not finite:'} {span_of(g)}."

    def hooked(self) -> list[str]:
        """The results on the way whose hooks may give other gradients: they do not run here."""
        on = [n for n in self.useful.values() if n.hooks is not None and (n.hooks.on_gradient or n.hooks.after or n.hooks.before)]
        whose = (self.name if isinstance(n, Leaf) else f"the result of {name_of(n)}() {n.place}" for n in on[:3])
        return [f"  A hook on {each} may change it: hooks do not run here." for each in whose]

    def after_backward(self, kept: Tensor | None) -> Why:
        """The answer where a backward pass has used up what was saved: what `.grad` says, and the way."""
        assert self.gone is not None
        origin = getattr(self.gone.saved, "origin", None)
        when = f" at {origin}" if origin is not None else ""
        if kept is None:
            what = (
                "was set to None since" if self.x.is_leaf else "is not kept: it is no leaf, so call retain_grad() on it before backward()"
            )
            lines = [f"A backward pass has run{when}; the gradient of {self.name} {what}."]
            return Why("none", [*lines, *self.path()])
        array = elements_of(kept)
        kind = "not finite" if not is_finite(array) else "zero" if not array.any() else "fine"
        if kind == "fine":
            most = largest(array)
            kind = "huge" if most > HUGE else "tiny" if most < TINY else kind
        lines = [self.said_of(array)]
        if kind != "fine":
            lines.append(
                f"  What the operations saved was used up{when}: ask before backward(), or use backward(retain_graph=True), to hear where."
            )
        return Why(kind, [*lines, *self.path()])

    def zero(self, passed: Passed) -> Why:
        """Where the gradient becomes zero."""
        lines = [f"The gradient of {self.name} is zero."]
        origin = scope = None
        for node in sorted(self.useful.values(), key=lambda n: -n.seq):
            said, by = self.ends_at(node, passed)
            if said:
                if origin is None:
                    origin, scope = by.origin, by.scope
                lines.append(f"  {said}")
                if len(lines) > 3:
                    break
        return Why("zero", [*lines, *self.path()], origin=origin, scope=scope)

    def ends_at(self, node: Node, passed: Passed) -> tuple[str, Node]:
        """How the gradient becomes zero at a node, in words that are empty if it does not, and whose line is to blame."""
        g, shares = passed.arriving.get(node.seq), passed.shares.get(node.seq, [])
        if largest(g) and passed.on_the_way(node) and not any(passed.given.get(node.seq, {0: 1.0}).values()):
            return f"It becomes zero in {name_of(node)}() {node.place}: {stopped(node, passed)}", node
        most = max((each for _, each in shares), default=0.0)
        if not most or largest(g):
            return "", node
        youngest = max((by for by, each in shares if each), key=lambda n: n.seq)
        where = self.name if isinstance(node, Leaf) else f"the result of {name_of(node)}() {node.place}"
        several = f"{len(shares)} of them, with elements of up to {most:.3g}"
        first = f"the first comes from {name_of(youngest)}() {youngest.place}"
        return f"The gradients that arrive at {where} cancel out ({several}): {first}", youngest

    def not_finite(self, gradients: dict[int, Array]) -> Why:
        """Where the gradient becomes nan or infinite."""
        lines = [self.said_of(gradients[self.x._node.seq])]  # type: ignore[union-attr]
        for node in sorted(self.useful.values(), key=lambda n: -n.seq):
            g = gradients.get(node.seq)
            if g is None or not is_finite(g) or isinstance(node, (Leaf, Output)):
                continue
            bad = [p for p in node.parents if p is not None and p.seq in gradients and not is_finite(gradients[p.seq])]
            if bad:
                given = ranges(node, known_values(ancestors(node)))
                lines.append(
                    f"  It begins in {name_of(node)}() {node.place}: what arrives there is finite ({span_of(g)}), what it passes on is not"
                )
                lines += [f"    its operands: {given}"] if given else []
                first = first_in_graph(node)
                lines += [f"    {in_words(first)}"] if first is not None else []
                return Why("not finite", [*lines, *self.path()], first, node.origin)
        return Why("not finite", [*lines, *self.path()])

    def changes(self, passed: Passed, kind: str) -> list[str]:
        """How the gradient grows or shrinks on its way, and the operations in which it does most, for gradients that are huge or tiny."""
        if kind == "fine":
            return []
        rounds = Counter((by.code, by.lasti) for by, _ in passed.shares.get(self.x._node.seq, []))  # type: ignore[union-attr]
        pairs = [
            (n, self.passed_on(n, passed, rounds[n.code, n.lasti] > 1), largest(passed.arriving.get(n.seq))) for n in self.useful.values()
        ]
        factors = [(given / most, node) for node, given, most in pairs if most and given]
        factors.sort(key=lambda pair: -pair[0] if kind == "huge" else pair[0])
        word = "grows" if kind == "huge" else "shrinks"
        altogether = self.altogether(passed, factors, word)
        least = 1.0 if altogether else GROWS
        places: dict[str, list[float]] = {}  # those of a loop's rounds together
        for factor, node in factors:
            if factor > least if kind == "huge" else factor < 1 / least:
                places.setdefault(f"in {name_of(node)}() {node.place}", []).append(factor)
        lines = []
        for place, each in list(places.items())[:3]:
            times = f"{len(each)} times, most " if len(each) > 1 else ""
            lines.append(f"  It {word} {times}by a factor of {each[0]:.3g} {place}")
        return [*altogether, *lines, *self.summed(passed)]

    def altogether(self, passed: Passed, factors: list[tuple[float, Node]], word: str) -> list[str]:
        """A line on how much a gradient grows or shrinks in many operations, where it is not one that does it."""
        total = largest(passed.arriving[self.x._node.seq]) / largest(passed.arriving[self.loss._node.seq])  # type: ignore[union-attr]
        if len(factors) < 2 or abs(log(total)) * ALONE < abs(log(factors[0][0])):
            return []
        modules = len({str(node.scope) for _, node in factors if node.scope is not None})
        within = f" in {modules} modules" if modules > 1 else ""
        return [f"  It {word} by a factor of {total:.3g} altogether, over {len(factors)} operations{within}. The largest of them:"]

    def passed_on(self, node: Node, passed: Passed, is_round: bool) -> float:
        """The largest element that a node gives its parents; in a loop's rounds, each of which has the tensor, the next round."""
        given = passed.given.get(node.seq, {})
        others = [most for seq, most in given.items() if seq != self.x._node.seq]  # type: ignore[union-attr]
        return max(others if others and is_round else given.values(), default=0.0)

    def summed(self, passed: Passed) -> list[str]:
        """A line on the gradients that arrive at the tensor where there are several."""
        shares = passed.shares.get(self.x._node.seq, [])  # type: ignore[union-attr]
        if len(shares) < 2:
            return []
        return [f"  It is the sum of {len(shares)} gradients, whose elements are {max(most for _, most in shares):.3g} at most."]

    def path(self) -> list[str]:
        """One way from the loss to the tensor, an operation a line."""
        rows: list[list[Any]] = []  # what there is to say of an operation, and how often it follows itself
        for node in shortest(self.loss._node, self.x._node, self.useful):  # type: ignore[arg-type]
            if isinstance(node, Output):
                continue
            module = f"{node.scope}  " if node.scope is not None else ""
            said = f"{name_of(node)} {tuple(node.shape)}  {module}{node.origin}"
            if isinstance(node, Leaf):
                said = f"{self.name}, a leaf of shape {tuple(node.shape)}"
            if rows and rows[-1][0] == said:
                rows[-1][1] += 1
            else:
                rows.append([said, 1])
        lines = [f"    {n} x {said}" if n > 1 else f"    {said}" for said, n in rows]
        if len(lines) > STEPS:
            more = sum(n for _, n in rows[STEPS // 2 : -STEPS // 2])
            lines = [*lines[: STEPS // 2], f"    ... {more} more operations", *lines[-STEPS // 2 :]]
        return [f"  The way from {self.against} to {self.name}:", *lines]


def towards(nodes: list[Node], wanted: Node) -> dict[int, Node]:
    """Those of `nodes` (the oldest first) that lie on a way to a wanted one, itself included, by their numbers."""
    useful = {wanted.seq: wanted}
    for node in nodes:
        if any(p is not None and p.seq in useful for p in node.parents):
            useful[node.seq] = node
    return useful


def shortest(root: Node, wanted: Node, useful: dict[int, Node]) -> list[Node]:
    """A way with the fewest operations from one node to another."""
    came: dict[int, Node | None] = {root.seq: None}
    queue = [root]
    for node in queue:
        if node is wanted:
            break
        for parent in node.parents:
            if parent is not None and parent.seq in useful and parent.seq not in came:
                came[parent.seq] = node
                queue.append(parent)
    way, at = [], wanted if wanted.seq in came else None
    while at is not None:
        way.append(at)
        at = came[at.seq]  # type: ignore[assignment]
    return way[::-1]
