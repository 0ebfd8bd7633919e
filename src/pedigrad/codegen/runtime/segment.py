"""The native function of one stretch of a program: calls of its kernels and contractions, and the barriers between them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ..conv.plan import Function, Plan
from ..emit import llvm
from ..emit.kernel_body import KernelBody, share
from ..emit.kernel_function import Lowered
from ..emit.scalar_ir import memory_type
from ..emit.scatter import scattering
from ..ir.kernel import Kernel
from ..ir.program import Value
from ..ir.steps import Check, Contraction, Convolution, Scatter
from ..schedule.placement import Placement

MANY = 1_000  # lines of a stretch from which it is not optimised
ALONE = 1 << 16  # bytes that one thread copies while the others wait


class Shared(NamedTuple):
    """What all stretches of a program have in common."""

    placement: Placement
    threads: int
    thread_scratch: int  # bytes of scratch memory that each thread has
    addresses: int  # how many plain ones the table holds, behind the slots of arrays
    profile: bool
    function: Callable[[Callable[[str], str]], str]  # the name of a function, given what writes its text under a name


class Segment:
    """The text of one stretch."""

    def __init__(self, shared: Shared):
        self.shared, self.placement, self.threads = shared, shared.placement, shared.threads
        self.lines: list[str] = []
        self.names = 0
        self.known: dict[Any, str] = {}  # addresses that were worked out
        self.read: set[Any] = set()
        self.written: set[Any] = set()

    def fresh(self, text: str) -> str:
        self.names += 1
        self.lines.append(f"  %v{self.names} = {text}")
        return f"%v{self.names}"

    def once(self, key: Any, make: Callable[[], str]) -> str:
        """The value that `make` works out, which is done once: nothing else is between it and what follows but calls."""
        if key not in self.known:
            self.known[key] = make()
        return self.known[key]

    def pointer(self, root: Any) -> str:
        """The address of a root's memory."""
        root = self.placement.alias.get(root, root)
        return self.once(root, lambda: self.find(root))

    def find(self, root: Any) -> str:
        """The same, worked out."""
        placement = self.placement
        if root not in placement.slots:
            return self.fresh(f"getelementptr i8, ptr {self.slot(0)}, i64 {placement.offsets[root]}")
        place = self.fresh(f"getelementptr i64, ptr %table, i64 {placement.slots[root]}")
        head = self.fresh(f"load ptr, ptr {place}")
        data = self.fresh(f"getelementptr i8, ptr {head}, i64 {object.__basicsize__}")
        return self.fresh(f"load ptr, ptr {data}")

    def element(self, root: Any, offset: int) -> str:
        """An address at an offset, in bytes, from that of a root."""
        pointer = self.pointer(root)
        return self.fresh(f"getelementptr i8, ptr {pointer}, i64 {offset}") if offset else pointer

    def slot(self, number: int) -> str:
        """A plain address of the table."""
        at = len(self.placement.slots) + number
        return self.once(("slot", number), lambda: self.fresh(f"load ptr, ptr {self.fresh(f'getelementptr i64, ptr %table, i64 {at}')}"))

    def scratch(self) -> str:
        """This thread's scratch memory."""

        def make() -> str:
            mine = self.fresh(f"mul i64 %thread, {self.shared.thread_scratch}")
            at = self.fresh(f"add i64 {mine}, {self.placement.scratch_at}")
            return self.fresh(f"getelementptr i8, ptr {self.slot(0)}, i64 {at}")

        return self.once("scratch", make)

    def mark(self, number: int) -> None:
        """Note the time, where a profile is wanted."""
        if not self.shared.profile:
            return
        if self.threads > 1:
            self.lines.append(f"  call void @pg.barrier(ptr {self.slot(1)}, i64 %threads)")
        place = self.fresh(f"getelementptr i64, ptr {self.slot(self.shared.addresses - 1)}, i64 {number}")
        self.names += 1
        self.lines += [f"  %c{self.names} = call i64 @llvm.readcyclecounter()"]
        self.call(f"store i64 %c{self.names}, ptr {place}", True)

    # Threads meet where one needs what another wrote, or overwrites what another reads

    def extent(self, root: Any) -> Any:
        placement = self.placement
        root = placement.alias.get(root, root)
        if root in placement.slots:
            return ("slot", placement.slots[root])
        start = placement.offsets[root]
        return (start, start + max(placement.lifetimes[root].size, 1))

    def meet(self, reads: Any, writes: Any) -> None:
        if self.threads == 1:
            return
        reads, writes = {self.extent(r) for r in reads}, {self.extent(w) for w in writes}
        if overlap(reads, self.written) or overlap(writes, self.written | self.read):
            self.lines.append(f"  call void @pg.barrier(ptr {self.slot(1)}, i64 %threads)")
            self.read, self.written = set(), set()
        self.read |= reads
        self.written |= writes

    def call(self, text: str, serial: bool) -> None:
        """A call by all threads, or by the first one."""
        if serial and self.threads > 1:
            self.names += 1
            tag = self.names
            self.lines += [f"  br i1 %first, label %then{tag}, label %after{tag}", f"then{tag}:"]
            self.lines += [f"  {text}", f"  br label %after{tag}", f"after{tag}:"]
        else:
            self.lines.append(f"  {text}")

    def kernel(self, kernel: Kernel, made: Lowered, name: str, combines: list[Any]) -> None:
        parts = {root: ("partial", root) for _, root in combines}
        writes = [parts.get(root, root) for root in kernel.writes]
        self.meet(kernel.reads, writes)
        pointers = [self.element(parts.get(root, root), start * root.dtype.itemsize) for root, start in made.roots]
        last = ["i64 %thread, i64 %threads" if made.parallel else "i64 0, i64 1", *[f"i64 {made.points}"] * made.is_open]
        arguments = ", ".join([*(f"ptr {p}" for p in pointers), f"ptr {self.scratch()}", *last])
        self.call(f"call void @{name}({arguments})", not made.parallel)
        if combines:
            self.meet([parts[root] for _, root in combines], [root for _, root in combines])
            for combine, root in combines:
                part, whole = self.pointer(parts[root]), self.pointer(root)
                self.call(f"call void @{combine}(ptr {part}, ptr {whole}, i64 %threads)", True)

    def contraction(self, step: Contraction, swapped: bool, function: int, layout: int, scratch: int, serial: bool) -> None:
        self.meet(step.reads, step.writes)
        ends = []
        for load in step.loads[::-1] if swapped else step.loads:
            size = load.root.dtype.itemsize
            ends.append(self.element(load.root, load.place.constant * size))
        # Thread t works at `scratch` bytes times t from what it is given, and that must be its own part of all scratch memory.
        gap = self.fresh(f"mul i64 {'0' if serial else '%thread'}, {self.shared.thread_scratch - scratch}")
        start = self.fresh(f"getelementptr i8, ptr {self.slot(0)}, i64 {self.placement.scratch_at}")
        places = [*ends, self.pointer(step.out), "null", self.fresh(f"getelementptr i8, ptr {start}, i64 {gap}")]
        function_at, layout_at = self.slot(function + 2), self.slot(layout + 2)
        threads = "i64 0, i64 1" if serial else "i64 %thread, i64 %threads"
        arguments = ", ".join([*(f"ptr {p}" for p in [*places, layout_at]), threads])
        self.call(f"call void {function_at}({arguments})", serial)

    def convolution(self, step: Convolution, plan: Plan, names: list[tuple[str, int]], functions: dict[int, int]) -> None:
        """The calls of a plan; `functions` has the numbers of their addresses."""
        size = step.out.dtype.itemsize
        roots: dict[str, Any] = {name: (name, step.out) for name, _ in plan.memory}
        starts = dict.fromkeys(roots, 0)
        for (name, first), root in zip(names, [*step.reads, step.out], strict=True):
            roots[name], starts[name] = root, first * size
        for call in plan.calls:
            self.meet([roots[name] for name in call.reads], [roots[call.writes]])
            arguments = []
            for each in call.arguments:
                if isinstance(each, Function):
                    arguments.append(f"ptr {self.slot(functions[each.address] + 2)}")
                elif each == "scratch":
                    start = self.fresh(f"getelementptr i8, ptr {self.slot(0)}, i64 {self.placement.scratch_at}")
                    arguments.append(f"ptr {start}")
                elif each == "size":
                    arguments.append(f"i64 {self.shared.thread_scratch // size}")
                else:
                    arguments.append(f"ptr {self.element(roots[each], starts[each])}" if isinstance(each, str) else f"i64 {each}")
            function = self.slot(functions[call.function] + 2)
            threads = "i64 0, i64 1" if call.serial else "i64 %thread, i64 %threads"
            self.call(f"call void {function}({', '.join([*arguments, threads])})", call.serial)

    def check(self, step: Check) -> None:
        """All threads leave, and say so, unless what the program branches on is as expected."""
        self.meet(step.reads, ())
        wrong = "false"
        for root, answer in zip(step.reads, step.expected, strict=True):
            value = self.fresh(f"load {memory_type(root.dtype)}, ptr {self.pointer(root)}")
            compare = ("fcmp oeq", "fcmp une", "0.0") if root.dtype.kind == "f" else ("icmp eq", "icmp ne", "0")
            differs = self.fresh(f"{compare[not answer]} {memory_type(root.dtype)} {value}, {compare[2]}")
            wrong = self.fresh(f"or i1 {wrong}, {differs}")
        self.names += 1
        tag = self.names
        failed = self.slot(self.shared.addresses - 2)
        self.lines += [f"  br i1 {wrong}, label %wrong{tag}, label %right{tag}", f"wrong{tag}:"]
        self.lines += [f"  store atomic i64 1, ptr {failed} monotonic, align 8", "  ret void", f"right{tag}:"]

    def scatter(self, step: Scatter) -> None:
        self.meet(step.reads, step.writes)
        out = step.out
        shape = out.shape[0], out.size // out.shape[0]
        name = self.shared.function(lambda n: scattering(n, out.dtype, step.rows.size, shape, into_zeros=True))
        places = ", ".join(f"ptr {self.pointer(root)}" for root in (step.x, step.rows, step.out))
        self.call(f"call void @{name}({places}, i64 %thread, i64 %threads)", False)

    def copy(self, root: Value, target: Value) -> None:
        """What is computed goes to the memory of an input."""
        self.meet([root], [target])
        strides = self.placement.strides.get(target)
        if strides is not None:
            name = self.shared.function(lambda n: copying(n, target, strides))
            return self.call(f"call void @{name}(ptr {self.pointer(root)}, ptr {self.pointer(target)}, i64 %thread, i64 %threads)", False)
        size = root.size * root.dtype.itemsize
        start, length = "0", str(size)
        if size > ALONE and self.threads > 1:  # each thread copies its share
            ends = [self.fresh(f"mul i64 {t}, {size}") for t in ("%thread", self.fresh("add i64 %thread, 1"))]
            start, end = (self.fresh(f"udiv i64 {each}, %threads") for each in ends)
            length = self.fresh(f"sub i64 {end}, {start}")
        to, source = (self.fresh(f"getelementptr i8, ptr {self.pointer(each)}, i64 {start}") for each in (target, root))
        return self.call(f"call void @llvm.memmove.p0.p0.i64(ptr {to}, ptr {source}, i64 {length}, i1 false)", length == str(size))

    def text(self, name: str) -> str:
        """The whole function."""
        # Of long ones optimising takes longer than all the rest, to win some microseconds.
        how = "noinline optnone " if len(self.lines) > MANY else ""
        define = f"define void @{name}(ptr %table, i64 %thread, i64 %threads) nounwind {how}{{"
        first = "  %first = icmp eq i64 %thread, 0"
        return "\n".join([define, "entry:", first, *self.lines, "  ret void", "}", ""])


