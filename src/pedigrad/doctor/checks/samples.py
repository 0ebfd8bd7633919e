"""Which samples a step is made of: rows of inputs and targets that do not belong together, batches that are not used, the same chance."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

from ...core.origin import Origin
from ...core.tensor import Tensor
from ...rng.generator import default_generator
from ..findings import Check
from ..program import Call, FunctionCall, Pass, tensors_in
from .losses import BINARY, CLASSES, ELEMENTWISE

SEVERAL = 3


class SameSeed(Check):
    """A seed is set anew in each step: batches, dropout and noise are the same in all of them."""

    name = "same-seed"
    remedy = "Seed once, before the loop: torch.manual_seed(n) at the beginning."
    functions = ("manual_seed", "fork_rng")

    def __init__(self, *given: Any):
        super().__init__(*given)
        self.seeded: tuple[int, bytes, Origin] | None = None  # since the last pass: the seed, the generator's state then, where
        self.forked = False  # what is drawn may be given back
        self.last: tuple[int, bytes] | None = None  # the seed and the state at the last pass
        self.times = 0

    def function(self, call: FunctionCall) -> None:
        if call.name == "fork_rng":
            self.forked = True
        elif not self.program.stepping:
            self.seeded = default_generator.initial_seed(), default_generator.state_array().tobytes(), Origin.here()

    def backward(self, run: Pass) -> None:
        seeded, forked = self.seeded, self.forked
        self.seeded, self.forked = None, False
        if seeded is None or forked or self.program.stepping:
            self.last, self.times = None, 0
            return
        seed, start, at = seeded
        state = default_generator.state_array().tobytes()
        self.times = self.times + 1 if state != start and self.last == (seed, state) else 0
        self.last = seed, state
        if self.times == SEVERAL:
            self.found(f"The seed {seed} is set anew before each backward pass: what is drawn then is the same in each step.", at)

    def fall_asleep(self) -> None:
        self.last, self.times = None, 0


class RowsApart(Check):
    """A loss compares what was computed of some rows of the inputs with the targets of other rows."""

    name = "rows-apart"
    remedy = "Draw the rows once, and take inputs and targets by them: i = torch.randint(...); x, y = X[i], Y[i]."
    functions = (*ELEMENTWISE, *BINARY, *CLASSES)

    def __init__(self, *given: Any):
        super().__init__(*given)
        self.taken: dict[int, tuple[weakref.ref[Tensor], int, np.ndarray[Any, Any]]] = {}  # by identity: it, rows there are, which
        self.given: list[tuple[int, np.ndarray[Any, Any]]] = []  # rows that models were given since the last pass

    def look(self, on: bool) -> None:
        self.taken.clear()

    def operation(self, op: Any, operands: tuple[Any, ...], result: Any) -> None:
        if op.name in ("index", "index_select") and isinstance(result, Tensor) and result._node is None:
            rows = [x for x in operands[1:] if isinstance(x, Tensor)]
            base = operands[0]
            if isinstance(base, Tensor) and len(rows) == 1 and rows[0].ndim == 1 and rows[0]._array.dtype.kind == "i" and base.ndim:
                self.taken[id(result)] = weakref.ref(result), base.shape[0], rows[0]._array.copy()
        elif op.name == "sub" and len(operands) == 2 and self.given and isinstance(result, Tensor) and result._node is not None:
            loose = [x for x in operands if isinstance(x, Tensor) and x._node is None]
            if len(loose) == 1 and loose[0].shape == result.shape:
                self.compare(loose[0])

    def calling(self, call: Call) -> None:
        self.given += [entry[1:] for t in call.inputs if (entry := self.of(t)) is not None]

    def of(self, value: Any) -> Any:
        """Which rows a tensor has."""
        entry = self.taken.get(id(value))
        return entry if entry is not None and entry[0]() is value else None

    def function(self, call: FunctionCall) -> None:
        if self.given:
            self.compare(call.argument(1, "target"))

    def compare(self, target: Any) -> None:
        """Look whether a target's rows are others than those that models were given."""
        entry = self.of(target)
        if entry is None:
            return
        _, size, rows = entry
        of_as_many = [mine for count, mine in self.given if count == size and mine.size == rows.size]
        if len(of_as_many) != len(self.given) or any(np.array_equal(mine, rows) for mine in of_as_many):
            return
        if self.times_here() == SEVERAL:
            few = ", ".join(map(str, rows[:4].tolist()))
            mine = ", ".join(map(str, of_as_many[-1][:4].tolist()))
            self.found(f"The model was given the rows {mine}, ... of {size}, and its outputs are compared with the targets of {few}, ...")

    def backwarded(self, run: Pass) -> None:
        self.given.clear()
        self.taken = {key: entry for key, entry in self.taken.items() if entry[0]() is not None}


class BatchUnused(Check):
    """A loop goes over a loader's batches, and no operation uses them."""

    name = "batch-unused"
    remedy = "Give the model the batch: for x, y in loader: loss = criterion(model(x), y)."
    functions = (*ELEMENTWISE, *BINARY, *CLASSES, "numpy", "tolist", "item", "to", "embedding_of_indices", "multi_head_attention_forward")

    def __init__(self, *given: Any):
        super().__init__(*given)
        self.waiting: set[int] = set()  # the tensors of the last batch, none where nobody sees whether they are used
        self.kept: list[Tensor] = []
        self.looks = self.passing = False
        self.passes = 0  # there had been when the batch was made
        self.times = 0

    def look(self, on: bool) -> None:
        self.looks = on
        if not on and not self.passing:
            self.waiting.clear()

    def batch(self, iterator: Any, data: Any) -> None:
        if self.waiting and self.times >= 0 and self.passes < self.program.passes and self.program.steps:
            self.times += 1
            if self.times == SEVERAL:
                self.found("A batch is taken from the loader in each step, and no operation uses it.")
        self.kept = list(tensors_in(data)) if self.looks and self.times >= 0 else []
        self.waiting = set(map(id, self.kept))
        self.passes = self.program.passes

    def use(self, values: Any) -> None:
        """Values are used."""
        if self.waiting and any(id(t) in self.waiting for t in values):
            self.waiting.clear()
            self.times = -1

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


class LastBatchOnly(Check):
    """A model is called with several batches in a loop, and a backward pass comes to the last of them alone."""

    name = "last-batch-only"
    remedy = "Call zero_grad(), backward() and step() within the loop over the batches, not after it."

    def __init__(self, *given: Any):
        super().__init__(*given)
        self.times: dict[tuple[Any, int], int] = {}  # by the line of the call; less than 0 where every batch is learnt from

    def backward(self, run: Pass) -> None:
        if self.program.stepping or not run.accumulates:
            return
        last = self.program.last_call
        if last is None or not last.grad or not last.training or last.node is None or last.passed:
            return
        line = last.origin.key
        times = self.times.get(line, 0)
        calls = [c for c in self.program.calls if c.model is last.model and c.origin.key == line]
        gone = [c for c in calls if c.training and c.is_gone and c.measured]
        if times < 0 or len(gone) < SEVERAL or len(gone) < len(calls) - 1 or not last.measured:
            self.times[line] = -1
            return
        self.times[line] = times + 1
        if times + 1 == SEVERAL:
            message = f"{last.model.name} is called with {len(calls)} batches, and of their losses backward() comes to the last"
            self.found(f"{message} alone: the others are not learnt from.", run.origin)
