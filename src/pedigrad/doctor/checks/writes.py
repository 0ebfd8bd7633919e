"""What hides from autograd, and what keeps it from letting go: writes past the history, graphs that stay alive."""

from __future__ import annotations

import gc
import inspect
import linecache
import operator
import re
import sys
import weakref
from collections import deque
from types import CodeType, FrameType
from typing import Any

import numpy as np

from ...autograd.nonfinite import ancestors
from ...core.graph import Leaf, Node
from ...core.origin import NOWHERE, Origin, outside
from ...core.storage import storage_of
from ...core.tensor import Tensor
from ...core.traces import variables_of
from ..findings import Check
from ..program import Call, Pass, Updater

LIVE = 6  # graphs of earlier steps that may be alive
FAR = 256  # operations that are followed to the beginning of a graph
OFTEN = 64  # passes that are all looked at


class HiddenWrite(Check):
    """A value that gradients are computed of is overwritten by `.data` or under `no_grad`."""

    name = "hidden-write"
    remedy = (
        "Write out of place (x = torch.where(...), x = x * mask), or before the value is used: .data and no_grad hide the write from"
        " autograd."
    )

    def __init__(self, *given: Any):
        super().__init__(*given)
        self.writes: dict[int, tuple[Any, int, str, Origin]] = {}  # by storage: it, the clock, what wrote, where

    def unseen_write(self, tensor: Tensor, what: str, owner: Tensor | None) -> None:
        subject = tensor if owner is None else owner
        if subject._node is not None and not isinstance(subject._node, Leaf):
            how = "through .data" if owner is not None else "under no_grad"
            name = subject._node.edge()[0].op.name if getattr(subject._node.edge()[0], "op", None) else "an operation"
            self.found(f"{what}() overwrites the result of {name}() {how}: its gradient is still that of the old value.")
        elif owner is not None:
            storage = storage_of(tensor._array)
            self.writes[id(storage)] = (storage, Leaf(tensor).seq, what, Origin.here())

    def backward(self, run: Pass) -> None:
        if not self.writes:
            return
        stack = [t._node for t in run.tensors if t._node is not None]
        seen: set[int] = set()
        latest = max(stamp for _, stamp, _, _ in self.writes.values())
        while stack and len(seen) < 100_000:
            node = stack.pop()
            if node.seq in seen:
                continue
            seen.add(node.seq)
            stack += [p for p in node.parents if p is not None]
            if node.seq < latest and isinstance(node.saved, tuple):
                self.look_at(node)
        self.writes.clear()

    def look_at(self, node: Node) -> None:
        """Whether something that a node saved was overwritten since."""
        for array in node.saved:
            if isinstance(array, np.ndarray):
                storage, stamp, what, origin = self.writes.get(id(storage_of(array)), (None, 0, "", NOWHERE))
                if storage is not None and stamp > node.seq:
                    message = f"{what}() overwrites through .data what {node.op.name}() needs for its gradient ({node.place})."
                    self.found(message, origin)


class GraphKept(Check):
    """The graphs of earlier steps stay alive, so memory grows."""

    name = "graph-kept-alive"
    remedy = "Keep numbers, not tensors with a history: total += loss.item(), losses.append(loss.detach())."
    always = ("backward", "stepped")

    def __init__(self, *given: Any):
        super().__init__(*given)
        self.roots: list[weakref.ref[Node]] = []  # of each pass a node that all that is computed of its input has behind it
        self.ways: list[list[weakref.ref[Node]]] = []  # of the first passes the nodes from the loss to that one
        self.told = False
        self.stamps: list[int] = []  # of the passes that kept their graphs, the number of the node they began at
        self.outputs: dict[tuple[Any, ...], weakref.ref[Node]] = {}  # by line and number of steps then: what a model returned in training

    def backward(self, run: Pass) -> None:
        if self.told:
            return
        if not self.program.steps:
            self.judge()  # the program makes its steps itself
        root = run.tensors[0]._node if run.accumulates and run.tensors else None
        if root is None or self.told:
            return
        if run.retains:
            if run.number < OFTEN or run.number % 16 == 0:
                self.look_back(run, root)
            self.stamps = [*self.stamps[-OFTEN:], root.seq]
        if len(self.roots) > 2 * LIVE:
            self.roots = [each for each in self.roots if each() is not None]
        way = way_back(root)  # what is kept may be another branch than the loss
        if not self.roots or self.roots[-1]() is not way[-1]:
            self.roots.append(weakref.ref(way[-1]))
            if len(self.ways) < 2 * LIVE:
                self.ways.append(list(map(weakref.ref, way)))

    def stepped(self, updater: Updater) -> None:
        self.judge()

    def called(self, call: Call) -> None:
        if self.told or not call.grad or not call.model.trained:
            return
        if call.training:
            if call.node is not None:
                self.outputs[*call.origin.key, self.program.steps] = weakref.ref(call.node)
            return
        alive = [c for c in self.program.calls if c.model is call.model and not c.training and c.is_alive]
        if len(alive) > LIVE + 2:
            self.told = True
            node = alive[0].node
            holder, at = name_in(outside(sys._getframe(1)), node) if node is not None else ("", NOWHERE)
            by = f": {holder} holds them" if holder else ""
            message = f"The graphs of {len(alive)} calls of {call.model.name} in evaluation mode are alive, and no backward pass comes{by}."
            remedy = "Measure under torch.no_grad(), and keep numbers: total += loss.item()."
            self.found(message, at if at is not NOWHERE else call.origin, remedy)

    def look_back(self, run: Pass, root: Node) -> None:
        """See whether a pass that keeps its graph goes on into those of many passes before."""
        nodes = [node for node in ancestors(root) if not isinstance(node, Leaf)]
        entered = sum(nodes[0].seq < stamp < root.seq for stamp in self.stamps) if nodes else 0
        if entered > LIVE + 2:
            self.told = True
            carried = max((node for node in nodes if node.seq < self.stamps[-1]), key=lambda node: node.seq)
            holder, _ = name_in(outside(sys._getframe(1)), carried)
            by = f": {holder} carries them on" if holder else ""
            message = f"The backward pass goes into the graphs of {entered} earlier steps, which retain_graph=True keeps{by}."
            remedy = "detach() what is carried from one step to the next (h = h.detach()), and leave retain_graph=True out."
            self.found(message, run.origin, remedy)

    def judge(self) -> None:
        """Look at how many graphs are alive after an update."""
        if len(self.outputs) > LIVE + 2:
            self.outputs = {key: node for key, node in self.outputs.items() if node() is not None}
            if len({step for _, _, step in self.outputs}) > LIVE + 2 and not self.told:
                self.tell([node for node in map(operator.call, self.outputs.values()) if node is not None], [])
        if self.told or len(self.roots) <= LIVE + 2:
            return
        if sum(root() is not None for root in self.roots) > LIVE + 2:
            gc.collect()  # what only holds itself, as a Function's context that has the result, is no leak
            self.roots = [root for root in self.roots if root() is not None]
        living = [node for node in map(operator.call, self.roots) if node is not None]
        if len(living) > LIVE + 2:
            ways = [[node for node in map(operator.call, way) if node is not None] for way in self.ways if way[-1]() in living]
            self.tell(living, ways)

    def tell(self, living: list[Node], ways: list[list[Node]]) -> None:
        """Enter a finding about nodes of earlier steps that are alive; `ways` lead to them from losses that are."""
        self.told = True
        first, count = ways[0][0] if ways else living[0], len(living)
        living.clear()
        ways.clear()
        holder, at = who_holds(first)
        message = f"The graphs of {count} earlier steps are still alive, with all that they point to"
        self.found(message + (f": {holder} holds them." if holder else "."), at)


