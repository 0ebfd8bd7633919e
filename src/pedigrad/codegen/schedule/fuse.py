"""Fusion: a Program becomes a list of steps, of which most are Kernels that compute many instructions in one loop nest.

Instructions are placed in their order, each in the first kernel that knows its operands and whose axes fit; else it begins a new
one. What a kernel needs of another is stored by that one and loaded, or, where that is cheaper, computed again.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from typing import Any

from ..ir.affine import ZERO, Affine, Index, NeedsSplit, axes_of, contiguous, linear
from ..ir.instructions import cost_of
from ..ir.kernel import Kernel, Load, Position, kind, pulled
from ..ir.program import MOVEMENT, Instruction, Program, Value
from ..ir.steps import Call, Contraction, Convolution, NeedsCopy, Scatter, mixed

LIMITS = ((1 << 16, 6), (1 << 19, 12), (1 << 62, 24))  # elements of a value, and the cost up to which it is computed again
REPEATED, DEAR = 16, 2  # times that a value is computed in a kernel from which on it has one of its own, and the cost from which on
REACH = 12  # kernels, from the first that could take an instruction, that are tried


class Fuser:
    """Places the instructions of a program."""

    def __init__(self, program: Program, strides: dict[Value, tuple[int, ...]] | None = None):
        self.program = program
        self.strides = strides or {}  # of inputs, in elements
        self.steps: list[Any] = []
        self.where: dict[Value, int] = {}  # the step after which a value is known
        self.stored: set[Value] = set()
        self.copies: dict[Value, Value] = {}
        self.called: dict[Any, Call] = {}
        self.waiting: dict[Value, Instruction] = {}  # elementwise, for a kernel that wants them
        self.claimed: set[Value] = set()  # those that a kernel took
        for instruction in program.instructions:
            self.place(instruction)
        self.outputs = [self.output(v) for v in program.outputs]
        self.prune()

    def output(self, value: Value) -> Value:
        """The root that holds an output."""
        root = self.root(value)
        return self.copy(value) if root.by is None else root

    def prune(self) -> None:
        """Take out of the kernels what nobody reads, and kernels in which nothing is left."""
        for step in self.steps:
            if not isinstance(step, Kernel):
                continue
            wanted = {value for value, _, _ in step.stores}
            for member in reversed(step.members):
                if member.out in wanted:
                    for position in range(len(member.args)):
                        operand = step.operands[member.out, position]
                        wanted |= {operand} if isinstance(operand, Value) else set()
            step.members = [m for m in step.members if m.out in wanted]
        self.steps = [step for step in self.steps if not isinstance(step, Kernel) or step.members]

    # Where things are

    def ready(self, value: Value) -> int:
        """The number of the step that gives `value`; -1 for what is known from the beginning."""
        if value in self.where:
            return self.where[value]
        if value in self.copies:
            return self.where[self.copies[value]]
        if value.by is None:
            return -1
        found = max((self.ready(v) for v in value.by.values()), default=-1)
        if value.by.operation not in MOVEMENT:
            self.where[value] = found
        return found

    def is_root(self, value: Value) -> bool:
        """Whether the value lies, or can lie, in memory of its own."""
        return value.by is None or kind(value.by) not in ("movement", "inline", "scalar")

    def strides_of(self, root: Value) -> tuple[int, ...]:
        return self.strides.get(root) or contiguous(root.shape)

    def is_plain(self, root: Value) -> bool:
        """Whether the root lies row by row."""
        return root not in self.strides or self.strides[root] == contiguous(root.shape)

    def root(self, value: Value) -> Value:
        """A value in memory with the same elements in the same order: itself, what it is a reshape of, or a copy."""
        value = self.copies.get(value, value)
        if value.by is not None and value.by.operation == "reshape":
            return self.root(value.by.args[0])
        if not self.is_root(value) or not self.is_plain(value):
            return self.copy(value)
        self.store(value)
        return value

    def store(self, root: Value) -> None:
        """Have the kernel that computes `root` write it to memory."""
        if root in self.stored or root.by is None:
            return
        if root in self.waiting:
            self.begin_waiting(root)
        self.stored.add(root)
        step = self.steps[self.where[root]]
        if isinstance(step, Kernel):
            step.stores.append((root, root, None))

    def copy(self, value: Value) -> Value:
        """The elements of `value` in memory of their own."""
        if value not in self.copies:
            out = Value(self.program._next, value.shape, value.dtype)
            self.program._next += 1
            self.place(Instruction("cast", (value,), {"in_memory": True}, out, value.by and value.by.origin))
            self.copies[value] = out
        self.store(self.copies[value])
        return self.copies[value]

    # Placing

    def place(self, instruction: Instruction) -> None:
        """Find or make the step that computes the instruction."""
        self.insist(lambda: self.placed(instruction))

    def insist(self, attempt: Callable[[], object]) -> None:
        """Repeat an attempt until what it cannot follow is copied, and what it must load computed."""
        while True:
            try:
                attempt()
                return
            except NeedsCopy as need:
                (self.begin_waiting if need.value in self.waiting else self.copy)(need.value)

    def placed(self, instruction: Instruction) -> None:
        what = kind(instruction)
        if what in ("movement", "inline"):
            return
        if what == "scalar":
            self.where[instruction.out] = max((self.ready(v) for v in instruction.values()), default=-1)
        elif what in ("elementwise", "reduction", "gather"):
            self.fuse(instruction, what)
        elif what == "dot":
            self.contract(instruction)
        elif what == "concat":
            self.concat(instruction)
        elif what == "call":
            self.call(instruction)
        elif what == "scatter_add":
            x, rows = map(self.root, instruction.args)
            self.append(Scatter(instruction.out, x, rows), instruction.out)
        else:
            raise NotImplementedError(f"no step for {instruction}")

    def append(self, step: Any, *outs: Value) -> None:
        for out in outs:
            self.where[out] = len(self.steps)
            if not isinstance(step, Kernel):
                self.stored.add(out)
        self.steps.append(step)

    def fuse(self, instruction: Instruction, what: str) -> None:
        if self.join(instruction, what):
            return
        if what == "elementwise" and "in_memory" not in instruction.attributes:
            self.waiting[instruction.out] = instruction
            self.where[instruction.out] = max((self.ready(v) for v in instruction.values()), default=-1)
            return
        shape = instruction.args[0].shape if what == "reduction" else instruction.out.shape
        self.begin(instruction, what, shape)

    def join(self, instruction: Instruction, what: str) -> bool:
        """Place the instruction in the first kernel that can take it."""
        first = max((self.ready(v) for v in instruction.values()), default=0)
        for step in self.steps[max(first, 0) : max(first, 0) + REACH]:
            if isinstance(step, Kernel) and self.add(step, instruction, what):
                self.where[instruction.out] = step.number
                return True
        return False

    def begin_waiting(self, value: Value) -> None:
        """Compute what was waiting: beside what has come since, or in a kernel of its own."""
        instruction = self.waiting.pop(value)
        with contextlib.suppress(NeedsCopy):
            if self.join(instruction, "elementwise"):
                return
        self.insist(lambda: self.begin(instruction, "elementwise", value.shape))

    def begin(self, instruction: Instruction, what: str, shape: tuple[int, ...]) -> Kernel:
        """A kernel of its own for an instruction."""
        kernel = Kernel(len(self.steps))
        self.where[instruction.out] = kernel.number
        done = self.enter(kernel, instruction, what, kernel.fresh_index(shape))
        assert done, f"cannot be computed: {instruction}"
        self.append(kernel, instruction.out)
        return kernel

    def add(self, kernel: Kernel, instruction: Instruction, what: str) -> bool:
        """Place the instruction in a kernel that is there, if it fits."""
        return any(self.enter(kernel, instruction, what, index) for index in self.candidates(kernel, instruction, what))

    def candidates(self, kernel: Kernel, instruction: Instruction, what: str) -> Any:
        """Indices that the instruction (for a reduction: its operand) may have in the kernel."""
        shape = instruction.args[0].shape if what == "reduction" else instruction.out.shape
        values = instruction.values()[1:] if what == "gather" else instruction.values()
        found = []
        for value in values:
            if value.shape == shape or what == "elementwise":
                index = kernel.forward(value)
                if index is not None and len(index) == len(shape):
                    found.append(value)
        related = bool(found) or any(self.is_related(kernel, v) for v in instruction.values())
        if related and what != "gather":
            found += [m.out for m in reversed(kernel.members) if m.out.shape == shape and m.out not in found][:3]
        for value in found:
            index = kernel.forward(value)  # again: axes may have been split
            if index is not None and kernel.covers(index, shape):
                yield index

    def is_related(self, kernel: Kernel, value: Value) -> bool:
        """Whether the kernel has to do with what `value` follows from."""
        value = self.origin(value)
        if value in self.waiting:
            return any(self.is_related(kernel, v) for v in self.waiting[value].values())
        return bool(value.shape) and (value in kernel.roots or value in kernel.index)

    def origin(self, value: Value) -> Value:
        """What a chain of movements begins with."""
        while value.by is not None and value.by.operation in MOVEMENT and value not in self.copies:
            value = value.by.args[0]
        return value

    def enter(self, kernel: Kernel, instruction: Instruction, what: str, index: Index) -> bool:
        """Compute the instruction in the kernel at that index; if it cannot be, the kernel stays as it was."""
        before = len(kernel.members), set(kernel.operands), set(kernel.roots), kernel.outer
        try:
            if self.try_enter(kernel, instruction, what, index):
                return True
        except NeedsCopy:
            self.undo(kernel, instruction, before)
            raise
        self.undo(kernel, instruction, before)
        return False

    def undo(self, kernel: Kernel, instruction: Instruction, before: Any) -> None:
        """Take out of the kernel what was put in since `before`."""
        members, operands, kernel.roots, outer = before
        for member in kernel.members[members:]:
            if member.out in self.claimed and self.where[member.out] == kernel.number:
                self.claimed.remove(member.out)
                self.waiting[member.out] = member
                self.where[member.out] = max((self.ready(v) for v in member.values()), default=-1)
            kernel.index.pop(member.out, None)
            kernel.kinds.pop(member.out, None)
        del kernel.members[members:]
        kernel.index.pop(instruction.out, None)
        kernel.operands = {key: value for key, value in kernel.operands.items() if key in operands}
        if outer is None:
            kernel.outer, kernel.inner = None, []

    def try_enter(self, kernel: Kernel, instruction: Instruction, what: str, index: Index) -> bool:
        out, gather = instruction.out, what == "gather"
        kernel.index[out] = index  # so that splits reach it; a reduction's is put right below
        for position, arg in enumerate(instruction.args):
            if gather and position == 0:
                continue
            along = slice(instruction.attributes["axis"], instruction.attributes["axis"] + len(arg.shape)) if gather else slice(None)
            operand = self.operand(kernel, out, arg, along)
            if operand is None:
                return False
            kernel.operands[out, position] = operand
        if gather:
            operand = self.gathered(kernel, instruction)
            if operand is None:
                return False
            kernel.operands[out, 0] = operand
        if what == "reduction":
            whole, dims = kernel.index[out], instruction.attributes["dims"]
            over = axes_of(tuple(each for d, each in enumerate(whole) if d in dims))
            kept = tuple(each for d, each in enumerate(whole) if d not in dims)
            found = kernel.kind_of(over, axes_of(kept))
            if found is None:
                return False
            kernel.kinds[out], kernel.index[out], kernel.reduced[out] = found, kept, over
        kernel.members.append(instruction)
        return True

    def gathered(self, kernel: Kernel, instruction: Instruction) -> Load | None:
        """The operand of a gather: a load at a place that index values add to."""
        x, axis, index = instruction.args[0], instruction.attributes["axis"], kernel.index[instruction.out]
        strides, count = contiguous(x.shape), len(instruction.args) - 1
        lead, rest = index[:axis], index[axis + len(instruction.args[1].shape) :]
        place = linear(lead + (ZERO,) * count + rest, strides)
        below = x = self.copies.get(x, x)
        while below.by is not None and below.by.operation == "reshape" and below not in self.copies:
            below = below.by.args[0]
        below = self.copies.get(below, below)
        if not self.is_root(below) or not self.is_plain(below):
            if self.ready(x) >= kernel.number:
                return None
            raise NeedsCopy(x)
        if self.load(kernel, below, None, place) is None:
            return None
        return Load(below, place, tuple(((instruction.out, 1 + i), strides[axis + i]) for i in range(count)))

    # Operands

    def operand(self, kernel: Kernel, out: Value, arg: Any, along: slice) -> Any:
        """What `arg` is at the kernel's point; None if the kernel cannot have it."""
        if not isinstance(arg, Value):
            return arg
        while True:
            index, axes = kernel.index[out][along], list(kernel.axes)
            try:
                found = self.resolve(kernel, arg, index if arg.shape or not index else ())
            except NeedsSplit as need:
                kernel.split(need.axis, need.low)
                continue
            if axes == kernel.axes:
                return found

    def resolve(self, kernel: Kernel, value: Value, index: Index) -> Any:
        """A value of the kernel, Load, Position or a number: what `value` is at `index`; may raise NeedsSplit."""
        value = self.copies.get(value, value)
        if value in kernel.index and value not in kernel.kinds:
            if kernel.index[value] == index:
                return value
            if self.where.get(value) != kernel.number:
                return self.load(kernel, value, index)
            if kernel.number == len(self.steps) and value in self.claimed:
                raise NeedsCopy(value)  # taken by a kernel in the making that needs it in two places: it gets one of its own
            return None
        if value in kernel.kinds:
            return value if kernel.kinds[value] == "row" and kernel.index[value] == index else None
        by = value.by
        if by is None:
            return self.load(kernel, value, index)
        what = kind(by)
        if what == "inline":
            return by.attributes["value"] if by.operation == "full" else Position(index[0])
        if what == "scalar":
            return value if self.enter(kernel, by, "elementwise", ()) else None
        if what == "movement":
            return self.resolve_movement(kernel, value, index)
        if value in self.waiting:
            if self.is_repeated(kernel, value, index):
                raise NeedsCopy(value)
            if self.where[value] <= kernel.number and kernel.covers(index, value.shape) and self.enter(kernel, by, what, index):
                del self.waiting[value]
                self.claimed.add(value)
                self.where[value] = kernel.number
                return value
            if self.where[value] == kernel.number:
                return None  # what it follows from is not known in the kernel that computes it
            raise NeedsCopy(value)
        again = what == "elementwise" and value not in self.stored and self.where[value] < kernel.number and self.cheap(value)
        again = again and not self.is_repeated(kernel, value, index)
        if again and kernel.covers(index, value.shape) and self.enter(kernel, by, what, index):
            return value
        return self.load(kernel, value, index)

    def resolve_movement(self, kernel: Kernel, value: Value, index: Index) -> Any:
        by = value.by
        assert by is not None
        if by.operation == "reshape":
            below = by.args[0]
            while below.by is not None and below.by.operation == "reshape" and below not in self.copies:
                below = below.by.args[0]
            below = self.copies.get(below, below)
            if (
                self.is_root(below)
                and self.is_plain(below)
                and below not in kernel.index
                and below not in self.waiting
                and not self.recomputed(below)
            ):
                return self.load(kernel, below, None, linear(index, contiguous(value.shape)))
        found = pulled(kernel, value, index)
        if found is not None:
            return self.resolve(kernel, *found)
        if self.ready(value) >= kernel.number:
            return None
        raise NeedsCopy(by.args[0])

    def is_repeated(self, kernel: Kernel, value: Value, index: Index) -> bool:
        """Whether a kernel would compute again and again in its innermost loop what is dear, for few elements that lie along that."""
        if not kernel.axes or value.size * REPEATED > math.prod(axis.size for axis in kernel.axes):
            return False
        return kernel.axes[-1] in axes_of(index) and self.cost(value, DEAR) > DEAR

    def recomputed(self, value: Value) -> bool:
        """Whether a value of another kernel would rather be computed again."""
        return value.by is not None and kind(value.by) == "elementwise" and value not in self.stored and self.cheap(value)

    def load(self, kernel: Kernel, root: Value, index: Index | None, place: Affine | None = None) -> Any:
        """The element of `root` in memory; None if it is not there yet when the kernel runs."""
        if root in self.waiting:
            raise NeedsCopy(root)
        if root.by is not None and self.where[root] >= kernel.number:
            return None
        self.store(root)
        kernel.roots.add(root)
        return Load(root, linear(index, self.strides_of(root)) if place is None else place)  # type: ignore[arg-type]

    def cheap(self, value: Value) -> bool:
        """Whether computing `value` again costs less than storing and loading it."""
        limit = next(cost for size, cost in LIMITS if value.size <= size)
        return self.cost(value, limit) <= limit

    def cost(self, value: Value, limit: int) -> int:
        value = self.origin(value)
        by = value.by
        if by is None or value in self.stored or value in self.copies or kind(by) in ("inline", "scalar"):
            return 1
        if kind(by) != "elementwise":
            return 1 if kind(by) in ("dot", "call", "concat", "scatter_add") or kind(by) == "reduction" else 1 << 20
        total = cost_of(by.operation)
        for arg in by.values():
            if total > limit:
                break
            total += self.cost(arg, limit - total)
        return total

    # Steps that are not kernels

    def contract(self, instruction: Instruction) -> None:
        left, out_letters = instruction.attributes["spec"].split("->")
        terms = left.split(",")
        sizes = {c: n for term, arg in zip(terms, instruction.args, strict=True) for c, n in zip(term, arg.shape, strict=True)}
        for arg in instruction.args:
            self.settle(arg)
        scratch = Kernel(len(self.steps))  # only its axes and indices are used
        groups = {c: [scratch.new_axis(n)] if n != 1 else [] for c, n in sizes.items()}
        out = instruction.out

        def index_of(term: str) -> Index:
            return tuple(mixed(groups[c]) for c in term)

        loads: list[Load] = []
        while len(loads) < 2:
            try:
                loads = [self.memory(scratch, arg, index_of(term)) for term, arg in zip(terms, instruction.args, strict=True)]
            except NeedsSplit as need:
                one, two = scratch.split(need.axis, need.low)
                groups = {c: [new for a in axes for new in ((one, two) if a is need.axis else (a,))] for c, axes in groups.items()}
        place = linear(index_of(out_letters), contiguous(out.shape))
        letters = {"b": "", "m": "", "n": "", "k": ""}
        for c in sizes:
            sides = (c in terms[0], c in terms[1], c in out_letters)
            letters["b" if all(sides) else "m" if sides == (True, False, True) else "n" if sides[1] and sides[2] else "k"] += c
        self.append(Contraction(out, groups, (loads[0], loads[1]), place, letters), out)

    def settle(self, value: Value) -> None:
        """Have what `value` is a movement of in memory."""
        below = self.origin(value)
        if not self.is_root(below):
            self.copy(below)
        elif below.by is not None:
            self.store(below)

    def memory(self, scratch: Kernel, value: Value, index: Index) -> Load:
        """The place of an operand's element; movements that are not affine are copied."""
        value = self.copies.get(value, value)
        if self.is_root(value):
            self.store(value)
            return Load(value, linear(index, self.strides_of(value)))
        found = pulled(scratch, value, index)
        if found is None or not self.is_root(self.copies.get(self.origin(value), self.origin(value))):
            return Load(self.copy(value), linear(index, contiguous(value.shape)))
        return self.memory(scratch, *found)

    def concat(self, instruction: Instruction) -> None:
        """Each operand is written to its part of the result: by the kernel that computes it where there is one, else by one of its own."""
        out, axis = instruction.out, instruction.attributes["axis"]
        strides, start = contiguous(out.shape), 0
        for arg in instruction.args:
            if arg.size and not self.write_part(arg, out, strides, start * strides[axis]):
                part = Value(self.program._next, arg.shape, arg.dtype)
                self.program._next += 1
                kernel = self.begin(Instruction("cast", (arg,), {"in_memory": True}, part, instruction.origin), "elementwise", arg.shape)
                kernel.stores.append((part, out, linear(kernel.index[part], strides).plus(Affine(start * strides[axis], ()))))
            start += arg.shape[axis]
        self.where[out] = len(self.steps) - 1
        self.stored.add(out)

    def write_part(self, arg: Value, out: Value, strides: tuple[int, ...], start: int) -> bool:
        """Have the kernel that computes `arg`, or what that is a movement of, write it into `out` too."""
        value = self.origin(arg)
        number = self.where.get(value, -1)  # a number that the program is given is known before the first step
        step = self.steps[number] if 0 <= number < len(self.steps) and value not in self.waiting else None
        if not isinstance(step, Kernel) or value not in step.index or value in step.kinds or self.where[value] != step.number:
            return False
        if value.by is None or all(member is not value.by for member in step.members):
            return False
        index = step.forward(arg)
        if index is None or not step.covers(index, arg.shape) or len(axes_of(index)) != len(axes_of(step.index[value])):
            return False
        step.stores.append((value, out, linear(index, strides).plus(Affine(start, ()))))
        return True

    def call(self, instruction: Instruction) -> None:
        if "convolution" in instruction.attributes:
            self.append(Convolution(instruction, [self.root(v) for v in instruction.args]), instruction.out)
            return
        group = instruction.attributes["group"]
        if group in self.called:
            self.called[group].outs[instruction.attributes["index"]] = instruction.out
            self.where[instruction.out] = self.steps.index(self.called[group])
            self.stored.add(instruction.out)
            return
        self.called[group] = Call(instruction, [self.root(v) for v in instruction.args])
        self.append(self.called[group], instruction.out)
