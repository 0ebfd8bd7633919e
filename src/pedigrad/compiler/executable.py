"""Executable: a program as native code, with all that a run needs.

The steps of the fuser become calls in native functions, one for each stretch between two steps that Python does (a `call` to
NumPy, a look at the guards). They are given one table of addresses: NumPy's array objects, whose data pointer is read at run time,
then plain addresses. Every thread runs the whole of a stretch and meets the others where a step needs what several threads wrote.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from . import contraction, llvm, mathlib, memory, pool
from .affine import Affine, Axis, contiguous
from .arena import Lifetime, planned
from .fuse import Call, Contraction, Fuser, Scatter
from .kernel import Kernel, Load
from .lower import Lowered, combining, lowered
from .module import finished
from .passes import simplified
from .program import Program, Value
from .trace import filled

Array = np.ndarray[Any, Any]
SERIAL = 1 << 14  # points of a kernel up to which one thread does it alone
SERIAL_PRODUCT = 1 << 16  # multiplications, likewise


class GuardFailed(Exception):  # noqa: N818
    """A number that Python branched on when the program was recorded is another one now; nothing was written yet."""


class Step(NamedTuple):
    """A step with what it reads and writes, and the text of its call."""

    step: Any
    reads: list[Any]
    writes: list[Any]


class Executable:
    """A compiled program. `inputs` are the values that a run is given arrays for, in order; the others are constants.

    `in_place` says for an output, by its number, which input's memory it is written to; the others are new arrays.
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
    ):
        self.constants, self.threads, self.profile = constants, threads, profile
        self.expected = [answer for _, answer in guards]
        self.count = len(program.outputs)
        self.in_place = in_place or {}
        whole = program.with_instructions(program.instructions)
        whole.outputs += [value for value, _ in guards]
        self.program = program = simplified(whole)
        self.fuser = Fuser(program, strides)
        self.inputs = [v for v in program.inputs if v not in constants]
        self.order_steps()
        self.assign_memory()
        self.build()
        self.order = list(range(len(self.inputs)))

    def renumber(self) -> None:
        """Take the present order of `inputs` as the order in which a run is given arrays."""
        order = [self.slots[v] for v in self.inputs]
        assert sorted(order) == list(range(len(order)))
        self.order = order

    # What is done in which order

    def order_steps(self) -> None:
        """Steps that guards depend on come first; then the stretches between calls."""
        fuser = self.fuser
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

    def reads(self, step: Any) -> list[Value]:
        if isinstance(step, Kernel):
            used = {m.out for m in step.members}
            return list(dict.fromkeys(o.root for (v, _), o in step.operands.items() if v in used and isinstance(o, Load)))
        if isinstance(step, Contraction):
            return [load.root for load in step.loads]
        if isinstance(step, Scatter):
            return [step.x, step.rows]
        return list(step.roots) if isinstance(step, Call) else []

    def writes(self, step: Any) -> list[Value]:
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
        for number, root in enumerate(outputs):
            target = self.in_place.get(number)
            if target is None:
                self.fresh[number] = root
                self.slots.setdefault(root, len(self.slots))
            elif root not in self.slots and self.writes_straight(root, target):
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
        """Whether a kernel may put `root` where the input `target` lies: nobody reads that any more then, or at the same place only."""
        number = next((n for n, s in enumerate(self.steps) if root in self.writes(s)), None)
        step = None if number is None else self.steps[number]
        if not isinstance(step, Kernel) or id(step) in self.early or target in self.fuser.strides or target in self.alias.values():
            return False
        if any(target in self.reads(s) for s in self.steps[number + 1 :] if not isinstance(s, str)):
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
        return not loads or not any(step.kinds.get(m.out) for m in step.members)  # a second phase would read what was written

    # The module

    def build(self) -> None:
        """Write the module, load it, and make the table."""
        self.kernels: dict[str, str] = {}  # the text without its name -> name
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
        self.arena = np.empty(self.scratch_at + self.thread_scratch * self.threads + 64, np.uint8)
        base = -(-contraction.address_of(self.arena) // 64) * 64
        self.base = base - contraction.address_of(self.arena)
        self.raw[:0] = [base, pool.barrier_state()]
        mains, self.plan = self.write_mains(parts)
        names = [name for name in self.plan if isinstance(name, str) and name.startswith("main")]
        self.text = finished([mathlib.definitions(sorted(self.functions)), pool.barrier_ir(), *self.texts, *mains])
        addresses = llvm.load(self.text, names) if names else {}
        self.plan = [addresses[item] if isinstance(item, str) and item in addresses else item for item in self.plan]
        self.table = (ctypes.c_int64 * (len(self.slots) + len(self.raw)))()
        self.table[len(self.slots) :] = self.raw
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

    def prepare_kernel(self, kernel: Kernel) -> tuple[Lowered, str, list[Any]]:
        points = 1
        for axis in kernel.axes:
            points *= axis.size
        serial = self.threads == 1 or points <= SERIAL
        made = lowered(kernel, "NAME", 1 if serial else self.threads, llvm.vector_bits())
        made.parallel = not serial
        self.functions |= made.functions
        self.thread_scratch = max(self.thread_scratch, made.scratch)
        name = self.function(lambda _: made.text)
        combines = []
        for root, by, size in made.partials:
            key = ("partial", root)
            self.lifetimes[key] = Lifetime(size * self.threads * root.dtype.itemsize, self.steps.index(kernel), self.steps.index(kernel))  # type: ignore[index]
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

        groups = [dimensions(letters[c]) for c in "bmnk"]
        plan = contraction.layout(*groups, step.out.dtype.name)
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
        self.cycles = np.zeros(len(self.steps) + 1, np.int64)
        self.raw.append(contraction.address_of(self.cycles))
        writer = MainWriter(self)
        writer.mark(0)
        for number, (step, part) in enumerate( zip(self.steps, parts, strict=True)):
            if step == "check" or isinstance(step, Call):
                if writer.lines:
                    plan.append(f"main{len(mains)}")
                    mains.append(writer.text(plan[-1]))
                    writer = MainWriter(self)
                plan.append(step)
            elif isinstance(step, Kernel):
                writer.kernel(step, *part)
            elif isinstance(step, Contraction):
                writer.contraction(step, *part)
            elif isinstance(step, Scatter):
                writer.scatter(step)
            writer.mark(number + 1)
        for root, target in self.copied:
            writer.copy(root, target)
        if writer.lines:
            plan.append(f"main{len(mains)}")
            mains.append(writer.text(plan[-1]))
        return mains, plan

    # A run

    def run(self, arrays: Sequence[Array]) -> list[Any]:
        """Run on arrays for `inputs`; returns the outputs that are new arrays, None in the place of those written in place."""
        table, slots = self.table, self.slots
        for slot, array in zip(self.order, arrays, strict=True):
            table[slot] = id(array)
        held: dict[Value, Any] = {}
        outputs: list[Any] = [None] * self.count
        for number, root in self.fresh.items():
            if root not in held:
                held[root] = memory.empty(root.shape, root.dtype)
                table[slots[root]] = id(held[root])
            outputs[number] = held[root].reshape(self.program.outputs[number].shape)
        for step in self.calls:
            for root in [*step.roots, *step.outs.values()]:
                if root in slots and root not in held and slots[root] >= len(self.inputs) + len(self.constants):
                    held[root] = memory.empty(root.shape, root.dtype)
                    table[slots[root]] = id(held[root])
        for item in self.plan:
            if isinstance(item, int):
                if self.threads == 1:
                    self.natives[item](self.address, 0, 1)
                else:
                    pool.run(item, (self.address,), self.threads)
            elif item == "check":
                self.check(arrays, held)
            else:
                self.run_call(item, arrays, held)
        return outputs

    def run_call(self, step: Call, arrays: Sequence[Array], held: dict[Value, Any]) -> None:
        """NumPy's part."""
        instruction = step.instruction
        given = [self.array(root, arrays, held).reshape(v.shape) for root, v in zip(step.roots, instruction.args, strict=True)]
        args, kwargs = filled(instruction.attributes["plan"], given)
        result = instruction.attributes["function"](*args, **kwargs)
        for i, each in enumerate(result if instruction.attributes["several"] else (result,)):
            if i in step.outs:
                target = self.array(step.outs[i], arrays, held)
                if np.shape(each) != target.shape:
                    name, shape = getattr(instruction.attributes["function"], "__name__", "a function"), np.shape(each)
                    raise RuntimeError(f"{name}() gave an array of shape {shape} in a compiled program, where it was {target.shape}")
                np.copyto(target, each, casting="unsafe")

    def array(self, root: Value, arrays: Sequence[Array], held: dict[Value, Any]) -> Array:
        """The array that a root is in during a run, where it is not in the arena."""
        target = self.alias.get(root, root)
        if target in held:
            return held[target]
        return arrays[self.inputs.index(target)] if target in self.inputs else self.constants[target]

    def check(self, arrays: Sequence[Array], held: dict[Value, Any]) -> None:
        """GuardFailed unless all guards came out as expected."""
        for root, expected in zip(self.fuser.outputs[self.count :], self.expected, strict=True):
            if root in self.lifetimes:
                got = bool(self.arena[self.base + self.offsets[root]])
            else:  # an output too, or NumPy's
                got = bool(self.array(root, arrays, held).item())
            if got != expected:
                raise GuardFailed


def linear_of(kernel: Kernel, value: Value) -> Affine:
    """The place of a value's element where it lies row by row."""
    total = Affine(0, ())
    for each, stride in zip(kernel.index[value], contiguous(value.shape), strict=True):
        total = total.plus(each.times(stride))
    return total


class MainWriter:
    """The text of one stretch."""

    def __init__(self, executable: Executable):
        self.executable = executable
        self.lines: list[str] = []
        self.names = 0
        self.pointers: dict[Any, str] = {}
        self.read: set[Any] = set()
        self.written: set[Any] = set()
        self.extents: dict[Any, tuple[int, int]] = {}

    def fresh(self, text: str) -> str:
        self.names += 1
        self.lines.append(f"  %v{self.names} = {text}")
        return f"%v{self.names}"

    def pointer(self, root: Any) -> str:
        """The address of a root's memory."""
        executable = self.executable
        root = executable.alias.get(root, root)
        if root in self.pointers:
            return self.pointers[root]
        if root in executable.slots:
            place = self.fresh(f"getelementptr i64, ptr %table, i64 {executable.slots[root]}")
            head = self.fresh(f"load ptr, ptr {place}")
            data = self.fresh(f"getelementptr i8, ptr {head}, i64 {object.__basicsize__}")
            found = self.fresh(f"load ptr, ptr {data}")
        else:
            found = self.fresh(f"getelementptr i8, ptr {self.slot(0)}, i64 {executable.offsets[root]}")
        self.pointers[root] = found
        return found

    def element(self, root: Any, offset: int) -> str:
        """An address at an offset, in bytes, from that of a root."""
        if not offset:
            return self.pointer(root)
        key = ("element", root, offset)
        if key not in self.pointers:
            self.pointers[key] = self.fresh(f"getelementptr i8, ptr {self.pointer(root)}, i64 {offset}")
        return self.pointers[key]

    def slot(self, number: int) -> str:
        """A plain address of the table."""
        key = ("slot", number)
        if key not in self.pointers:
            place = self.fresh(f"getelementptr i64, ptr %table, i64 {len(self.executable.slots) + number}")
            self.pointers[key] = self.fresh(f"load ptr, ptr {place}")
        return self.pointers[key]

    def scratch(self) -> str:
        """This thread's scratch memory."""
        if "scratch" not in self.pointers:
            mine = self.fresh(f"mul i64 %thread, {self.executable.thread_scratch}")
            at = self.fresh(f"add i64 {mine}, {self.executable.scratch_at}")
            self.pointers["scratch"] = self.fresh(f"getelementptr i8, ptr {self.slot(0)}, i64 {at}")
        return self.pointers["scratch"]

    def mark(self, number: int) -> None:
        """Note the time, where a profile is wanted."""
        executable = self.executable
        if not executable.profile:
            return
        if executable.threads > 1:
            self.lines.append(f"  call void @pg.barrier(ptr {self.slot(1)}, i64 %threads)")
        place = self.fresh(f"getelementptr i64, ptr {self.slot(len(executable.raw) - 1)}, i64 {number}")
        self.names += 1
        self.lines += [f"  %c{self.names} = call i64 @llvm.readcyclecounter()"]
        self.call(f"store i64 %c{self.names}, ptr {place}", True)

    # Threads meet where one needs what another wrote, or overwrites what another reads

    def extent(self, root: Any) -> Any:
        executable = self.executable
        root = executable.alias.get(root, root)
        if root in executable.slots:
            return ("slot", executable.slots[root])
        start = executable.offsets[root]
        return (start, start + max(executable.lifetimes[root].size, 1))

    def meet(self, reads: Any, writes: Any) -> None:
        if self.executable.threads == 1:
            return
        reads, writes = {self.extent(r) for r in reads}, {self.extent(w) for w in writes}
        if overlap(reads, self.written) or overlap(writes, self.written | self.read):
            self.lines.append(f"  call void @pg.barrier(ptr {self.slot(1)}, i64 %threads)")
            self.read, self.written = set(), set()
        self.read |= reads
        self.written |= writes

    def call(self, text: str, serial: bool) -> None:
        """A call by all threads, or by the first one."""
        if serial and self.executable.threads > 1:
            self.names += 1
            tag = self.names
            self.lines += [f"  br i1 %first, label %then{tag}, label %after{tag}", f"then{tag}:", f"  {text}", f"  br label %after{tag}", f"after{tag}:"]
        else:
            self.lines.append(f"  {text}")

    def kernel(self, kernel: Kernel, made: Lowered, name: str, combines: list[Any]) -> None:
        executable = self.executable
        parts = {root: ("partial", root) for _, root in combines}
        writes = [parts.get(root, root) for root in executable.writes(kernel)]
        self.meet(executable.reads(kernel), writes)
        pointers = [self.element(parts.get(root, root), start * root.dtype.itemsize) for root, start in made.roots]
        thread = "%thread" if made.parallel else "0"
        arguments = ", ".join([*(f"ptr {p}" for p in pointers), f"ptr {self.scratch()}", f"i64 {thread}"])
        self.call(f"call void @{name}({arguments})", not made.parallel)
        if combines:
            self.meet([parts[root] for _, root in combines], [root for _, root in combines])
            for combine, root in combines:
                part, whole = self.pointer(parts[root]), self.pointer(root)
                self.call(f"call void @{combine}(ptr {part}, ptr {whole})", True)

    def contraction(self, step: Contraction, swapped: bool, function: int, layout: int, scratch: int, serial: bool) -> None:
        self.meet([load.root for load in step.loads], [step.out])
        ends = []
        for load in step.loads[::-1] if swapped else step.loads:
            size = load.root.dtype.itemsize
            pointer = self.pointer(load.root)
            ends.append(self.fresh(f"getelementptr i8, ptr {pointer}, i64 {load.place.constant * size}") if load.place.constant else pointer)
        # Thread t works at `scratch` bytes times t from what it is given, and that must be its own part of all scratch memory.
        gap = self.fresh(f"mul i64 {'0' if serial else '%thread'}, {self.executable.thread_scratch - scratch}")
        start = self.fresh(f"getelementptr i8, ptr {self.slot(0)}, i64 {self.executable.scratch_at}")
        places = [*ends, self.pointer(step.out), "null", self.fresh(f"getelementptr i8, ptr {start}, i64 {gap}")]
        function_at, layout_at = self.slot(function + 2), self.slot(layout + 2)
        threads = "i64 0, i64 1" if serial else "i64 %thread, i64 %threads"
        arguments = ", ".join([*(f"ptr {p}" for p in [*places, layout_at]), threads])
        self.call(f"call void {function_at}({arguments})", serial)

    def scatter(self, step: Scatter) -> None:
        executable = self.executable
        self.meet([step.x, step.rows], [step.out])
        name = executable.function(lambda n: scattering(n, step, executable.threads))
        places = ", ".join(f"ptr {self.pointer(root)}" for root in (step.x, step.rows, step.out))
        self.call(f"call void @{name}({places}, i64 %thread)", False)

    def copy(self, root: Value, target: Value) -> None:
        self.meet([root], [target])
        size = root.size * root.dtype.itemsize
        self.call(f"call void @llvm.memmove.p0.p0.i64(ptr {self.pointer(target)}, ptr {self.pointer(root)}, i64 {size}, i1 false)", True)

    def text(self, name: str) -> str:
        # What a branch leaves undefined on the other side must not hold pointers: those are all made at the head.
        head = [line for line in self.lines if re.match(r"  %v\d+ = ", line)]
        rest = [line for line in self.lines if not re.match(r"  %v\d+ = ", line)]
        first = "  %first = icmp eq i64 %thread, 0"
        return "\n".join([f"define void @{name}(ptr %table, i64 %thread, i64 %threads) nounwind {{", "entry:", first, *head, *rest, "  ret void", "}", ""])


def overlap(some: set[Any], others: set[Any]) -> bool:
    """Whether two sets of extents touch."""
    for a in some:
        for b in others:
            if a == b or (a[0] != "slot" and b[0] != "slot" and a[0] < b[1] and b[0] < a[1]):
                return True
    return False


def scattering(name: str, step: Scatter, threads: int) -> str:
    """`void name(ptr x, ptr rows, ptr out, i64 thread)`: each thread adds its share of the columns, row after row."""
    from .lower import KernelBody
    from .scalar_ir import ScalarIR, identity, memory_type

    count, rows = step.out.size // step.out.shape[0], step.rows.size
    body = KernelBody(name, "ptr %x, ptr %rows, ptr %out, i64 %thread", llvm.vector_bits())
    scalar, kind = ScalarIR(body), memory_type(step.out.dtype)
    low = body.integer("udiv", body.integer("mul", "%thread", count), threads)
    high = body.integer("udiv", body.integer("mul", body.integer("add", "%thread", 1), count), threads)
    with body.loop("0", step.out.shape[0]) as row:
        start = body.integer("mul", row.index, count)
        with body.parallel(low, high) as column:
            place = body.at("%out", body.integer("add", start, column), kind)
            body.do(f"store {kind} {identity('sum', step.out.dtype)}, ptr {place}{body.access}")
    with body.loop("0", rows) as row:
        target = body.put(f"load i64, ptr {body.at('%rows', row.index)}")
        to, start = body.integer("mul", target, count), body.integer("mul", row.index, count)
        with body.parallel(low, high) as column:
            place = body.at("%out", body.integer("add", to, column), kind)
            x = body.put(f"load {kind}, ptr {body.at('%x', body.integer('add', start, column), kind)}{body.access}")
            before = body.put(f"load {kind}, ptr {place}{body.access}")
            body.do(f"store {kind} {scalar.combine('sum', step.out.dtype, before, x)}, ptr {place}{body.access}")
    return body.text()


__all__ = ["Axis", "Executable", "GuardFailed"]
