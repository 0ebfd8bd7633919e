"""Which samples a step is made of: rows of inputs and targets that do not belong together, batches that are not used, the same chance."""

from __future__ import annotations

import dis
import functools
import sys
import weakref
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import CodeType
from typing import Any

import numpy as np

from ...core import modes
from ...core.graph import Leaf
from ...core.origin import Origin, outside
from ...core.tensor import Tensor
from ...core.traces import parts_of, variables_of
from ...rng.generator import default_generator
from ...utils.data.sampler import BatchSampler, RandomSampler
from ..findings import Check
from ..program import Call, FunctionCall, Pass, fingerprint, state_of, tensors_in
from .losses import BINARY, CLASSES, ELEMENTWISE

SEVERAL = 3
MOST_CALLS = 64  # that are kept between two passes
RECURRENT = ("rnn_layer", "gru_layer", "lstm_layer", "gru_cell", "lstm_cell", "rnn_tanh_cell", "rnn_relu_cell")  # their second is a state
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
            root = root_of(values._array)
            self.drawn[id(root)] = weakref.ref(root)

    def take(self, op: Any, operands: tuple[Any, ...], result: Any) -> None:
        """An operation was run: it may have taken rows."""
        if op.name not in ("index", "index_select") or not isinstance(result, Tensor) or result._node is not None:
            return
        base, rows = operands[0], [x for x in operands[1:] if isinstance(x, Tensor)]
        if not isinstance(base, Tensor) or not base.ndim or len(rows) != 1 or rows[0].ndim != 1 or rows[0]._array.dtype.kind != "i":
            return
        if result.shape == (rows[0].shape[0], *base.shape[1:]):
            root = root_of(rows[0]._array)
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


def root_of(array: Any) -> Any:
    """The array whose memory a view shows."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def arrays_of(values: Iterable[Any]) -> Iterator[Any]:
    """The arrays whose memory the tensors among some values show."""
    return (root_of(value._array) for value in values if isinstance(value, Tensor) and value._held.__class__ is np.ndarray)


class SameSeed(Check):
    """A seed is set anew in each step: batches and dropout are the same in all of them."""

    name = "same-seed"
    remedy = "Seed once, before the loop: torch.manual_seed(n) at the beginning."
    functions = ("manual_seed", "fork_rng", "dropout", *DRAWS)

    def __init__(self, *given: Any):
        super().__init__(*given)
        self.seeded: tuple[int, bytes, Origin] | None = None  # since the last pass: the seed, the generator's state then, where
        self.forked = False  # what is drawn may be given back
        self.rows = Rows()  # drawn since then
        self.matters = False  # what is drawn then are a model's rows or what dropout drops: noise may be the same on purpose
        self.last: tuple[int, bytes] | None = None  # the seed and the state at the last pass
        self.leaves: weakref.WeakSet[Leaf] = weakref.WeakSet()  # that it came to
        self.steps = -1  # that had been taken then
        self.times = 0

    def function(self, call: FunctionCall) -> None:
        if call.name == "fork_rng":
            self.forked = True
        elif self.program.stepping:
            return
        elif call.name == "manual_seed":
            self.seeded = default_generator.initial_seed(), default_generator.state_array().tobytes(), Origin.here()
            self.rows = Rows()
        elif self.seeded is not None and not self.matters and modes.grad_enabled():
            if call.name != "dropout":
                self.rows.draw(call.result)
            elif call.argument(1, "p", 0.5) and call.argument(2, "training", True):
                self.matters = True

    def operation(self, op: Any, operands: tuple[Any, ...], result: Any) -> None:
        if self.rows.drawn and not self.matters:
            self.rows.take(op, operands, result)

    def calling(self, call: Call) -> None:
        if self.rows.taken and call.grad:
            entries = [entry for t in call.inputs if (entry := self.rows.of(t)) is not None]
            self.matters |= any(entry.draw is not None and entry.rows.size < entry.size for entry in entries)

    def loading(self, module: Any, state: Any) -> None:
        self.last, self.times = None, 0  # runs that begin alike are compared

    def backwarded(self, run: Pass) -> None:
        seeded, forked, self.seeded, self.forked = self.seeded, self.forked, None, False
        leaves, self.leaves = self.leaves, weakref.WeakSet(run.leaves)
        learnt, self.steps = self.steps < self.program.steps or self.program.by_hand, self.program.steps
        if seeded is None or forked or self.program.stepping:
            self.last, self.times = None, 0
            return
        seed, start, at = seeded
        state = default_generator.state_array().tobytes()
        again = state != start and self.last == (seed, state) and learnt and not leaves.isdisjoint(run.leaves)
        self.times = self.times + 1 if again else 0
        self.last = seed, state
        if self.times >= SEVERAL and self.matters:
            self.found(f"The seed {seed} is set anew before each backward pass: what is drawn then is the same in each step.", at)

    def fall_asleep(self) -> None:
        self.last, self.times = None, 0


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

    def loading(self, module: Any, state: Any) -> None:
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


@dataclass
class Batch:
    """A loader's batch: its arrays, the passes there had been when it was made, the loader's data and the user's line."""

    arrays: list[weakref.ref[Any]]
    passes: int
    data: int
    origin: Origin
    heard: bool = True  # every operation since then

    @property
    def is_gone(self) -> bool:
        """Whether nothing has it any more."""
        return all(array() is None for array in self.arrays)


