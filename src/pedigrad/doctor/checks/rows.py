"""Which rows of which tables a step is made of: inputs and targets that do not belong together."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core import modes
from ...core.origin import Origin
from ...core.storage import storage_of
from ...core.tensor import Tensor
from ..findings import Check
from ..program import Call, FunctionCall, Pass, state_of
from .losses import BINARY, CLASSES, ELEMENTWISE

SEVERAL = 3
SOME = 16  # rows of a table that are looked for in another
DRAWS = ("randint", "randperm", "multinomial")  # functions that draw numbers of rows


class Rows:
    """Which rows of which tables tensors are, those that an `index` has taken, and which numbers of rows chance has drawn."""

    def __init__(self) -> None:
        self.drawn: dict[int, weakref.ref[Any]] = {}  # the arrays of what was drawn, by identity
        self.taken: dict[int, Taken] = {}  # by identity of the tensor
        self.every: deque[Taken] = deque(maxlen=256)  # since it was tidied

    def draw(self, values: Any) -> None:
        """Numbers were drawn."""
        if isinstance(values, Tensor):
            root = storage_of(values._array)
            self.drawn[id(root)] = weakref.ref(root)

    def take(self, op: Any, operands: tuple[Any, ...], result: Any) -> None:
        """An operation was run: it may have taken rows."""
        if op.name not in ("index", "index_select") or not isinstance(result, Tensor) or result._node is not None:
            return
        base, rows = operands[0], [x for x in operands[1:] if isinstance(x, Tensor)]
        if not isinstance(base, Tensor) or not base.ndim or len(rows) != 1 or rows[0].ndim != 1 or rows[0]._array.dtype.kind != "i":
            return
        if result.shape == (rows[0].shape[0], *base.shape[1:]):
            root = storage_of(rows[0]._array)
            known = self.drawn.get(id(root))
            draw = known if known is not None and known() is root else None
            entry = self.taken[id(result)] = Taken(
                weakref.ref(result), weakref.ref(base._array), base.shape[0], rows[0]._array.copy(), draw
            )
            self.every.append(entry)

    def of(self, value: Any) -> Taken | None:
        """Which rows a tensor is; None if nobody knows."""
        entry = self.taken.get(id(value))
        return entry if entry is not None and entry.tensor() is value else None

    def tidy(self) -> None:
        """Forget what is gone."""
        self.every.clear()
        self.taken = {key: entry for key, entry in self.taken.items() if entry.tensor() is not None}
        self.drawn = {key: root for key, root in self.drawn.items() if root() is not None}


@dataclass(frozen=True)
class Taken:
    """Rows of a table, of so many: the tensor that they are, the table's array, which rows, and what drew them if chance alone did."""

    tensor: weakref.ref[Tensor]
    table: weakref.ref[Any]
    size: int
    rows: np.ndarray[Any, Any]
    draw: weakref.ref[Any] | None

    def is_apart_from(self, other: Taken) -> bool:
        """Whether these rows were drawn by themselves, of another table, and those that would belong to the other have other values."""
        if self.draw is None or other.draw is None or self.draw is other.draw or self.size != other.size:
            return False
        mine, its, tensor = self.table(), other.table(), self.tensor()
        if mine is None or its is None or tensor is None or np.may_share_memory(mine, its):
            return False
        return self.rows.size == other.rows.size and not np.array_equal(mine[other.rows], tensor._array)


class SideBySide:
    """Two tables that training goes through side by side: some rows of both, as they belonged together at first."""

    def __init__(self, inputs: Tensor, targets: Tensor, of: Any):
        self.inputs, self.targets, self.of = weakref.ref(inputs), weakref.ref(targets), of
        self.state = state_of(targets)
        self.places = np.linspace(0, inputs.shape[0] - 1, SOME).astype(int)
        self.rows = inputs._array[self.places]
        self.times = 0  # that the inputs had another order

    def are_moved(self, inputs: Tensor, targets: Tensor) -> bool:
        """Whether the rows are elsewhere now, beside other targets, which are as they were."""
        if state_of(targets) != self.state or inputs.shape[1:] != self.rows.shape[1:]:
            return False
        table, values, beside = inputs._array, targets._array, 0
        for place, row in zip(self.places, self.rows, strict=True):
            now = np.flatnonzero(table.reshape(len(table), -1)[:, :1] == row.reshape(-1)[:1])
            now = now[[np.array_equal(table[i], row) for i in now[:SOME]] + [False] * len(now[SOME:])]
            if len(now) != 1:
                return False
            beside += not np.array_equal(values[now[0]], values[place])
        return beside >= SOME / 4


