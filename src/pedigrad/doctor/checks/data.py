"""The data: batches in the same order in each epoch, the same batch again, chance that nothing seeds."""

from __future__ import annotations

import weakref
from typing import Any

from ...core.origin import NOWHERE, Origin
from ...core.tensor import Tensor
from ...rng.generator import default_generator
from ...utils.data.sampler import BatchSampler, RandomSampler, SequentialSampler
from ..findings import Check
from ..program import Call, FunctionCall, Pass, Updater, tensors_in

SEVERAL = 3
LONG = 128  # backward passes by which an order that comes again is looked for
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
        self.carried = False  # a model is given what it returned before, so the order matters
        self.last_outputs: list[Any] = []  # the arrays, weakly
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
        self.current = entry

    def called(self, call: Call) -> None:
        if not call.grad or not call.inputs or self.closed or self.by_loader:
            return
        if not self.carried:
            before = [array for each in self.last_outputs if (array := each()) is not None]
            self.carried = any(t._array is array for t in call.inputs for array in before)
            results = [call.output] if call.output is not None and call.output is call.result else tensors_in(call.result)
            self.last_outputs = [weakref.ref(t._array) for t in results]
        if call.training:
            self.pending, self.origin = call.given, call.origin

    pending: tuple[Any, ...] | None = None
    origin: Origin = NOWHERE

    def stepped(self, updater: Updater) -> None:
        if self.current is not None:
            self.current[2] += 1
        if self.pending is not None:
            self.closed = len(self.inputs) >= LONG
            self.inputs.append(self.pending)
            self.at = self.origin
            self.pending = None

    def finish(self) -> None:
        for _, passes, steps, _, origin in self.loaders.values():
            passes += steps > SMALL
            if passes >= 2 or steps >= 10:
                self.found("The training batches come in the same order in each epoch: the loader does not shuffle.", origin)
                return
        period = None if self.carried or self.by_loader else period_of(self.inputs)
        if period is not None and period > SMALL:
            self.found(f"The model is trained on the same {period} batches in the same order in each epoch.", self.at)


def period_of(marks: list[Any]) -> int | None:
    """After how many marks all of them come again in the same order, at least twice; None if they do not."""
    if len(marks) < 4:
        return None
    first = next((i for i, mark in enumerate(marks[1:], 1) if mark == marks[0]), None)
    if first is None or len(marks) < 2 * first or len(set(marks)) < 2:
        return None
    return first if all(mark == marks[i % first] for i, mark in enumerate(marks)) else None


class SameBatch(Check):
    """A model is trained on one batch again and again, although there are more."""

    name = "same-batch"
    remedy = "Let the loop go over the loader (for x, y in loader), and take each step's slice by the step's number."

    def __init__(self, *given: Any):
        super().__init__(*given)
        self.rows: set[int] = set()  # of the batches of loaders that have several
        self.marks: dict[int, tuple[Any, int]] = {}  # by model: the last mark, and how many steps it has stayed
        self.pending: dict[int, tuple[Any, Origin, bool, str]] = {}  # by model: what it was given since the last step

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

    def called(self, call: Call) -> None:
        if call.grad and call.inputs:
            given = call.inputs[0]
            mark = call.given
            before = self.pending.get(call.model.number)
            several = before is not None and before[0] != mark  # a step of several batches has seen more than one
            self.pending[call.model.number] = (None if several else mark, call.origin, self.is_part(given), call.model.name)

    def stepped(self, updater: Updater) -> None:
        for key, (mark, origin, part, name) in self.pending.items():
            before, times = self.marks.get(key, (None, 0))
            times = 0 if mark is None else times + 1 if before == mark else 1
            self.marks[key] = (mark, times)
            if times == 8 and part:
                self.found(f"{name} was trained on the very same batch in {times} steps in a row, although there are others.", origin)
        self.pending.clear()

    def is_part(self, tensor: Tensor) -> bool:
        """Whether there is more data than a tensor: it has the rows of a loader's batch, or shows fewer than half of another's."""
        base = None if tensor._view is None else tensor._view.base
        rows = tensor.shape[0] if tensor.ndim else 0
        return rows in self.rows or (base is not None and rows > 0 and base.shape[1:] == tensor.shape[1:] and base.shape[0] > 2 * rows)


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
