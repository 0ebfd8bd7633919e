"""Steps that are slower than they need be: loops over samples, numbers taken out one by one, copies of the same data."""

from __future__ import annotations

import sys
import weakref
from types import FrameType
from typing import Any

import numpy as np

from ...core.graph import Leaf
from ...core.origin import Origin, called_by_user
from ...core.quiet import name_of
from ...core.storage import storage_of
from ...core.tensor import Tensor
from ..findings import Check
from ..program import Call, FunctionCall, Pass, Updater, fingerprint

MANY = 8  # samples that are computed one by one
READS = 16  # numbers that a line takes out in one step
SHARE = 0.2  # as many numbers as this share of the step's operations
COPIED = 1024  # elements whose copying in each step is told of
SEVERAL = 3
# What may join values of several samples without making one wait for the other.
GATHERS = frozenset("add sub stack cat maximum minimum mul append".split()) - {"mul"}


class Slices:
    """What is known of the slices of one tensor along its first dimension, taken in one line."""

    def __init__(self, base: Tensor, origin: Origin):
        self.size, self.origin = base.shape[0], origin
        self.is_table = base.ndim == 2  # its rows are samples, and nothing that has several
        self.indices: set[int] = set()
        self.met: set[int] = set()  # those that met parameters
        self.sequential = False


class LoopOverBatch(Check):
    """Samples of a batch are given to a model one by one."""

    name = "loop-over-batch"
    is_of_speed = True
    remedy = "Give the model the whole batch: layers and losses take any number of samples in their first dimension."

    def __init__(self, *given: Any):
        super().__init__(*given)
        self.loops: dict[tuple[Any, ...], Slices] = {}
        self.known: dict[int, tuple[weakref.ref[Tensor], Slices, int | None, bool]] = {}  # of which slice; None: several; used since
        self.looks = False
        self.times = 0

    def look(self, on: bool) -> None:
        self.looks = on

    def operation(self, op: Any, operands: tuple[Any, ...], result: Any) -> None:
        if op.kind == "view" and operands and isinstance(operands[0], Tensor) and self.sliced(op, operands[0], result):
            return
        entries = [(x, e) for x in operands if (e := self.of(x)) is not None]
        if not entries:
            return
        parameters = any(isinstance(x, Tensor) and isinstance(x._node, Leaf) for x in operands)
        _, slices, index, used = entries[0][1]
        for _, (_, other, at, was_used) in entries:
            if other is slices and at is not None and parameters:
                slices.met.add(at)
            if other is slices and at != index:
                if used or was_used or op.name not in GATHERS:
                    slices.sequential = slices.sequential or index is None or at is None or op.name not in GATHERS
                index = None
        alone = len(entries) == 1 or index is not None
        for each in result if isinstance(result, tuple) else (result,):
            if isinstance(each, Tensor):
                self.known[id(each)] = (weakref.ref(each), slices, index, (index is None and alone))

    def of(self, value: Any) -> Any:
        """What is known of a tensor."""
        entry = self.known.get(id(value))
        return entry if entry is not None and entry[0]() is value else None

    def sliced(self, op: Any, base: Tensor, result: Any) -> bool:
        """Note slices of a batch; whether there are some."""
        if not base.ndim or base.shape[0] < MANY or base._node is not None:
            return False
        rows: list[Tensor] = list(result) if op.name == "unbind" and isinstance(result, tuple) else [result]
        if op.name not in ("unbind", "select", "slice") or not all(isinstance(r, Tensor) for r in rows):
            return False
        if op.name != "unbind" and not is_row(rows[0], base):
            return False
        if op.name == "unbind" and len(rows) != base.shape[0]:
            return False
        here = Origin.here()
        key = (id(base._array), *here.key)
        slices = self.loops.setdefault(key, Slices(base, here))
        for i, row in enumerate(rows):
            index = i if op.name == "unbind" else row_index(row, base)
            slices.indices.add(index)
            self.known[id(row)] = (weakref.ref(row), slices, index, False)
        return True

    def backward(self, run: Pass) -> None:
        if not self.program.updaters:
            self.judge()  # each pass is a step

    def stepped(self, updater: Updater) -> None:
        if self.loops:
            self.judge()

    def judge(self) -> None:
        """A step is over: look at the samples that it has taken one by one."""
        loops, self.loops, self.known = self.loops, {}, {}
        for slices in loops.values():
            most = slices.is_table or len(slices.met) >= 0.75 * slices.size
            if not slices.sequential and len(slices.met) >= MANY and most:
                self.times += 1
                if self.times == 2:
                    message = f"{len(slices.met)} of {slices.size} samples are computed one after the other in Python, in each step."
                    self.found(message, slices.origin)


def is_row(view: Tensor, base: Tensor) -> bool:
    """Whether a view shows one index along the first dimension of its base."""
    same = view.shape[1:] == base.shape[1:] and view.ndim == base.ndim and view.shape[0] == 1
    return same or (view.ndim == base.ndim - 1 and view.shape == base.shape[1:])


def row_index(view: Tensor, base: Tensor) -> int:
    """Which row of its base a view shows."""
    step = base._array.strides[0]
    start = view._array.__array_interface__["data"][0] - base._array.__array_interface__["data"][0]
    return start // step if step else 0