def overlap(some: set[Any], others: set[Any]) -> bool:
    """Whether two sets of extents touch."""
    for a in some:
        for b in others:
            if a == b or (a[0] != "slot" and b[0] != "slot" and a[0] < b[1] and b[0] < a[1]):
                return True
    return False


def copying(name: str, target: Value, strides: Sequence[int]) -> str:
    """`void name(ptr x, ptr out, i64 thread, i64 threads)`: elements that lie row by row go to where the target's strides say."""
    body, kind = KernelBody(name, "ptr %x, ptr %out, i64 %thread, i64 %threads", llvm.vector_bits()), memory_type(target.dtype)
    lead, last = target.shape[:-1], target.shape[-1] if target.shape else 1
    low, high = share(body, math.prod(lead))
    with body.loop(low, high) as row:
        start, rest = "0", row.index
        for n, stride in zip(reversed(lead), reversed(strides[:-1]), strict=True):
            step = body.integer("mul", body.integer("urem", rest, n), stride)
            start, rest = body.integer("add", start, step), body.integer("udiv", rest, n)
        first = body.integer("mul", row.index, last)
        with body.parallel("0", last) as column:
            source = body.at("%x", body.integer("add", first, column), kind)
            place = body.integer("add", start, body.integer("mul", column, strides[-1] if strides else 1))
            value = body.put(f"load {kind}, ptr {source}, align {target.dtype.itemsize}{body.access}")
            body.do(f"store {kind} {value}, ptr {body.at('%out', place, kind)}, align {target.dtype.itemsize}{body.access}")
    return body.text()