def part_of(tensor: Any) -> tuple[Tensor, Any] | None:
    """The table that a tensor is a slice of, and which; None if it is none."""
    view = tensor._view if isinstance(tensor, Tensor) else None
    if view is None or getattr(view.op, "name", "") != "slice":
        return None
    base = view.base
    return (base, view.attributes) if isinstance(base, Tensor) and base.ndim and base._node is None else None


def arrays_of(values: Iterable[Any]) -> Iterator[Any]:
    """The storages of the tensors among some values."""
    return (storage_of(value._array) for value in values if isinstance(value, Tensor) and value._held.__class__ is np.ndarray)


class RowsApart(Check):
    """A loss compares what was computed of some rows of the inputs with the targets of other rows."""

    name = "rows-apart"
    remedy = "Draw the rows once, and take inputs and targets by them: i = torch.randint(...); x, y = X[i], Y[i]."
    functions = (*ELEMENTWISE, *BINARY, *CLASSES, *DRAWS)

    def __init__(self, *given: Any):
        super().__init__(*given)
        self.rows = Rows()
        self.given: list[Taken] = []  # rows that models were given since the last pass
        self.apart: list[tuple[Taken, Taken, Origin]] = []  # and targets that were drawn apart from these, where they are compared
        self.part: tuple[Tensor, Any] | None = None  # what the model was given last, if it is a slice: of which table, and which
        self.model = 0  # the model
        self.tables: dict[Any, SideBySide] = {}  # by the line of the loss
        self.last: Any = None  # what was drawn for the last targets: numbers drawn once may be what the data are

    def look(self, on: bool) -> None:
        self.rows.taken.clear()

    def loading(self, module: Any, state: Any, strict: bool) -> None:
        self.tables.clear()  # training begins anew

    def operation(self, op: Any, operands: tuple[Any, ...], result: Any) -> None:
        self.rows.take(op, operands, result)
        if op.name == "sub" and len(operands) == 2 and self.given and isinstance(result, Tensor) and result._node is not None:
            loose = [x for x in operands if isinstance(x, Tensor) and x._node is None]
            if len(loose) == 1 and loose[0].shape == result.shape:
                self.compare(loose[0])

    def calling(self, call: Call) -> None:
        if self.rows.taken:
            self.given += [entry for t in call.inputs if (entry := self.rows.of(t)) is not None]
        self.part = part_of(call.inputs[0]) if call.grad and call.training and call.inputs else None
        self.model = call.model.number

    def function(self, call: FunctionCall) -> None:
        if call.name in DRAWS:
            self.rows.draw(call.result)
            return
        if self.given:
            self.compare(call.argument(1, "target"))
        if self.part is not None and modes.grad_enabled():
            part = part_of(call.argument(1, "target"))
            if part is not None and part[1] == self.part[1] and part[0].shape[0] == self.part[0].shape[0]:
                self.pair(self.part[0], part[0])

    def pair(self, inputs: Tensor, targets: Tensor) -> None:
        """Two tables are gone through side by side: look whether one is in another order than before, and the other in the same."""
        origin = Origin.here()
        known = self.tables.get(origin.key)
        if known is not None and known.inputs() is inputs and known.targets() is targets:
            return
        of = self.model, len(self.program.updaters)
        if known is None or known.of != of or known.targets() is not targets or not known.are_moved(inputs, targets):
            self.tables[origin.key] = SideBySide(inputs, targets, of)
            return
        known.inputs = weakref.ref(inputs)
        known.times += 1
        if known.times == 2:
            message = f"The {inputs.shape[0]} inputs are in another order than before, and their targets are in the same as before."
            self.found(message, origin, "Take both by the same permutation: i = torch.randperm(n); X, Y = X[i], Y[i].")

    def compare(self, target: Any) -> None:
        """Look whether a target's rows were drawn apart from those that models were given."""
        entry = self.rows.of(target)
        if entry is None or entry.draw is self.last or not all(map(entry.is_apart_from, self.given)):
            return
        if any(mine.draw is not self.given[0].draw for mine in self.given):  # samples of two kinds of things, whose distance is taken
            return
        self.last = entry.draw
        self.apart.append((entry, self.given[0], Origin.here()))

    def backward(self, run: Pass) -> None:
        for entry, mine, origin in self.apart:
            table = entry.table()
            if any(each.draw is mine.draw and each.table() is table for each in self.rows.every):
                continue  # the right targets are there too, and these are to be others
            self.times_by_line[origin.key] += 1
            if self.times_by_line[origin.key] == SEVERAL:
                few = ", ".join(map(str, entry.rows[:4].tolist()))
                rows = f"{', '.join(map(str, mine.rows[:4].tolist()))}, ... of {entry.size}"
                message = f"The model was given the rows {rows}, and its outputs are compared with the targets of {few}, ..."
                self.found(message, origin)
        self.apart.clear()

    def backwarded(self, run: Pass) -> None:
        self.part = None
        self.given.clear()
        self.rows.tidy()
