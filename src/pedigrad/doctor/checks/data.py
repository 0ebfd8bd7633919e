"""The data: batches in the same order in each epoch, the same batch again, chance that nothing seeds."""

from __future__ import annotations

import dis
import functools
import weakref
from collections import Counter
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

from ...core.origin import NOWHERE, Origin
from ...core.tensor import Tensor
from ...nn.module import Module
from ...nn.normalization import _NormBase
from ...rng.generator import default_generator
from ...utils.data.sampler import BatchSampler, RandomSampler, SequentialSampler
from ..findings import Check
from ..program import Call, FunctionCall, Pass, Updater, fingerprint, state_of, tensors_in

SEVERAL = 3
LONG = 128  # backward passes by which an order that comes again is looked for
MANY = 64  # tensors, before those that are gone are forgotten
EARLY = 16  # calls of a model in which it is seen whether something is carried from one to the next
SMALL = 2  # batches in an epoch, so few of which may come in order


class NeverShuffled(Check):
    """A model is trained on the samples in the same order in each epoch."""

    name = "never-shuffled"
    remedy = "Give the training loader shuffle=True (or draw torch.randperm(n) in each epoch and take batches by it)."
    always: tuple[str, ...] = ("called", "stepped")

    def __init__(self, *given: Any):
        super().__init__(*given)
        self.loaders: dict[int, list[Any]] = {}  # by dataset: it, passes begun with steps, steps in this pass, iterator, line
        self.current: list[Any] | None = None
        self.inputs: list[tuple[Any, ...]] = []  # fingerprints of what models were trained on
        self.carried = False  # a model is given what it returned before, or keeps it, so the order matters
        self.last_outputs: set[Any] = set()  # their fingerprints
        self.kept: dict[int, list[Any]] = {}  # by model: the states of what it keeps
        self.calls: Counter[int] = Counter()  # by model: how many were looked at
        self.fresh = False  # a batch has come since the last step
        self.at = NOWHERE
        self.by_loader = False
        self.closed = False  # what follows would not be in order

    def fall_asleep(self) -> None:
        if self.by_loader or self.program.passes >= LONG:
            self.always, self.closed = (), True

    def batch(self, iterator: Any, data: Any) -> None:
        sampler = iterator._index_sampler
        sampler = getattr(sampler, "sampler", sampler) if type(sampler) is BatchSampler else sampler
        self.by_loader = isinstance(sampler, (SequentialSampler, RandomSampler))  # of others nobody knows
        if type(sampler) is not SequentialSampler:
            self.current = None
            return
        entry = self.loaders.setdefault(id(iterator._dataset), [iterator._dataset, 0, 0, None, Origin.here()])
        if entry[3] is not iterator:
            entry[1] += entry[2] > SMALL
            entry[2], entry[3] = 0, iterator
        self.current, self.fresh = entry, True

    def called(self, call: Call) -> None:
        if not call.grad or not call.inputs or self.closed:
            return
        if not self.carried and self.calls[call.model.number] < EARLY:
            self.calls[call.model.number] += 1
            self.carried = self.is_carried(call)
        if call.training and not self.by_loader:
            self.pending, self.origin = call.given, call.origin

    def is_carried(self, call: Call) -> bool:
        """Whether a model is given what was returned last, or has kept something of other samples."""
        before = self.last_outputs
        results = [call.output] if call.output is not None and call.output is call.result else tensors_in(call.result)
        self.last_outputs = {fingerprint(t._array) for t in results}
        known = self.kept.get(call.model.number)
        now = self.kept[call.model.number] = kept_in(call.model.module, call.inputs[0].shape[:2])
        return any(fingerprint(t._array) in before for t in call.inputs) or (known is not None and known != now)

    pending: tuple[Any, ...] | None = None
    origin: Origin = NOWHERE

    def stepped(self, updater: Updater) -> None:
        if self.current is not None and self.fresh:
            self.current[2] += 1
            self.fresh = False
        if self.pending is not None:
            self.closed = len(self.inputs) >= LONG
            self.inputs.append(self.pending)
            self.at = self.origin
            self.pending = None

    def finish(self) -> None:
        for _, passes, steps, _, origin in self.loaders.values() if not self.carried else ():
            passes += steps > SMALL
            if passes >= 2:
                self.found("The training batches come in the same order in each epoch: the loader does not shuffle.", origin)
                return
        period = None if self.carried or self.by_loader else period_of(self.inputs)
        if period is not None and period > SMALL:
            self.found(f"The model is trained on the same {period} batches in the same order in each epoch.", self.at)


def kept_in(module: Module, sizes: Any) -> list[Any]:
    """The states of the tensors without history, other than parameters, that a module and its parts keep of as many samples."""
    every = [m for m in module.modules() if not isinstance(m, _NormBase)]
    kept = [t for m in every for name, value in vars(m).items() if name not in ("_parameters", "_modules") for t in tensors_in(value)]
    return [state_of(t) for t in kept if t._node is None and t.ndim > 1 and any(n > 1 and n in sizes for n in t.shape[:2])]


def period_of(marks: list[Any]) -> int | None:
    """After how many marks all of them come again in the same order, at least twice; None if they do not."""
    if len(marks) < 4:
        return None
    first = next((i for i, mark in enumerate(marks[1:], 1) if mark == marks[0]), None)
    if first is None or len(marks) < 2 * first or len(set(marks)) < 2:
        return None
    return first if all(mark == marks[i % first] for i, mark in enumerate(marks)) else None


