"""Executable: a program as native code, with all that a run needs.

The steps of the fuser become calls in native functions, one for each stretch between two steps that Python does (a `call` to
NumPy). They are given one table of addresses: NumPy's array objects, whose data pointer is read at run time,
then plain addresses. Every thread runs the whole of a stretch and meets the others where a step needs what several threads wrote.
"""

from __future__ import annotations

import copy
import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...core.origin import Source
from ..conv.plan import Function, Plan, for_rows
from ..emit import llvm, mathlib
from ..emit.kernel_body import combining
from ..emit.kernel_function import Lowered, description
from ..emit.lower import STREAM, lowered
from ..emit.module import finished
from ..frontend.trace import filled
from ..gemm import contraction
from ..ir.kernel import Kernel
from ..ir.program import Program, Value
from ..ir.steps import Call, Contraction, Convolution, Scatter
from ..passes import simplified
from ..schedule import memory_check
from ..schedule.arena import Lifetime
from ..schedule.fuse import Fuser
from ..schedule.placement import Placement, Step
from . import memory, pool
from .segment import Segment, Shared

Array = np.ndarray[Any, Any]
CHECKED = False  # whether each program's plan of memory is followed step by step before it is used
SERIAL = 1 << 14  # points of a kernel up to which one thread does it alone
SERIAL_PRODUCT = 1 << 16  # multiplications, likewise
SERIAL_READ = 1 << 18  # the same where each of them reads an element of its own


def source_of(value: Value) -> Source | None:
    """The user's line that a value comes from, None if it comes from none."""
    origin = None if value.by is None else value.by.origin
    return origin if isinstance(origin, Source) else None