def way_back(node: Node) -> list[Node]:
    """A node, and those that it came from one after the other, to one of the first operations."""
    way = [node]
    while len(way) < FAR:
        parent = next((p for p in way[-1].parents if p is not None and p.__class__ is not Leaf), None)
        if parent is None:
            break
        way.append(parent)
    return way


def who_holds(node: Node) -> tuple[str, Origin]:
    """What keeps a node alive, and in which of the user's lines."""
    found, at = name_in(outside(sys._getframe(1)), node)
    if at is not NOWHERE:
        return found, at
    for referrer in gc.get_referrers(node):
        if isinstance(referrer, tuple):  # the parents of a younger node
            child = next((c for c in gc.get_referrers(referrer) if isinstance(c, Node) and c is not node and c.parents is referrer), None)
            if child is not None:
                return found or f"the result of {child.op.name}()", child.origin
    return found, node.origin


def name_in(frame: FrameType | None, node: Node) -> tuple[str, Origin]:
    """The variable, in a frame or those around it, of a tensor that came from `node` or of what has one, and the line that fills it."""
    while frame is not None:
        for name, value in variables_of(frame):
            path = path_to(value, node)
            if path is not None:
                return repr(name + path), line_that_fills(frame.f_code, name + path)
            for attribute, held in attributes_of(value):
                path = path_to(held, node)
                if path is not None:
                    methods = [m.__code__ for m in vars(type(value)).values() if inspect.isfunction(m)]
                    places = (line_that_fills(code, f"self.{attribute}{path}") for code in methods)
                    return repr(f"{name}.{attribute}{path}"), next((at for at in places if at is not NOWHERE), NOWHERE)
        frame = outside(frame.f_back)
    return "", NOWHERE


def attributes_of(value: Any) -> list[tuple[str, Any]]:
    """The attributes of an object of a class of the user's own."""
    kind = type(value)
    if isinstance(value, (Tensor, type)) or kind.__module__.partition(".")[0] in ("pedigrad", "builtins"):
        return []
    return list(vars(value).items()) if hasattr(value, "__dict__") else []


def path_to(value: Any, node: Node, depth: int = 2) -> str | None:
    """Where in a tensor, or in nested lists and dicts, there is something that came from `node`; None if there is nothing."""
    if isinstance(value, Tensor):
        return "" if came_from(value, node) else None
    if isinstance(value, dict) and depth:
        inside = ((f"[{key!r}]", path_to(each, node, depth - 1)) for key, each in list(value.items())[:100])
        return next((key + path for key, path in inside if path is not None), None)
    if isinstance(value, (list, tuple, deque)) and depth:
        return next(("" for each in list(value)[:100] if path_to(each, node, depth - 1) is not None), None)
    return None


def line_that_fills(code: CodeType, what: str) -> Origin:
    """The line of some code that adds to a list or a sum, or NOWHERE."""
    name = re.escape(what).replace("'", "['\"]")
    fills = re.compile(rf"(?<![\w.]){name}\s*(\.(append|extend|insert|add)\(|\+=|=\s*{name}\s*\+|\[[^\]]*\]\s*=[^=])")
    for index, positions in enumerate(code.co_positions()):
        if positions[0] and fills.search(linecache.getline(code.co_filename, positions[0])):
            return Origin(code, 2 * index)
    return NOWHERE


def came_from(tensor: Tensor, ancestor: Node) -> bool:
    """Whether a tensor's history has a node, not too far back."""
    stack, seen = [tensor._node], 0
    while stack and seen < 1000:
        node = stack.pop()
        if node is None or node.seq < ancestor.seq:
            continue
        if node is ancestor:
            return True
        seen += 1
        stack += [*node.parents]
    return False