@dataclass
class Table:
    """A tensor of which models are given parts, and the marks of two of these."""

    tensor: weakref.ref[Tensor]
    marks: set[Any] = field(default_factory=set)


class SameBatch(Check):
    """A model is trained on one batch again and again, although there are more."""

    name = "same-batch"
    remedy = "Let the loop go over the loader (for x, y in loader), and take each step's slice by the step's number."

    def __init__(self, *given: Any):
        super().__init__(*given)
        self.rows: set[int] = set()  # of the batches of loaders that have several
        self.fresh = False  # such a batch has come since the last step
        self.marks: dict[int, tuple[Any, int]] = {}  # by model: the last mark, and how many steps it has stayed
        self.pending: dict[int, tuple[Any, Origin, bool, str, Table | None]] = {}  # by model: what it was given since the last step
        self.given: dict[int, weakref.ref[Tensor]] = {}  # by model: the last tensor
        self.tables: dict[int, Table] = {}  # what slices that models are given are of, by identity
        self.said: list[tuple[str, Origin, Table | None]] = []

    def fall_asleep(self) -> None:
        self.pending.clear()

    def batch(self, iterator: Any, data: Any) -> None:
        try:
            several = len(iterator._index_sampler) > 1
        except TypeError:
            several = True
        first = next(tensors_in(data), None) if several else None
        if first is not None and first.ndim:
            self.rows.add(first.shape[0])
            self.fresh = True

    def called(self, call: Call) -> None:
        if not call.inputs:
            return
        given, number = call.inputs[0], call.model.number
        table = None if given._view is None else self.table(given._view.base)
        if table is not None and len(table.marks) < 2:
            table.marks.add(call.given)
        if call.grad:
            mark, before, last = call.given, self.pending.get(number), self.given.get(number)
            several = before is not None and before[0] != mark  # a step of several batches has seen more than one
            of_loader = self.fresh and given.ndim > 0 and given.shape[0] in self.rows
            sliced = not of_loader and (last is None or last() is not given) and is_small_part(given, call.origin)
            part = of_loader or sliced
            self.pending[number] = (None if several else mark, call.origin, part, call.model.name, table if sliced else None)
            self.given[number] = weakref.ref(given)

    def stepped(self, updater: Updater) -> None:
        self.fresh = False
        for key, (mark, origin, part, name, table) in self.pending.items():
            before, times = self.marks.get(key, (None, 0))
            times = 0 if mark is None or not part else times + 1 if before == mark else 1
            self.marks[key] = (mark, times)
            if times == 8:
                message = f"{name} was trained on the very same batch in {times} steps in a row, although there are others."
                self.said.append((message, origin, table))
        self.pending.clear()

    def finish(self) -> None:
        for message, origin, table in self.said:
            if table is None or len(table.marks) == 1:  # the rest may be for tests
                self.found(message, origin)

    def table(self, base: Any) -> Table | None:
        """What is known of a tensor that others are parts of."""
        if not isinstance(base, Tensor):
            return None
        known = self.tables.get(id(base))
        if known is None or known.tensor() is not base:
            if len(self.tables) >= MANY:
                self.tables = {key: each for key, each in self.tables.items() if each.tensor() is not None}
            known = self.tables[id(base)] = Table(weakref.ref(base))
        return known


def is_small_part(tensor: Tensor, origin: Origin) -> bool:
    """Whether a tensor is a slice, from a place that a variable tells, of a table that has more than twice as many rows."""
    view = tensor._view
    base = None if view is None else view.base
    if view is None or base is None or getattr(view.op, "name", "") != "slice" or not tensor.ndim or base.shape[1:] != tensor.shape[1:]:
        return False
    (first, *_), *_ = view.attributes
    moves = isinstance(first, slice) and first.start is not None
    return moves and base.shape[0] > 2 * tensor.shape[0] > 0 and (first.start, first.stop) not in constant_slices(origin.code)


@functools.lru_cache(maxsize=64)
def constant_slices(code: CodeType | None) -> set[tuple[Any, Any]]:
    """Beginnings and ends of the slices that a function writes as numbers."""
    instructions = [] if code is None else list(dis.get_instructions(code))
    found = {(each.argval.start, each.argval.stop) for each in instructions if isinstance(each.argval, slice)}
    for first, last, then in zip(instructions, instructions[1:], instructions[2:], strict=False):
        if then.opname in ("BUILD_SLICE", "BINARY_SLICE") and first.opname == last.opname == "LOAD_CONST":
            found.add((first.argval, last.argval))
    return found


class NoSeed(Check):
    """Chance decides what training does, and nothing seeds it: no two runs are alike."""

    name = "no-seed"
    remedy = "Call torch.manual_seed(n) at the beginning, before the model is made."
    functions = ("manual_seed", "seed", "set_rng_state")

    def __init__(self, *given: Any):
        super().__init__(*given)
        self.seeded = False
        self.before: bytes | None = None
        self.draws = 0
        self.at = NOWHERE
        self.start = default_generator.initial_seed()

    def function(self, call: FunctionCall) -> None:
        self.seeded = True

    def backwarded(self, run: Pass) -> None:
        if self.seeded or self.draws or (run.number > 16 and run.number % 16):
            return
        state = default_generator.state_array().tobytes()
        if self.before is not None and state != self.before:
            self.draws += 1
            self.at = run.origin
        self.before = state

    def finish(self) -> None:
        seeded = self.seeded or default_generator.initial_seed() != self.start
        if self.program.whole and not seeded and self.draws and self.program.steps:
            self.found("Random numbers are drawn while the model is trained, and no seed was set: no two runs give the same.", self.at)