def is_loading() -> bool:
    """Whether a loader runs what is running."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and not name_of(frame.f_globals).startswith("pedigrad.utils.data."):
        frame = frame.f_back
    return frame is not None


class NumbersOneByOne(Check):
    """A line takes many numbers out of tensors in each step."""

    name = "item-in-loop"
    is_of_speed = True
    remedy = "Compute on whole tensors, and take out one number (or a list, by tolist()) at the end."
    functions = ("item",)

    def __init__(self, *given: Any):
        super().__init__(*given)
        self.counts: dict[tuple[Any, int], int] = {}
        self.steps: dict[tuple[Any, int], int] = {}  # in which a line has done so, of those that are looked at
        self.operations = 0  # since the last backward pass
        self.looks = False
        self.loading: set[tuple[Any, int]] = set()  # lines that datasets run, sample by sample as they have to
        self.total = 0

    def function(self, call: FunctionCall) -> None:
        if (self.total > 20_000 and self.program.passes % 10) or not called_by_user(3):
            return
        key = Origin.here().key
        self.counts[key] = count = self.counts.get(key, 0) + 1
        self.total += 1
        if count == READS and is_loading():
            self.loading.add(key)

    def calling(self, call: Call) -> None:
        last = self.program.last_call
        if last is not None and last.grad and self.program.passes:
            self.judge()
        self.counts.clear()  # a number for each call, as an agent's action, is what has to be

    def look(self, on: bool) -> None:
        self.looks = on

    def operation(self, op: Any, operands: tuple[Any, ...], result: Any) -> None:
        self.operations += 1

    def backwarded(self, run: Pass) -> None:
        if run.number:
            self.judge()
        self.counts.clear()
        self.operations = 0

    def judge(self) -> None:
        """Look at how many numbers each line has taken out since a model was called last."""
        for (code, lasti), n in self.counts.items():
            if self.looks and n >= READS and n >= SHARE * self.operations and (code, lasti) not in self.loading:
                times = self.steps[code, lasti] = self.steps.get((code, lasti), 0) + 1
                if times == 2:
                    self.found(f"This line takes {n} numbers out of tensors one by one in each step.", Origin(code, lasti))


class SameCopy(Check):
    """The same data is copied or converted in each step."""

    name = "copied-each-step"
    is_of_speed = True
    remedy = "Make the tensor once, before the loop, and take slices of it."
    functions = ("tensor", "as_tensor", "construct", "clone", "to", "float", "double", "long")

    def __init__(self, *given: Any):
        super().__init__(*given)
        self.seen: dict[tuple[Any, ...], list[Any]] = {}  # by line: what tells the data, the pass, in how many, the data itself
        self.made: dict[int, tuple[weakref.ref[Any], tuple[Any, ...]]] = {}  # since the last pass, by identity: copies, and their lines
        self.said: dict[tuple[Any, ...], tuple[int, Origin]] = {}  # by line: how many, and where
        self.leaves: set[tuple[Any, ...]] = set()  # the lines whose copies gradients are computed of, which have to be others each time

    def function(self, call: FunctionCall) -> None:
        source = call.argument(0, "data")
        size = getattr(source, "size", None) if not isinstance(source, Tensor) else source.numel()
        if size is None and isinstance(source, list):
            size = len(source) * (len(source[0]) if source and isinstance(source[0], (list, tuple)) else 1)
        result = call.result
        if not isinstance(size, int) or size < COPIED or not isinstance(result, Tensor):
            return
        if isinstance(source, Tensor) and (source._node is not None or result._array is source._array):
            return
        if isinstance(source, np.ndarray) and np.may_share_memory(source, result._array):
            return
        self.note(source, int(size), result)

    def operation(self, op: Any, operands: tuple[Any, ...], result: Any) -> None:
        if op.name == "clone" and isinstance(operands[0], Tensor) and operands[0].numel() >= COPIED and operands[0]._node is None:
            self.note(operands[0], operands[0].numel(), result)

    def note(self, source: Any, size: int, result: Tensor) -> None:
        """The line that is running copies something."""
        here = Origin.here()
        line = here.key
        if line in self.leaves:
            return
        made = storage_of(result._array)
        self.made[id(made)] = weakref.ref(made), line
        array = source._array if isinstance(source, Tensor) else source
        if isinstance(array, np.ndarray):  # other objects may show the same memory
            same: tuple[Any, ...] = (array.__array_interface__["data"][0], array.strides, fingerprint(array))
        else:
            same = fingerprint(result._array)
        entry = self.seen.setdefault(line, [same, -1, 0, array])
        if entry[0] != same:
            self.seen[line] = [same, self.program.passes, 1, array]
        elif entry[1] != self.program.passes:
            entry[1], entry[2] = self.program.passes, entry[2] + 1
            if entry[2] == SEVERAL and self.program.passes:
                self.said[line] = size, here

    def backwarded(self, run: Pass) -> None:
        for leaf in run.leaves:
            array = None if leaf.variable is None else storage_of(leaf.variable._array)
            known = self.made.get(id(array))
            if known is not None and known[0]() is array:
                self.leaves.add(known[1])
        if run.accumulates:
            self.made.clear()

    def finish(self) -> None:
        for line, (size, origin) in self.said.items():
            if line not in self.leaves:
                self.found(f"The same {size:,} elements are copied in each step.", origin)

    def stepped(self, updater: Updater) -> None:
        if len(self.seen) > 1000:
            self.seen.clear()
