"""Which samples a step is made of: batches that are not used, states of other samples, the same chance."""

from __future__ import annotations

import dis
import functools
import sys
import weakref
from dataclasses import dataclass
from types import CodeType
from typing import Any

from ...core import modes
from ...core.graph import Leaf
from ...core.origin import Origin, outside
from ...core.tensor import Tensor
from ...core.traces import parts_of, variables_of
from ...rng.generator import default_generator
from ...utils.data.sampler import BatchSampler, RandomSampler
from ..findings import Check
from ..program import Call, FunctionCall, Pass, fingerprint, tensors_in
from .losses import BINARY, CLASSES, ELEMENTWISE
from .rows import DRAWS, Rows, arrays_of

SEVERAL = 3
MOST_CALLS = 64  # that are kept between two passes
RECURRENT = ("rnn_layer", "gru_layer", "lstm_layer", "gru_cell", "lstm_cell", "rnn_tanh_cell", "rnn_relu_cell")  # their second is a state


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

    def loading(self, module: Any, state: Any, strict: bool) -> None:
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
