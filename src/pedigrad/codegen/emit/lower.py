"""From a Kernel to LLVM IR: one function, in scalar loops that LLVM's vectoriser widens.

    void name(ptr root..., ptr scratch, i64 thread, i64 threads[, i64 points])

A kernel without divided axes is one loop over all its points, in blocks; else there is a loop over the outer points, in which
each phase is a loop over the inner ones. What depends on fewer axes is computed further out. Where it is an outer axis that runs
along memory and not the inner ones (the sum over rows of matrices), many of its points are taken together: lanes, the innermost
loop of each phase. Every thread takes its share of the outer points; what it has of column and total reductions it leaves in its
part of `partial` arrays, which a second function adds up in the order of the threads.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..ir.affine import Affine, Axis, axes_of
from ..ir.instructions import ELEMENTWISE, cost_of
from ..ir.kernel import Kernel, Load, Position
from ..ir.program import Instruction, Value
from ..ir.symbolic_sizes import Numbers
from ..schedule.loop_order import order_axes, store_place
from .kernel_body import KernelBody, inside, share
from .kernel_function import Lowered
from .scalar_ir import ScalarIR, identity, memory_type, type_of

STREAM = 1 << 24  # bytes from which a result is written past the caches, where it would push out everything else
LINE = 64  # bytes of a cache line
BLOCK = 4096  # points of an undivided kernel that are run through at a time
SUMMED = 1024  # the same where sums begin anew in each, so that float32 keeps its digits
LANES = 256  # points of an outer axis along memory that are taken together
SLOT = 8  # bytes of scratch memory for an element that is kept
MOST_KEPT = 8  # values that a kernel for any size may keep
OPEN = 128  # points from which a kernel of one loop is told how many they are: parameters of all sizes share an optimizer's kernel
TOGETHER = 8  # outer points whose elements are added up before they are added to a column's sum in memory
SHORT = 6  # members of a kernel up to which so many are, then half of them; none in long ones, which are slow by what they compute
LONG = 16
KEEP = 8  # the cost from which a value of one phase is kept for the next ones instead of being computed again


class Lowering:
    """Writes one kernel's function for a number of threads."""

    def __init__(
        self, kernel: Kernel, name: str, threads: int, bits: int, symbols: Sequence[int] | None, streamed: Callable[[Value], bool]
    ):
        self.kernel, self.threads, self.streamed = kernel, threads, streamed
        self.is_sized = symbols is not None  # it is given the sizes, even where none of them is open
        self.result = Lowered()
        self.level: dict[Value, int] = {}
        self.phase: dict[Value, int] = {}
        self.scratch = 0
        self.block = SUMMED if "total" in kernel.kinds.values() else BLOCK
        order_axes(kernel)
        self.result.points = math.prod(a.size for a in kernel.axes)
        used = {m.out for m in kernel.members}
        loads = [self.start(o.root, o.place) for (out, _), o in kernel.operands.items() if isinstance(o, Load) and out in used]
        stores = [self.start(root, store_place(kernel, value, place)) for value, root, place in kernel.stores]
        self.result.roots = list(dict.fromkeys([*loads, *stores]))
        self.result.is_open = kernel.outer is None and len(kernel.axes) == 1 and self.result.points >= OPEN and not self.is_sized
        last = ["ptr %memory", "ptr %sizes"] if self.is_sized else ["ptr %scratch"]
        last += ["i64 %thread", "i64 %threads"] + ["i64 %points"] * self.result.is_open
        arguments = ", ".join([*(f"ptr %b{i}" for i in range(len(self.result.roots))), *last])
        self.body = KernelBody(name, arguments, bits)
        self.scalar = ScalarIR(self.body)
        self.numbers = Numbers(self.body, self.scalar, symbols or ())
        self.number = self.numbers.number
        self.base = {root: f"%b{i}" for i, root in enumerate(self.result.roots)}
        self.at: dict[Axis, str] = {}
        self.known: list[dict[Any, str]] = [{}, {}, {}]  # values in registers: everywhere, at an outer point, at an inner one
        self.kept: dict[Any, str] = {}  # values kept for later phases, or to be written past the caches: where
        self.written: set[Value] = set()  # those that are there already
        self.cells: dict[Value, str] = {}  # row and total reductions: where their register lies, or those of all lanes
        self.blocked: dict[Value, str] = {}  # total reductions: what an outer point has of them
        self.bounds = ("0", "0")  # of the inner loop, where an undivided kernel runs in blocks; of the lanes that are taken together
        self.lane: Axis | None = None  # the outer axis whose points are lanes

    def start(self, root: Value, place: Affine) -> tuple[Value, int]:
        """What a pointer is made for: a root and the constant part of a place in it, so that slices of it share one function."""
        return root, 0 if self.is_sized else place.constant

    def pointer(self, root: Value, place: Affine, dynamic: str = "") -> str:
        """The address of an element."""
        at = self.place(place if self.is_sized else place._replace(constant=0))
        at = self.body.integer("add", at, dynamic) if dynamic else at
        return self.body.at(self.base[self.start(root, place)], at, memory_type(root.dtype))

    # Lanes

    def find_lane(self) -> Axis | None:
        """The last outer axis, if what is read along inner axes runs along memory in it: then its points are best taken together."""
        kernel = self.kernel
        if not kernel.outer or not kernel.inner or not kernel.kinds:
            return None
        if any(kind != "row" or v.dtype.kind not in "fiu" or v.dtype.itemsize < 4 for v, kind in kernel.kinds.items()):
            return None
        lane, inner, used = kernel.outer[-1], set(kernel.inner), {m.out for m in kernel.members}
        loads = [o for (out, _), o in kernel.operands.items() if isinstance(o, Load) and out in used]
        if any(load.dynamic for load in loads):
            return None
        stored = [store_place(kernel, v, place) for v, _, place in kernel.stores if v not in kernel.kinds]
        along = [dict(place.terms) for place in [*(load.place for load in loads), *stored]]
        factors = [terms.get(lane, 0) for terms in along if terms.keys() & inner]
        return lane if 1 in factors and all(factor in (0, 1) for factor in factors) else None

    @contextmanager
    def lanes(self) -> Iterator[None]:
        """A loop over the lanes that are taken together; what was computed at a point is not known in it."""
        assert self.lane is not None
        with self.body.parallel(*self.bounds) as index:
            self.at[self.lane] = index
            self.known[2] = {}
            yield

    def cell(self, value: Value) -> str:
        """Where the register of a row reduction lies; that of the lane that is looked at."""
        if self.lane is None:
            return self.cells[value]
        number = self.body.integer("sub", self.at[self.lane], self.bounds[0])
        return self.body.at(self.cells[value], number, type_of(value.dtype))

    # Levels: 0 everywhere, 1 at an outer point, 2 at an inner one or in a lane

    def find_levels(self) -> None:
        kernel = self.kernel
        inner = self.innermost
        for member in kernel.members:
            out, phase, level = member.out, 0, 0
            for position in range(len(member.args)):
                operand = kernel.operands[out, position]
                if isinstance(operand, Value):
                    after = operand in kernel.kinds
                    phase = max(phase, self.phase[operand] + after)
                    level = max(level, self.level_after if after else self.level[operand])
                elif isinstance(operand, (Load, Position)):
                    axes = {axis for axis, _ in operand.place.terms}
                    level = max(level, 2 if axes & inner else 1 if axes else 0)
                    if isinstance(operand, Load) and operand.dynamic:
                        level = max(level, *(self.operand_level(kernel.operands[key]) for key, _ in operand.dynamic))
            if out in kernel.kinds:
                inside = kernel.kinds[out] == "column" or set(kernel.reduced[out]) & set(kernel.inner)
                level = 2 if level == 2 or inside else 1
            else:
                axes = set(axes_of(kernel.index[out]))
                level = max(level, 2 if axes & inner else 1 if axes else 0)
            self.level[out], self.phase[out] = level, phase

    def operand_level(self, operand: Any) -> int:
        if isinstance(operand, Value):
            return self.level_after if operand in self.kernel.kinds else self.level[operand]
        if isinstance(operand, (Load, Position)):
            axes = {axis for axis, _ in operand.place.terms}
            return 2 if axes & self.innermost else 1 if axes else 0
        return 0

    def is_inner(self, value: Value) -> bool:
        """Whether a value that is no reduction is one of inner points: there it is stored."""
        return self.level[value] == 2 and (self.lane is None or bool(set(axes_of(self.kernel.index[value])) & set(self.kernel.inner)))

    # The function

    def run(self) -> Lowered:
        """Write everything."""
        kernel, body = self.kernel, self.body
        undivided = kernel.outer is None
        if undivided:
            kernel.outer, kernel.inner = kernel.axes[:-1], kernel.axes[-1:]
        else:
            self.lane = self.find_lane()
        self.across = [a for a in kernel.outer or [] if a is not self.lane]
        self.innermost, self.level_after = {*kernel.inner, *([] if self.lane is None else [self.lane])}, 1 if self.lane is None else 2
        self.find_levels()
        self.parts = self.make_parts()
        phases = sorted({self.phase[m.out] for m in kernel.members if self.level[m.out] == 2 or m.out in kernel.kinds} | {0})
        one = undivided and not kernel.outer and bool(kernel.inner)
        low, high = self.share(self.block_count() if one else self.outer_count())
        self.start_totals()
        self.hoist(0, 0)
        if (count := 1 if one else self.together(phases)) > 1:
            whole = body.integer("add", low, body.integer("and", body.integer("sub", high, low), -count))
            with body.loop(low, whole, count) as loop:
                self.outer_points([body.integer("add", loop.index, i) if i else loop.index for i in range(count)])
            low = whole
        with body.loop(low, high) as loop:
            self.known = [self.known[0], {}, {}]
            if one:
                start = body.integer("mul", loop.index, self.block)
                self.bounds = start, body.smaller(body.integer("add", start, self.block), self.points())
            else:
                self.outer_point(loop.index)
            for phase in phases:
                self.run_phase(phase, one)
            self.outer_stores()
        self.finish_totals()
        if self.result.streams:
            body.do("call void @llvm.x86.sse.sfence()")  # before other threads are told that this is done
        self.result.text, self.result.functions = body.text(), self.scalar.functions
        self.result.scratch = -(-self.scratch // 64) * 64
        return self.result

    def together(self, phases: list[int]) -> int:
        """How many outer points are taken together: several where there are sums of columns alone, which memory holds."""
        kernel = self.kernel
        if (
            self.lane is not None
            or not kernel.inner
            or phases != [0]
            or set(kernel.kinds.values()) != {"column"}
            or len(kernel.members) > LONG
        ):
            return 1
        if any(value not in kernel.kinds for value, _, _ in kernel.stores) or any(self.level[out] != 2 for out in kernel.kinds):
            return 1
        return TOGETHER if len(kernel.members) <= SHORT else TOGETHER // 2

    def outer_points(self, indices: list[str]) -> None:
        """Several outer points, of which there are column reductions alone."""
        rows = [m for m in self.kernel.members if m.out in self.kernel.kinds]
        places = []
        for index in indices:
            self.known = [self.known[0], {}, {}]
            self.outer_point(index)
            self.hoist(1, 0)
            places.append((dict(self.at), self.known[1]))

        def inner_point() -> None:
            inner = {axis: self.at[axis] for axis in self.kernel.inner}
            parts: list[list[str]] = [[] for _ in rows]
            for at, known in places:
                self.at, self.known = at | inner, [self.known[0], known, {}]
                for member, found in zip(rows, parts, strict=True):
                    found.append(self.operand(member, 0))
            for member, found in zip(rows, parts, strict=True):
                dtype = member.out.dtype
                self.into_column(member, functools.reduce(functools.partial(self.scalar.combine, member.operation, dtype), found))

        self.inner_loops(list(self.kernel.inner), False, inner_point)

    def block_count(self) -> str:
        """The number of blocks of an undivided kernel."""
        if not self.is_sized and not self.result.is_open:
            return str(-(-self.result.points // self.block))
        return self.body.integer("udiv", self.body.integer("add", self.points(), self.block - 1), self.block)

    def outer_count(self) -> str:
        """The number of outer points; of those without the lanes, times the blocks of lanes."""
        count = self.number(math.prod(a.size for a in self.across))
        if self.lane is None:
            return count
        self.groups = self.body.integer("udiv", self.body.integer("add", self.number(self.lane.size), LANES - 1), LANES)
        return self.body.integer("mul", self.groups, count)

    def points(self) -> str:
        """The number of points of an undivided kernel of one axis."""
        return "%points" if self.result.is_open else self.number(self.result.points)

    def share(self, count: str) -> tuple[str, str]:
        """This thread's part of the outer points."""
        return ("0", count) if self.threads == 1 and not self.result.is_open else share(self.body, count)

    def outer_point(self, index: str) -> None:
        """The outer axes' places at a point counted along all of them."""
        rest = index
        if self.lane is not None:
            start = self.body.integer("mul", self.body.integer("urem", rest, self.groups), LANES)
            self.bounds = start, self.body.smaller(self.body.integer("add", start, LANES), self.number(self.lane.size))
            rest = self.body.integer("udiv", rest, self.groups)
        for i, axis in enumerate(reversed(self.across)):
            last = i == len(self.across) - 1
            self.at[axis] = rest if last else self.body.integer("urem", rest, self.number(axis.size))
            rest = rest if last else self.body.integer("udiv", rest, self.number(axis.size))

    def make_parts(self) -> dict[Value, str]:
        """Memory for what each thread has of the reductions that go beyond an outer point."""
        parts = {}
        for value, root, _ in self.kernel.stores:
            if self.kernel.kinds.get(value) in ("column", "total"):
                parts[value] = self.base[root, 0]
                if self.threads > 1:
                    by = value.by
                    assert by is not None
                    self.result.partials.append((root, by, value.size))
                    offset = self.body.integer("mul", "%thread", self.number(value.size))
                    parts[value] = self.body.at(self.base[root, 0], offset, memory_type(value.dtype))
        return parts

    def start_totals(self) -> None:
        """Column and total reductions begin with their identity."""
        for value, place in self.parts.items():
            by = value.by
            assert by is not None
            start, kind = identity(by.operation, value.dtype), memory_type(value.dtype)
            if self.kernel.kinds[value] == "total":
                whole = cell_dtype(by)
                self.cells[value] = self.body.entry(f"alloca {type_of(whole)}")
                self.body.do(f"store {type_of(whole)} {identity(by.operation, whole)}, ptr {self.cells[value]}")
            else:
                with self.body.parallel("0", self.number(value.size)) as index:
                    self.body.do(f"store {kind} {start}, ptr {self.body.at(place, index, kind)}{self.body.access}")

    def finish_totals(self) -> None:
        for value, place in self.parts.items():
            if self.kernel.kinds[value] == "total":
                whole = cell_dtype(value.by)  # type: ignore[arg-type]
                register = self.body.put(f"load {type_of(whole)}, ptr {self.cells[value]}")
                self.to_memory(self.scalar.cast(register, whole, value.dtype), value.dtype, place)

    def hoist(self, level: int, phase: int) -> None:
        """Compute what loops further in will need and does not depend on them."""
        for member in self.kernel.members:
            if self.phase[member.out] > phase:
                continue
            if self.level[member.out] <= level and member.out not in self.kernel.kinds:
                self.compute(member.out)
                continue
            for position in range(len(member.args)):
                operand = self.kernel.operands[member.out, position]
                if isinstance(operand, Load) and not operand.dynamic and self.operand_level(operand) <= level:
                    self.operand(member, position)

    # One phase

    def run_phase(self, phase: int, one: bool) -> None:
        kernel, body = self.kernel, self.body
        due = [m for m in kernel.members if self.phase[m.out] == phase]
        rows = [m for m in due if m.out in kernel.kinds and self.level[m.out] == 2]
        stores = [s for s in kernel.stores if s[0] not in kernel.kinds and self.is_inner(s[0]) and self.phase[s[0]] == phase]
        keep = self.to_keep(phase)
        self.hoist(1, phase)
        if rows or stores or keep:
            for member in rows:
                if kernel.kinds[member.out] != "column":
                    self.row_cell(member)
            self.inner_loops(list(kernel.inner), one, lambda: self.inner_point(rows, stores, keep))
            self.known[2] = {}
            self.write_streams(stores)
            self.written.update(keep)
        for member in rows if self.lane is None else []:
            if kernel.kinds[member.out] == "row":
                self.known[1][member.out] = body.put(f"load {type_of(member.out.dtype)}, ptr {self.cells[member.out]}")
            elif kernel.kinds[member.out] == "total":
                block = body.put(f"load {type_of(member.out.dtype)}, ptr {self.blocked[member.out]}")
                self.into_cell(member, block)
        for member in due:
            if member.out in kernel.kinds and self.level[member.out] == 1:
                self.into_cell(member, self.operand(member, 0))

    def row_cell(self, member: Instruction) -> None:
        """A register that a reduction over inner axes begins with; the parts of a total begin anew at every outer point."""
        out, kind = member.out, type_of(member.out.dtype)
        if self.lane is not None:
            self.cells[out] = self.body.entry(f"alloca [{LANES} x {kind}], align {LINE}")
            with self.lanes():
                self.body.do(f"store {kind} {identity(member.operation, out.dtype)}, ptr {self.cell(out)}{self.body.access}")
            return
        cell = self.body.entry(f"alloca {kind}")
        self.body.do(f"store {kind} {identity(member.operation, out.dtype)}, ptr {cell}")
        if self.kernel.kinds[out] == "row":
            self.cells[out] = cell
        else:
            self.blocked[out] = cell

    def inner_loops(self, axes: list[Axis], one: bool, inside: Any) -> None:
        if not axes:
            if self.lane is None:
                inside()
                return
            with self.lanes():
                inside()
            return
        axis = axes[0]
        if self.lane is not None:  # one round after the other: each adds to what there is in the lanes
            with self.body.loop("0", self.number(axis.size)) as loop:
                self.at[axis] = loop.index
                self.inner_loops(axes[1:], False, inside)
            return
        low, high = self.bounds if one else ("0", self.number(axis.size))
        with self.body.parallel(low, high) as index:
            self.at[axis] = index
            self.inner_loops(axes[1:], False, inside)

    def to_keep(self, phase: int) -> list[Value]:
        """Values of this phase that later ones need and that are dear to compute again."""
        kernel, found = self.kernel, []
        for member in kernel.members if self.lane is None else []:
            out = member.out
            if self.phase[out] != phase or self.level[out] != 2 or out in kernel.kinds or out in self.kept:
                continue
            if cost_of(member.operation) < KEEP and member.operation != "gather":
                continue
            if any(self.phase[m.out] > phase and self.needs(m, out) for m in kernel.members):
                found.append(out)
        return found

    def needs(self, member: Instruction, value: Value) -> bool:
        """Whether computing `member` in a later phase comes upon `value`."""
        for position in range(len(member.args)):
            operand = self.kernel.operands[member.out, position]
            if operand is value:
                return True
        return False

    def inner_point(self, rows: list[Instruction], stores: Any, keep: list[Value]) -> None:
        body = self.body
        self.known[2] = {}
        for value in keep:
            register = self.compute(value)
            place = self.keep_place(value)
            self.to_memory(register, value.dtype, body.at(place, self.inner_position(), memory_type(value.dtype)))
        for member in rows:  # read everything before anything is written: it may be to the same place
            self.operand(member, 0)
        registers = [self.compute(value) for value, _, _ in stores]
        for (value, root, place), register in zip(stores, registers, strict=True):
            at = store_place(self.kernel, value, place)
            if self.can_stream(root, at):
                where = body.at(self.keep_place((value, root, at)), self.inner_position(), memory_type(value.dtype))
            else:
                where = self.pointer(root, at)
            self.to_memory(register, value.dtype, where)
        for member in rows:
            self.reduce(member)

    def can_stream(self, root: Value, place: Affine) -> bool:
        """Whether what is stored there may go past the caches: rows that begin at the beginning of a line."""
        inner = self.kernel.inner
        if (
            self.lane is not None
            or len(inner) != 1
            or root.dtype.itemsize < 4
            or len(self.kept) >= MOST_KEPT - 1
            or not self.streamed(root)
        ):
            return False
        factors = dict(place.terms)
        if factors.pop(inner[0], 0) != 1:
            return False
        return all(self.number(n).startswith("%") or n * root.dtype.itemsize % LINE == 0 for n in [place.constant, *factors.values()])

    def write_streams(self, stores: Any) -> None:
        """Write rows that lie ready past the caches, line by line: lines that are not filled at once would be written twice."""
        body, axis = self.body, self.kernel.inner[0] if self.kernel.inner else None
        for value, root, place in stores:
            at = store_place(self.kernel, value, place)
            if axis is None or (value, root, at) not in self.kept:
                continue
            self.result.streams = True
            low, high = self.bounds if not self.kernel.outer else ("0", self.number(axis.size))
            self.at[axis] = low
            source, target = self.kept[value, root, at], self.pointer(root, at)
            kind, count = memory_type(root.dtype), LINE // root.dtype.itemsize
            vector = f"<{body.bits // 8 // root.dtype.itemsize} x {kind}>"
            length = body.integer("sub", high, low)
            whole = body.integer("and", length, -count)
            with body.loop("0", whole, count) as line:
                places = [body.at(each, line.index, kind) for each in (source, target)]
                for part in range(LINE * 8 // body.bits):
                    source_at, target_at = (body.at(each, part, vector) for each in places)
                    register = body.put(f"load {vector}, ptr {source_at}, align {root.dtype.itemsize}")
                    body.do(f"store {vector} {register}, ptr {target_at}, align {body.bits // 8}, !nontemporal !3")
            with body.loop(whole, length) as rest:
                source_at, target_at = (body.at(each, rest.index, kind) for each in (source, target))
                body.do(f"store {kind} {body.put(f'load {kind}, ptr {source_at}')}, ptr {target_at}")

    def keep_place(self, value: Any) -> str:
        """Memory at each inner point for a value, or for a store: a value with its root and its place there."""
        if value not in self.kept:
            size = math.prod(a.size for a in self.kernel.inner) if self.kernel.outer or len(self.kernel.inner) > 1 else self.block
            number = len(self.kept)
            self.result.kept = (number + 1, size)
            if self.is_sized:
                bytes_each = self.body.entry(f"mul i64 {self.number(size)}, {number * SLOT}")
                self.kept[value] = self.body.entry(f"getelementptr i8, ptr {self.own_memory()}, i64 {bytes_each}")
            else:
                self.kept[value] = self.body.entry(f"getelementptr i8, ptr %scratch, i64 {number * size * SLOT}")
                self.scratch = (number + 1) * size * SLOT
        return self.kept[value]

    def own_memory(self) -> str:
        """This thread's part of the memory that all threads are given; MOST_KEPT values are room enough."""
        size = self.body.entry(f"mul i64 {self.number(self.result.kept[1])}, {MOST_KEPT * SLOT}")
        return self.body.entry(f"getelementptr i8, ptr %memory, i64 {self.body.entry(f'mul i64 %thread, {size}')}")

    def inner_position(self) -> str:
        """The number of the inner point."""
        total = "0"
        for axis in self.kernel.inner:
            before = "" if total == "0" else self.body.integer("mul", total, self.number(axis.size))
            total = self.body.integer("add", before, self.at[axis]) if before else self.at[axis]
        if not self.kernel.outer and len(self.kernel.inner) == 1:
            total = self.body.integer("sub", total, self.bounds[0])
        return total

    def reduce(self, member: Instruction) -> None:
        """Take one more element into a reduction."""
        out, kernel, body = member.out, self.kernel, self.body
        value = self.operand(member, 0)
        if kernel.kinds[out] == "column":
            self.into_column(member, value)
        else:
            cell = self.cell(out) if kernel.kinds[out] == "row" else self.blocked[out]
            kind, access = type_of(out.dtype), "" if self.lane is None else body.access
            before = body.put(f"load {kind}, ptr {cell}{access}")
            body.do(f"store {kind} {self.scalar.combine(member.operation, out.dtype, before, value)}, ptr {cell}{access}")

    def into_column(self, member: Instruction, value: str) -> None:
        """Take what an outer point, or several, have at an inner one into a reduction that memory holds."""
        out = member.out
        if out not in self.parts:
            return
        place = self.body.at(self.parts[out], self.place(store_place(self.kernel, out, None)), memory_type(out.dtype))
        self.to_memory(self.scalar.combine(member.operation, out.dtype, self.from_memory(out.dtype, place), value), out.dtype, place)

    def into_cell(self, member: Instruction, value: str) -> None:
        """Take what an outer point has into a total."""
        cell, whole = self.cells[member.out], cell_dtype(member)
        kind, value = type_of(whole), self.scalar.cast(value, member.out.dtype, whole)
        before = self.body.put(f"load {kind}, ptr {cell}")
        self.body.do(f"store {kind} {self.scalar.combine(member.operation, whole, before, value)}, ptr {cell}")

    def outer_stores(self) -> None:
        """What is stored once for each outer point."""
        kinds = self.kernel.kinds
        due = [s for s in self.kernel.stores if kinds.get(s[0], "row") == "row" and (s[0] in kinds or not self.is_inner(s[0]))]
        if due and self.lane is not None:
            with self.lanes():
                self.store_at_point(due)
        else:
            self.store_at_point(due)

    def store_at_point(self, stores: Any) -> None:
        """Store values of the outer point, or the lane."""
        registers = [self.compute(value) for value, _, _ in stores]
        for (value, root, place), register in zip(stores, registers, strict=True):
            self.to_memory(register, value.dtype, self.pointer(root, store_place(self.kernel, value, place)), alone=self.lane is None)

    # Values

    def compute(self, value: Value) -> str:
        """The register that holds a value at this point."""
        if value in self.kernel.kinds and self.lane is None:
            return self.known[1][value]
        for level in (0, 1, 2):
            if value in self.known[level]:
                return self.known[level][value]
        if value in self.kernel.kinds:
            register = self.body.put(f"load {type_of(value.dtype)}, ptr {self.cell(value)}{self.body.access}")
        elif value in self.written:
            where = self.body.at(self.kept[value], self.inner_position(), memory_type(value.dtype))
            register = self.from_memory(value.dtype, where)
        else:
            by = value.by
            assert by is not None
            register = self.emit(by, [self.operand(by, i) for i in range(len(by.args))])
        self.known[self.level[value]][value] = register
        return register

    def operand(self, member: Instruction, position: int) -> str:
        operand = self.kernel.operands[member.out, position]
        dtype = self.operand_dtype(member, position)
        if isinstance(operand, Value):
            return self.compute(operand)
        if isinstance(operand, Position):
            register = self.place(operand.place)
            if dtype.kind == "f":
                return self.body.put(f"sitofp i64 {register} to {type_of(dtype)}")
            return register if dtype.itemsize == 8 else self.body.put(f"trunc i64 {register} to {type_of(dtype)}")
        if isinstance(operand, Load):
            level = self.operand_level(operand)
            if not operand.dynamic and operand in self.known[level]:
                return self.known[level][operand]
            dynamic = ""
            for (out, index), stride in operand.dynamic:
                by = out.by
                assert by is not None
                size = by.args[0].shape[by.attributes["axis"] + index - 1]
                step = self.body.integer("mul", inside(self.body, self.operand(by, index), self.number(size)), self.number(stride))
                dynamic = self.body.integer("add", dynamic, step) if dynamic else step
            register = self.from_memory(operand.root.dtype, self.pointer(operand.root, operand.place, dynamic))
            if not operand.dynamic:
                self.known[level][operand] = register
            return register
        return self.numbers.literal(operand, dtype)

    def operand_dtype(self, member: Instruction, position: int) -> np.dtype[Any]:
        arg = member.args[position]
        if isinstance(arg, Value):
            return arg.dtype
        others = [a.dtype for a in member.args if isinstance(a, Value)]
        if member.operation == "where":
            return np.dtype(bool) if position == 0 else member.out.dtype
        return others[0] if others else np.dtype(np.float64) if ELEMENTWISE[member.operation].compare else member.out.dtype

    def place(self, place: Affine) -> str:
        """An affine place as a register."""
        total = ""
        for axis, factor in place.terms:
            term = self.at[axis] if factor == 1 else self.body.integer("mul", self.at[axis], self.number(factor))
            total = self.body.integer("add", total, term) if total else term
        if not total:
            return self.number(place.constant)
        return self.body.integer("add", total, self.number(place.constant)) if place.constant else total

    def from_memory(self, dtype: np.dtype[Any], where: str) -> str:
        register = self.body.put(f"load {memory_type(dtype)}, ptr {where}, align {dtype.itemsize}{self.body.access}")
        return self.body.put(f"icmp ne i8 {register}, 0") if dtype.kind == "b" else register

    def to_memory(self, register: str, dtype: np.dtype[Any], where: str, alone: bool = False) -> None:
        if dtype.kind == "b":
            register = self.body.put(f"zext i1 {register} to i8")
        self.body.do(f"store {memory_type(dtype)} {register}, ptr {where}, align {dtype.itemsize}{'' if alone else self.body.access}")

    def emit(self, member: Instruction, registers: list[str]) -> str:
        dtypes = [self.operand_dtype(member, position) for position in range(len(member.args))]
        return self.scalar.emit(member.operation, member.out.dtype, dtypes, registers)


def cell_dtype(reduction: Instruction) -> np.dtype[Any]:
    """What the parts of a total are added up in: there may be as many as a float32 has digits."""
    dtype = reduction.out.dtype
    return np.dtype(np.float64) if reduction.operation == "sum" and dtype == np.float32 else dtype


def lowered(
    kernel: Kernel,
    name: str,
    threads: int,
    bits: int,
    symbols: Sequence[int] | None = None,
    streamed: Callable[[Value], bool] = lambda root: False,
) -> Lowered:
    """The function of a kernel for a number of threads; with `symbols`, if any, for all sizes that these stand in for.

    Which roots are written past the caches `streamed` says; they lie at multiples of `LINE`, and so do all sizes there are.
    """
    return Lowering(kernel, name, threads, bits, symbols, streamed).run()
