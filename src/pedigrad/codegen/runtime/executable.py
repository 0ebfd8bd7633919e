"""Executable: a program as native code, with all that a run needs.

The steps of the fuser become calls in native functions, one for each stretch between two steps that Python does (a `call` to
NumPy). They are given one table of addresses: NumPy's array objects, whose data pointer is read at run time,
then plain addresses. Every thread runs the whole of a stretch and meets the others where a step needs what several threads wrote.
"""

from __future__ import annotations

import copy
import ctypes
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..emit import llvm, mathlib
from ..emit.kernel_body import combining
from ..emit.kernel_function import Lowered, description
from ..emit.lower import STREAM, lowered
from ..emit.module import finished
from ..frontend.trace import filled
from ..gemm import contraction
from ..ir.affine import Affine, Axis, contiguous
from ..ir.kernel import Kernel, Load
from ..ir.program import Program, Value
from ..ir.steps import Call, Contraction, Scatter
from ..passes import simplified
from ..schedule import memory_check
from ..schedule.arena import Lifetime, planned
from ..schedule.fuse import Fuser
from . import memory, pool
from .segment import Segment

Array = np.ndarray[Any, Any]
CHECKED = False  # whether each program's plan of memory is followed step by step before it is used
SERIAL = 1 << 14  # points of a kernel up to which one thread does it alone
SERIAL_PRODUCT = 1 << 16  # multiplications, likewise


class GuardFailed(Exception):
    """A number that Python branched on when the program was recorded is another one now; nothing was written."""


class Step(NamedTuple):
    """A step with what it reads and writes, and the text of its call."""

    step: Any
    reads: list[Any]
    writes: list[Any]