@functools.lru_cache(maxsize=64)
def names_read(code: CodeType) -> set[str]:
    """The variables that a function reads, or one within it."""
    within = [names_read(each) for each in code.co_consts if isinstance(each, CodeType)]
    return {str(name) for each in dis.get_instructions(code) if each.opname.startswith("LOAD_") for name in flat(each.argval)}.union(
        *within
    )


def flat(value: Any) -> tuple[Any, ...]:
    """The parts of what an instruction names, which may be two things."""
    return value if isinstance(value, tuple) else (value,)


class BatchUnused(Check):
    """A loop goes over a loader's batches, and no operation uses them before they are gone."""

    name = "batch-unused"
    remedy = "Give the model the batch: for x, y in loader: loss = criterion(model(x), y)."
    functions = (*ELEMENTWISE, *BINARY, *CLASSES, "numpy", "tolist", "item", "to", "embedding_of_indices", "multi_head_attention_forward")

    def __init__(self, *given: Any):
        super().__init__(*given)
        self.waiting: dict[int, tuple[weakref.ref[Any], Batch]] = {}  # by identity, the arrays of batches that nobody has used
        self.batches: list[Batch] = []  # those of them that may still be found unused
        self.unused: dict[int, list[Origin]] = {}  # by the loader's data, where batches came from that nobody used
        self.used: set[int] = set()  # the data of which some were
        self.looks = self.passing = self.learns = False  # `learns`: from batches

    def look(self, on: bool) -> None:
        self.looks = on
        if not on and not self.passing:
            self.bury()
            for batch in self.batches:
                batch.heard = False

    def batch(self, iterator: Any, data: Any) -> None:
        if self.learns:
            return
        if self.batches and self.looks:
            self.read()
        self.bury()
        if self.looks:
            arrays = list(arrays_of(tensors_in(data)))
            batch = Batch([weakref.ref(a) for a in arrays], self.program.passes, id(iterator._dataset), Origin.here())
            self.batches.append(batch)
            self.waiting.update((id(array), (weakref.ref(array), batch)) for array in arrays)

    def read(self) -> None:
        """See whether the names that the last batch still has are read, as for its length, or say that it is not wanted."""
        frame = outside(sys._getframe(1))
        last = {id(array) for each in self.batches[-1].arrays if (array := each()) is not None}
        variables = [] if frame is None else variables_of(frame)
        parts = ((name, (t for _, t in parts_of(name, value, Tensor))) for name, value in variables)
        names = {name for name, tensors in parts if any(id(array) in last for array in arrays_of(tensors))}
        if frame is None or not names or any(name.startswith("_") for name in names) or names & names_read(frame.f_code):
            self.batches[-1].heard = False

    def bury(self) -> None:
        """Find the batches that are gone."""
        gone = [batch for batch in self.batches if batch.is_gone]
        for batch in gone:
            if batch.heard and batch.arrays and batch.passes < self.program.passes and self.program.steps:
                self.unused.setdefault(batch.data, []).append(batch.origin)
        if gone:
            self.batches = [batch for batch in self.batches if not batch.is_gone]
            self.waiting = {key: entry for key, entry in self.waiting.items() if entry[0]() is not None}

    def use(self, values: Any) -> None:
        """Values are used: where something is learnt from them, none of the other loaders' batches need be, as in a warm-up."""
        for array in arrays_of(values) if self.waiting else ():
            known = self.waiting.get(id(array))
            if known is not None and known[0]() is array:
                self.used.add(known[1].data)
                self.learns |= modes.grad_enabled()
        if self.learns:
            self.waiting.clear()
            self.batches.clear()

    def operation(self, op: Any, operands: tuple[Any, ...], result: Any) -> None:
        self.use(operands)

    def calling(self, call: Call) -> None:
        self.use(call.inputs)

    def function(self, call: FunctionCall) -> None:
        self.use([*call.args, *call.kwargs.values()])

    def backward(self, run: Pass) -> None:
        self.passing = True

    def backwarded(self, run: Pass) -> None:
        self.passing = False

    def finish(self) -> None:
        for data, places in self.unused.items() if not self.learns else ():
            if len(places) >= SEVERAL and data not in self.used:
                self.found("A batch is taken from the loader in each step, and no operation uses it.", places[0])