class GuardFailed(Exception):
    """A number that Python branched on when the program was recorded is another one now; nothing was written."""


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
        self.placement = Placement(self.fuser, [*self.inputs, *constants], self.expected, self.in_place)
        self.build()

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
        placement = self.placement
        parts = [self.prepare(step) for step in placement.steps]
        placement.lay_out_arena()
        self.thread_scratch = -(-self.thread_scratch // 64) * 64
        self.arena = memory.block(placement.scratch_at + self.thread_scratch * self.threads + 64)
        base = -(-contraction.address_of(self.arena) // 64) * 64
        self.base = base - contraction.address_of(self.arena)
        self.raw[:0] = [base, pool.barrier_state()]
        if CHECKED:
            memory_check.check(placement)
        mains, self.plan = self.write_mains(parts)
        names = [name for name in self.plan if isinstance(name, str) and name.startswith("main")]
        self.text = finished([mathlib.definitions(sorted(self.functions)), pool.barrier_ir(), *self.texts, *mains])
        addresses = llvm.load(self.text, names) if names else {}
        self.plan = [addresses[item] if isinstance(item, str) and item in addresses else item for item in self.plan]
        slots = placement.slots
        self.table = (ctypes.c_int64 * (len(slots) + len(self.raw)))()
        for slot, address in enumerate(self.raw, len(slots)):
            self.table[slot] = address
        for value, array in self.constants.items():
            self.table[slots[value]] = id(array)
        self.address = ctypes.addressof(self.table)
        self.natives = {item: ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 3)(item) for item in self.plan if isinstance(item, int)}

    def prepare(self, step: Step) -> Any:
        """The native functions of a step."""
        if isinstance(step, Kernel):
            return self.prepare_kernel(step)
        if isinstance(step, Contraction):
            return self.prepare_contraction(step)
        if isinstance(step, Convolution):
            return self.prepare_convolution(step)
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
        return root.size * root.dtype.itemsize >= STREAM and llvm.can_stream() and self.placement.is_new(root)

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
            number = self.placement.first_written[root]
            self.placement.lifetimes[key] = Lifetime(size * self.threads * root.dtype.itemsize, number, number)
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
        dtype = left.root.dtype.name
        plan = contraction.layout(batch, m, n, k, dtype)
        self.kept.append(plan)
        work = 1
        for group in groups:
            for dimension in group:
                work *= dimension.size
        serial = self.threads == 1 or work <= (SERIAL_READ if plan.is_gemv else SERIAL_PRODUCT)
        self.thread_scratch = max(self.thread_scratch, -(-plan.scratch // 64) * 64)
        function = contraction.compiled(dtype, rounded=False)
        number = self.number_of(ctypes.c_void_p.from_buffer(function).value or 0)
        self.raw.append(plan.address)
        return swapped, number, len(self.raw) - 1, plan.scratch, serial

    def number_of(self, address: int) -> int:
        """The number of a native function among the plain addresses."""
        if address not in self.raw:
            self.raw.append(address)
        return self.raw.index(address)

    def prepare_convolution(self, step: Convolution) -> tuple[Plan, list[tuple[str, int]], dict[int, int]]:
        """The plan of a convolution, the names of its operands there, and the numbers of its functions by their addresses."""
        dtype = step.out.dtype
        plan, names = for_rows(step.kind, dtype.name, step.geometry, step.shapes, llvm.vector_bits(), self.threads)
        number = self.placement.first_written[step.out]
        for name, count in plan.memory:
            self.placement.lifetimes[name, step.out] = Lifetime(count * dtype.itemsize, number, number)
        self.thread_scratch = max(self.thread_scratch, plan.scratch * dtype.itemsize)
        called = [call.function for call in plan.calls]
        called += [a.address for call in plan.calls for a in call.arguments if isinstance(a, Function)]
        return plan, names, {address: self.number_of(address) for address in called}

    # The stretches

    def write_mains(self, parts: list[Any]) -> tuple[list[str], list[Any]]:
        """The native functions that run the steps, and the order of these and of what Python does."""
        mains: list[str] = []
        plan: list[Any] = []
        placement = self.placement
        self.cycles, self.failed = np.zeros(len(placement.steps) + 1, np.int64), np.zeros(1, np.int64)
        self.raw += [contraction.address_of(self.failed), contraction.address_of(self.cycles)]
        shared = Shared(placement, self.threads, self.thread_scratch, len(self.raw), self.profile, self.function)
        writer = Segment(shared)
        writer.mark(0)
        for number, (step, part) in enumerate(zip(placement.steps, parts, strict=True)):
            if isinstance(step, Call):
                if writer.lines:
                    plan.append(f"main{len(mains)}")
                    mains.append(writer.text(plan[-1]))
                    writer = Segment(shared)
                plan.append(step)
            elif isinstance(step, Kernel):
                writer.kernel(step, *part)
            elif isinstance(step, Contraction):
                writer.contraction(step, *part)
            elif isinstance(step, Convolution):
                writer.convolution(step, *part)
            elif isinstance(step, Scatter):
                writer.scatter(step)
            else:
                writer.check(step)
            writer.mark(number + 1)
        for root, target in placement.copied:
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
            new.table[len(self.placement.slots) + place % len(self.raw)] = address
        new.address = ctypes.addressof(new.table)
        return new

    def arena_by_source(self) -> list[tuple[Source | None, int]]:
        """What the arena holds when it is fullest: where values come from, and their bytes; last what no value has, as scratch memory."""
        found = [(source_of(value), size) for value, size in self.placement.fullest()]
        return [*found, (None, max(self.arena.nbytes - sum(size for _, size in found), 0))]

    # A run

    def run(self, arrays: Sequence[Array]) -> list[Any]:
        """Run on arrays for `inputs`; returns the outputs that are new arrays, None in the place of those written in place."""
        table, placement = self.table, self.placement
        slots = placement.slots
        assert len(arrays) == len(self.inputs)
        for slot, array in enumerate(arrays):
            table[slot] = id(array)
        held: dict[Value, Any] = {}
        outputs: list[Any] = [None] * self.count
        for number, root in placement.fresh.items():
            if root not in held:
                held[root] = outputs[number] = memory.empty(self.program.outputs[number].shape, root.dtype)
                table[slots[root]] = id(held[root])
        for step in placement.calls:
            for root in [*step.reads, *step.writes]:
                if root in slots and root not in held and slots[root] >= len(placement.arrays):
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
        for number, root in placement.twice:  # two results are two arrays
            outputs[number] = held[root].reshape(self.program.outputs[number].shape).copy()
        return outputs

    def launch(self, main: int) -> None:
        """Call the native function of a stretch in all threads."""
        if self.threads == 1:
            self.natives[main](self.address, 0, 1)
        else:
            pool.run(main, (self.address,), self.threads, joint=True)

    def run_call(self, step: Call, arrays: Sequence[Array], held: dict[Value, Any]) -> None:
        """NumPy's part. Where that fails, the program is left if nothing was written to in place: it is done again as usual then."""
        instruction = step.instruction
        given = [self.array(root, arrays, held).reshape(v.shape) for root, v in zip(step.reads, instruction.args, strict=True)]
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
        target = self.placement.alias.get(root, root)
        if target in held:
            return held[target]
        return arrays[self.inputs.index(target)] if target in self.inputs else self.constants[target]