class Executable:
    """A compiled program. `inputs` are the values that a run is given arrays for, in order; the others are constants.

    `in_place` says for an output, by its number, which input's memory it is written to; the others are new arrays. `strides`, in
    elements, are those of inputs that do not lie row by row.
    """

    def __init__(
        self,
        program: Program,
        constants: dict[Value, Array],
        threads: int = 1,
        guards: Sequence[tuple[Value, bool]] = (),
        in_place: dict[int, Value] | None = None,
        strides: dict[Value, tuple[int, ...]] | None = None,
        profile: bool = False,
        inputs: Sequence[Value] | None = None,
    ):
        self.constants, self.threads, self.profile = constants, threads, profile
        self.expected = [answer for _, answer in guards]
        self.count = len(program.outputs)
        self.in_place = in_place or {}
        whole = program.with_instructions(program.instructions)
        whole.outputs += [value for value, _ in guards]
        self.program = program = simplified(whole)
        self.fuser = Fuser(program, strides)
        self.inputs = [v for v in (program.inputs if inputs is None else inputs) if v not in constants]
        self.order_steps()
        self.assign_memory()
        self.build()

    # What is done in which order

    def order_steps(self) -> None:
        """Steps that guards depend on come first; then the stretches between calls."""
        fuser = self.fuser
        self.touched = {id(step): (self.find_reads(step), self.find_writes(step)) for step in fuser.steps}
        producer: dict[Value, list[Any]] = {}
        for step in fuser.steps:
            for root in self.writes(step):
                producer.setdefault(root, []).append(step)
        first: set[int] = set()
        todo = [step for root in fuser.outputs[self.count :] for step in producer.get(root, ())]
        while todo:
            step = todo.pop()
            if id(step) not in first:
                first.add(id(step))
                todo += [p for root in self.reads(step) for p in producer.get(root, ())]
        self.early = first
        self.steps = [s for s in fuser.steps if id(s) in first] + (["check"] if self.expected else [])
        self.steps += [s for s in fuser.steps if id(s) not in first]
        self.last_read: dict[Value, int] = {}
        self.first_written: dict[Value, int] = {}
        for number, step in enumerate(self.steps):
            self.last_read |= dict.fromkeys(self.reads(step), number)
            for root in self.writes(step):
                self.first_written.setdefault(root, number)

    def reads(self, step: Any) -> list[Value]:
        """The roots that a step reads."""
        return self.touched[id(step)][0] if step != "check" else []

    def writes(self, step: Any) -> list[Value]:
        """The roots that a step writes."""
        return self.touched[id(step)][1] if step != "check" else []

    def find_reads(self, step: Any) -> list[Value]:
        if isinstance(step, Kernel):
            used = {m.out for m in step.members}
            return list(dict.fromkeys(o.root for (v, _), o in step.operands.items() if v in used and isinstance(o, Load)))
        if isinstance(step, Contraction):
            return [load.root for load in step.loads]
        if isinstance(step, Scatter):
            return [step.x, step.rows]
        return list(step.roots) if isinstance(step, Call) else []

    def find_writes(self, step: Any) -> list[Value]:
        if isinstance(step, Kernel):
            return list(dict.fromkeys(root for _, root, _ in step.stores))
        if isinstance(step, (Contraction, Scatter)):
            return [step.out]
        return list(step.outs.values()) if isinstance(step, Call) else []

    # Where things lie

    def assign_memory(self) -> None:
        """Inputs and constants lie in arrays, outputs in new arrays or in those they are to be written to, the rest in the arena."""
        outputs = self.fuser.outputs[: self.count]
        self.slots: dict[Any, int] = {value: i for i, value in enumerate([*self.inputs, *self.constants])}
        self.alias: dict[Value, Value] = {}
        self.copied: list[tuple[Value, Value]] = []  # an output and the input that it is written to by a copy
        self.fresh: dict[int, Value] = {}  # the number of an output and its root, for those that are new arrays
        self.twice: list[tuple[int, Value]] = []
        for number, root in enumerate(outputs):
            if number not in self.in_place:
                if root in self.fresh.values():
                    self.twice.append((number, root))
                self.fresh[number] = root
                self.slots.setdefault(root, len(self.slots))
        for number, target in self.in_place.items():
            root = outputs[number]
            if root not in self.slots and root not in self.alias and self.writes_straight(root, target):
                self.alias[root] = target
            else:
                self.copied.append((root, target))
        self.calls = [s for s in self.steps if isinstance(s, Call)]
        for step in self.calls:
            for root in [*step.roots, *step.outs.values()]:
                if root not in self.alias:
                    self.slots.setdefault(root, len(self.slots))
        first: dict[Value, int] = {}
        last: dict[Value, int] = {}
        for number, step in enumerate(self.steps):
            for root in [*self.writes(step), *self.reads(step)]:
                if root not in self.slots and root not in self.alias:
                    first.setdefault(root, number)
                    last[root] = number
        for root in [*self.fuser.outputs[self.count :], *(root for root, _ in self.copied)]:
            if root not in self.slots and root not in self.alias:
                first.setdefault(root, 0)
                last[root] = len(self.steps)
        self.lifetimes = {root: Lifetime(root.size * root.dtype.itemsize, first[root], last[root]) for root in first}

    def writes_straight(self, root: Value, target: Value) -> bool:
        """Whether a step may put `root` where the input `target` lies: nobody reads that any more then, or at the same place only."""
        number = self.first_written.get(root, -1)
        step = self.steps[number] if number >= 0 else None
        if id(step) in self.early or target in self.fuser.strides or target in self.alias.values():
            return False
        if self.last_read.get(target, -1) > number:
            return False
        if isinstance(step, Contraction):
            return self.last_read.get(target, -1) < number and (root.size, root.dtype) == (target.size, target.dtype)
        if not isinstance(step, Kernel):
            return False
        if root.shape != target.shape or root.dtype != target.dtype or step.kinds.get(root):
            return False
        stored = [(v, place) for v, r, place in step.stores if r is root]
        if len(stored) != 1 or any(stored[0][0].dtype != root.dtype for _ in stored):
            return False
        value, place = stored[0]
        mine = place or linear_of(step, value)
        used = {m.out for m in step.members}
        loads = [o for (v, _), o in step.operands.items() if v in used and isinstance(o, Load) and o.root is target]
        if not all(o.place == mine and not o.dynamic for o in loads):
            return False
        if not is_once_each(mine, step.axes):  # a further axis would run through it again, and read what it has written
            return False
        return not loads or not any(step.kinds.get(m.out) for m in step.members)  # a second phase would read what was written

    # The module

    def build(self) -> None:
        """Write the module, load it, and make the table."""
        self.kernels: dict[str, str] = {}  # the text without its name -> name
        self.lowered: dict[Any, tuple[Lowered, str, Kernel, list[tuple[Value, int]]]] = {}  # by their descriptions
        self.texts: list[str] = []
        self.functions: set[tuple[str, str]] = set()
        self.partial_size = 0
        self.raw: list[int] = []  # plain addresses: the arena, the barrier, native functions, layouts
        self.kept: list[Any] = []
        self.thread_scratch = 0
        parts = [self.prepare(step) for step in self.steps]
        offsets, size = planned(self.lifetimes.values())
        self.offsets = dict(zip(self.lifetimes, offsets, strict=True))
        self.scratch_at = -(-size // 64) * 64
        self.arena = memory.block(self.scratch_at + self.thread_scratch * self.threads + 64)
        base = -(-contraction.address_of(self.arena) // 64) * 64
        self.base = base - contraction.address_of(self.arena)
        self.raw[:0] = [base, pool.barrier_state()]
        if CHECKED:
            memory_check.check(self)
        mains, self.plan = self.write_mains(parts)
        names = [name for name in self.plan if isinstance(name, str) and name.startswith("main")]
        self.text = finished([mathlib.definitions(sorted(self.functions)), pool.barrier_ir(), *self.texts, *mains])
        addresses = llvm.load(self.text, names) if names else {}
        self.plan = [addresses[item] if isinstance(item, str) and item in addresses else item for item in self.plan]
        self.table = (ctypes.c_int64 * (len(self.slots) + len(self.raw)))()
        for slot, address in enumerate(self.raw, len(self.slots)):
            self.table[slot] = address
        for value, array in self.constants.items():
            self.table[self.slots[value]] = id(array)
        self.address = ctypes.addressof(self.table)
        self.natives = {item: ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 3)(item) for item in self.plan if isinstance(item, int)}

    def prepare(self, step: Any) -> Any:
        """The native functions of a step."""
        if isinstance(step, Kernel):
            return self.prepare_kernel(step)
        if isinstance(step, Contraction):
            return self.prepare_contraction(step)
        return None

    def function(self, make: Any) -> str:
        """The name of a function whose text `make(name)` gives; equal ones are written once."""
        text = make("NAME")
        if text not in self.kernels:
            self.kernels[text] = f"k{len(self.kernels)}"
            self.texts.append(text.replace("@NAME(", f"@{self.kernels[text]}("))
        return self.kernels[text]

    def is_streamed(self, root: Value) -> bool:
        """Whether a root is too large for the caches and lies in memory that is new or the program's own."""
        if root.size * root.dtype.itemsize < STREAM or root in self.alias or not llvm.can_stream():
            return False
        return root not in self.slots or root in self.fresh.values()

    def prepare_kernel(self, kernel: Kernel) -> tuple[Lowered, str, list[Any]]:
        points = 1
        for axis in kernel.axes:
            points *= axis.size
        serial = self.threads == 1 or points <= SERIAL
        described, starts = description(kernel, self.is_streamed)
        if described not in self.lowered:
            made = lowered(kernel, "NAME", 1 if serial else self.threads, llvm.vector_bits(), streamed=self.is_streamed)
            made.parallel = not serial
            self.functions |= made.functions
            self.thread_scratch = max(self.thread_scratch, made.scratch)
            self.lowered[described] = made, self.function(lambda _: made.text), kernel, starts
        made, name, model, others = self.lowered[described]
        if model is not kernel:
            made, kernel.axes = made.on(dict(zip(others, starts, strict=True))), model.axes
        combines = []
        for root, by, size in made.partials:
            key = ("partial", root)
            number = self.first_written[root]
            self.lifetimes[key] = Lifetime(size * self.threads * root.dtype.itemsize, number, number)  # type: ignore[index]
            operation = by.operation
            combine = self.function(lambda n, o=operation, r=root, s=size: combining(n, o, r.dtype, s, self.threads, llvm.vector_bits()))
            combines.append((combine, root))
        return made, name, combines

    def prepare_contraction(self, step: Contraction) -> tuple[Any, int, int, int, bool]:
        """The layout of a contraction, the slots of its function and its layout, and whether one thread does it."""
        left, right = step.loads
        out, letters = step.place, dict(step.letters)
        strides = [dict(place.terms) for place in (left.place, right.place, out)]
        side = {"m": letters["m"], "n": letters["n"]}
        innermost = {c: min((strides[2].get(a, 1 << 62) for letter in side[c] for a in step.groups[letter]), default=1 << 62) for c in "mn"}
        swapped = innermost["m"] < innermost["n"]
        if swapped:
            letters["m"], letters["n"] = letters["n"], letters["m"]
            strides[0], strides[1] = strides[1], strides[0]

        def dimensions(names: str) -> tuple[contraction.Dimension, ...]:
            axes = [axis for letter in names for axis in step.groups[letter]]
            axes.sort(key=lambda a: -max(s.get(a, 0) for s in (strides[2], strides[0], strides[1])))
            return tuple(contraction.Dimension(a.size, *(s.get(a, 0) for s in strides)) for a in axes)

        groups = batch, m, n, k = [dimensions(letters[c]) for c in "bmnk"]
        plan = contraction.layout(batch, m, n, k, step.out.dtype.name)
        self.kept.append(plan)
        work = 1
        for group in groups:
            for dimension in group:
                work *= dimension.size
        serial = self.threads == 1 or work <= SERIAL_PRODUCT
        self.thread_scratch = max(self.thread_scratch, -(-plan.scratch // 64) * 64)
        function = contraction.compiled(step.out.dtype.name)
        address = ctypes.c_void_p.from_buffer(function).value or 0
        if address not in self.raw:
            self.raw.append(address)
        self.raw.append(plan.address)
        return swapped, self.raw.index(address), len(self.raw) - 1, plan.scratch, serial

    # The stretches

    def write_mains(self, parts: list[Any]) -> tuple[list[str], list[Any]]:
        """The native functions that run the steps, and the order of these and of what Python does."""
        mains: list[str] = []
        plan: list[Any] = []
        self.cycles, self.failed = np.zeros(len(self.steps) + 1, np.int64), np.zeros(1, np.int64)
        self.raw += [contraction.address_of(self.failed), contraction.address_of(self.cycles)]
        writer = Segment(self)
        writer.mark(0)
        for number, (step, part) in enumerate(zip(self.steps, parts, strict=True)):
            if isinstance(step, Call):
                if writer.lines:
                    plan.append(f"main{len(mains)}")
                    mains.append(writer.text(plan[-1]))
                    writer = Segment(self)
                plan.append(step)
            elif isinstance(step, Kernel):
                writer.kernel(step, *part)
            elif isinstance(step, Contraction):
                writer.contraction(step, *part)
            elif isinstance(step, Scatter):
                writer.scatter(step)
            else:
                writer.check(self.fuser.outputs[self.count :], self.expected)
            writer.mark(number + 1)
        for root, target in self.copied:
            writer.copy(root, target)
        if writer.lines:
            plan.append(f"main{len(mains)}")
            mains.append(writer.text(plan[-1]))
        return mains, plan

    def again(self) -> Executable:
        """The same program with a table and an arena of its own."""
        new = copy.copy(self)
        new.arena, new.cycles, new.failed = (np.zeros_like(each) for each in (self.arena, self.cycles, self.failed))
        new.table = type(self.table)(*self.table)
        base = -(-contraction.address_of(new.arena) // 64) * 64
        new.base = base - contraction.address_of(new.arena)
        places = {0: base, -2: contraction.address_of(new.failed), -1: contraction.address_of(new.cycles)}
        for place, address in places.items():
            new.table[len(self.slots) + place % len(self.raw)] = address
        new.address = ctypes.addressof(new.table)
        return new

    # A run

    def run(self, arrays: Sequence[Array]) -> list[Any]:
        """Run on arrays for `inputs`; returns the outputs that are new arrays, None in the place of those written in place."""
        table, slots = self.table, self.slots
        assert len(arrays) == len(self.inputs)
        for slot, array in enumerate(arrays):
            table[slot] = id(array)
        held: dict[Value, Any] = {}
        outputs: list[Any] = [None] * self.count
        for number, root in self.fresh.items():
            if root not in held:
                held[root] = outputs[number] = memory.empty(self.program.outputs[number].shape, root.dtype)
                table[slots[root]] = id(held[root])
        for step in self.calls:
            for root in [*step.roots, *step.outs.values()]:
                if root in slots and root not in held and slots[root] >= len(self.inputs) + len(self.constants):
                    held[root] = memory.empty(root.shape, root.dtype)
                    table[slots[root]] = id(held[root])
        for item in self.plan:
            if isinstance(item, int):
                self.launch(item)
                if self.expected and self.failed[0]:
                    self.failed[0] = 0
                    raise GuardFailed
            else:
                self.run_call(item, arrays, held)
        for number, root in self.twice:  # two results are two arrays
            outputs[number] = held[root].reshape(self.program.outputs[number].shape).copy()
        return outputs

    def launch(self, main: int) -> None:
        """Call the native function of a stretch in all threads."""
        if self.threads == 1:
            self.natives[main](self.address, 0, 1)
        else:
            pool.run(main, (self.address,), self.threads)

    def run_call(self, step: Call, arrays: Sequence[Array], held: dict[Value, Any]) -> None:
        """NumPy's part. Where that fails, the program is left if nothing was written to in place: it is done again as usual then."""
        instruction = step.instruction
        given = [self.array(root, arrays, held).reshape(v.shape) for root, v in zip(step.roots, instruction.args, strict=True)]
        args, kwargs = filled(instruction.attributes["plan"], given)
        try:
            result = instruction.attributes["function"](*args, **kwargs)
            for i, each in enumerate(result if instruction.attributes["several"] else (result,)):
                if i in step.outs:
                    target = self.array(step.outs[i], arrays, held)
                    shape, before = np.shape(each), step.outs[i].shape
                    if shape != before:
                        name = getattr(instruction.attributes["function"], "__name__", "a function")
                        raise RuntimeError(f"{name}() gave an array of shape {shape} in a compiled program, where it was {before}")
                    np.copyto(target.reshape(shape), each, casting="unsafe")
        except Exception as error:
            if self.in_place:
                raise
            raise GuardFailed from error

    def array(self, root: Value, arrays: Sequence[Array], held: dict[Value, Any]) -> Array:
        """The array that a root is in during a run, where it is not in the arena."""
        target = self.alias.get(root, root)
        if target in held:
            return held[target]
        return arrays[self.inputs.index(target)] if target in self.inputs else self.constants[target]


def is_once_each(place: Affine, axes: Sequence[Axis]) -> bool:
    """Whether each point of the axes has a place of its own."""
    factors, reach = dict(place.terms), 0
    if any(axis.size != 1 and axis not in factors for axis in axes):
        return False
    for axis, factor in sorted(place.terms, key=lambda term: abs(term[1])):
        if abs(factor) <= reach:
            return False
        reach += abs(factor) * (axis.size - 1)
    return True


def linear_of(kernel: Kernel, value: Value) -> Affine:
    """The place of a value's element where it lies row by row."""
    total = Affine(0, ())
    for each, stride in zip(kernel.index[value], contiguous(value.shape), strict=True):
        total = total.plus(each.times(stride))
    return total