class LastBatchOnly(Check):
    """A model is called with all batches of a loader, and a backward pass comes to the last of them alone."""

    name = "last-batch-only"
    remedy = "Call zero_grad(), backward() and step() within the loop over the batches, not after it."

    def __init__(self, *given: Any):
        super().__init__(*given)
        self.times: dict[Any, int] = {}  # by the line of the call; less than 0 where every batch is learnt from, or some are rejected
        self.said: dict[Any, tuple[str, Origin]] = {}
        self.batches: dict[int, list[int]] = {}  # by the loader's data, how many came since the last pass, and of how many

    def batch(self, iterator: Any, data: Any) -> None:
        try:
            every = len(iterator._index_sampler)
        except TypeError:
            every = 0
        self.batches.setdefault(id(iterator._dataset), [0, every])[0] += 1

    def backward(self, run: Pass) -> None:
        batches, self.batches = self.batches, {}
        if self.program.stepping or not run.accumulates:
            return
        last = self.program.last_call
        if last is None or not last.grad or not last.training or last.node is None or last.passed:
            return
        line = last.origin.key
        times = self.times.get(line, 0)
        calls = [c for c in self.program.calls if c.model is last.model and c.origin.key == line]
        gone = [c for c in calls if c.training and c.is_gone and c.measured]
        each = any(count == every and min(count, MOST_CALLS) == len(calls) for count, every in batches.values())
        if times < 0 or len(gone) < SEVERAL or len(gone) < len(calls) - 1 or not last.measured or not each:
            self.times[line] = -1
            return
        self.times[line] = times + 1
        if times + 1 == SEVERAL:
            message = f"{last.model.name} is called with {len(calls)} batches, and of their losses backward() comes to the last"
            self.said[line] = f"{message} alone: the others are not learnt from.", run.origin

    def fall_asleep(self) -> None:
        self.batches.clear()

    def finish(self) -> None:
        for line, (message, origin) in self.said.items():
            if self.times[line] >= SEVERAL:
                self.found(message, origin)


class StateOfOthers(Check):
    """A recurrent layer begins each shuffled batch with the state in which it was after other samples."""

    name = "state-of-other-samples"
    remedy = "Begin each batch anew: out, h = rnn(x). Where one batch goes on with the sequences of the one before, do not shuffle them."

    def __init__(self, *given: Any):
        super().__init__(*given)
        self.batch_at = 0  # the number of the last shuffled batch
        self.arrays: list[weakref.ref[Any]] = []  # its arrays
        self.data = 0  # its loader's data
        self.now = 0  # the number of the batch that the model is given, 0 where it is given others
        self.states: dict[Any, tuple[int, int]] = {}  # the fingerprints of states, after which batch of which data

    def batch(self, iterator: Any, data: Any) -> None:
        sampler = iterator._index_sampler
        if type(sampler) is BatchSampler and type(sampler.sampler) is RandomSampler and len(sampler) > 1:
            self.batch_at += 1
            self.arrays, self.data = list(map(weakref.ref, arrays_of(tensors_in(data)))), id(iterator._dataset)

    def calling(self, call: Call) -> None:
        mine = list(arrays_of(call.inputs[:1]))
        self.now = self.batch_at if mine and call.grad and call.training and any(each() is mine[0] for each in self.arrays) else 0

    def operation(self, op: Any, operands: tuple[Any, ...], result: Any) -> None:
        if not self.now or op.name not in RECURRENT or not isinstance(result, (tuple, list)):
            return
        state, after = operands[1], result[-1]
        if isinstance(state, Tensor) and isinstance(after, Tensor) and state.shape[0] > 1:
            before, data = self.states.get(fingerprint(state._array), (0, 0))
            if before and before < self.now and data == self.data and state._array.any() and self.times_here() == 2:
                self.found(
                    "The layer begins with the state in which it was after the batch before, which had other samples: they are shuffled."
                )
            self.states.update((fingerprint(each._array), (self.now, self.data)) for each in result[1:] if isinstance(each, Tensor))

    def fall_asleep(self) -> None:
        self.states.clear()
