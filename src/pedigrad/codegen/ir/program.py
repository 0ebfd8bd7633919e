"""Program: a straight line of array operations, the form a traced function is rewritten and compiled in.

    program     = "program (" value* ")" instruction* "return" value*
    instruction = value "=" operation "(" (value | constant)* ")" attribute*
    value       = "%" number ":" dtype "[" size* "]"

Operations, by family (`OPERATIONS` is the whole vocabulary):

- elementwise, on operands of one shape or 0-d (`ir/instructions.py`): arithmetic, comparisons, `where`, `cast`, functions of one
  variable; `philox`, a random number in [0, 1) from a seed, the number of the element and the number of the stream
- `broadcast`, `reshape`, `transpose`, `slice`: another view of the same elements
- `sum`, `prod`, `max`, `min`: reductions over the dimensions `dims`, which are dropped
- `dot`: a sum of products in Einstein's notation, `spec`
- `gather`, `scatter_add`: elements by an index array along one dimension
- `concat`, `pad`, `full`, `iota`
- `call`: anything else, run by NumPy

Every value is given once, before its uses; shapes are numbers. `verify` checks this and the rules of each family.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Iterable
from typing import Any

import numpy as np

from .instructions import ELEMENTWISE

NARROW = frozenset(("float16", "bfloat16"))  # dtypes that elements are only kept in: what computes is given them in float32
FLOAT32 = np.dtype(np.float32)
MOVEMENT = frozenset("broadcast reshape transpose slice".split())
REDUCTION = frozenset("sum prod max min".split())
OTHER = frozenset("dot gather scatter_add concat pad full iota call".split())
OPERATIONS = ELEMENTWISE.keys() | MOVEMENT | REDUCTION | OTHER


def compute_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype that elements of a dtype are computed with: float32 for 16-bit floats, which are converted when they are loaded."""
    return FLOAT32 if dtype.itemsize == 2 and dtype.name in NARROW else dtype


class Value:
    """The result of one instruction, or an input: its number, shape and dtype."""

    __slots__ = ("by", "dtype", "number", "shape")

    def __init__(self, number: int, shape: tuple[int, ...], dtype: np.dtype[Any]):
        self.number, self.shape, self.dtype = number, shape, dtype
        self.by: Instruction | None = None  # None: an input

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)

    def __repr__(self) -> str:
        return f"%{self.number}"

    def declaration(self) -> str:
        """Number, dtype and shape."""
        return f"%{self.number}: {self.dtype.name}{list(self.shape)}"


class Instruction:
    """One operation on values and constants."""

    __slots__ = ("args", "attributes", "operation", "origin", "out")

    def __init__(self, operation: str, args: tuple[Any, ...], attributes: dict[str, Any], out: Value, origin: Any = None):
        self.operation, self.args, self.attributes, self.out, self.origin = operation, args, attributes, out, origin
        out.by = self

    def values(self) -> list[Value]:
        """The arguments that are values."""
        return [a for a in self.args if isinstance(a, Value)]

    def key(self) -> Any:
        """What is equal for instructions that compute the same; None where that cannot be told."""
        args = tuple(("v", a.number) if isinstance(a, Value) else ("c", repr(a)) for a in self.args)
        if self.operation == "call":
            op, attributes = (getattr(self.attributes["function"], name, None) for name in ("op", "attributes"))
            if op is None or not op.forward.__module__.startswith("pedigrad.") or not _is_plain(attributes):
                return None
            return op.name, attributes, args, repr(self.attributes["plan"]), self.attributes["index"]
        return self.operation, args, repr(sorted(self.attributes.items())), self.out.dtype.str

    def __repr__(self) -> str:
        args = ", ".join(map(str, self.args))
        attributes = "".join(f" {name}={value}" for name, value in self.attributes.items())
        return f"{self.out.declaration()} = {self.operation}({args}){attributes}"


def _is_plain(value: Any) -> bool:
    """Whether a value is made of numbers and words, which are equal if they look equal."""
    return all(map(_is_plain, value)) if isinstance(value, tuple) else value is None or isinstance(value, (bool, int, float, str))


class Program:
    """Inputs, instructions in order, and the values that are returned."""

    def __init__(self) -> None:
        self.inputs: list[Value] = []
        self.instructions: list[Instruction] = []
        self.outputs: list[Value] = []
        self._next = 0

    def value(self, shape: Iterable[int], dtype: Any) -> Value:
        """A new value."""
        self._next += 1
        return Value(self._next - 1, tuple(shape), np.dtype(dtype))

    def input(self, shape: Iterable[int], dtype: Any) -> Value:
        """A new input."""
        self.inputs.append(self.value(shape, dtype))
        return self.inputs[-1]

    def emit(self, operation: str, args: Iterable[Any], shape: Iterable[int], dtype: Any, **attributes: Any) -> Value:
        """Append an instruction; returns its result."""
        out = self.value(shape, dtype)
        self.instructions.append(Instruction(operation, tuple(args), attributes, out))
        return out

    def with_instructions(self, instructions: list[Instruction]) -> Program:
        """A program of the same values with other instructions."""
        new = Program()
        new.inputs, new.instructions, new.outputs, new._next = list(self.inputs), instructions, list(self.outputs), self._next
        return new

    def uses(self) -> dict[Value, list[Instruction]]:
        """The instructions that read each value."""
        found: dict[Value, list[Instruction]] = {v: [] for v in self.inputs}
        for instruction in self.instructions:
            for value in instruction.values():
                found[value].append(instruction)
            found[instruction.out] = []
        return found

    def __str__(self) -> str:
        lines = [f"program ({', '.join(v.declaration() for v in self.inputs)})"]
        lines += [f"  {instruction}" for instruction in self.instructions]
        return "\n".join([*lines, f"  return {', '.join(map(str, self.outputs))}"])


Rewrite = Callable[["Program", Instruction, tuple[Any, ...]], Any]


def rewritten(program: Program, rewrite: Rewrite, operations: Container[str] = OPERATIONS) -> Program:
    """A program on the same inputs; `rewrite(new, instruction, args)` gives the value in the place of each instruction of `operations`."""
    new = Program()
    new.inputs, new._next = list(program.inputs), program._next
    known: dict[Value, Any] = {v: v for v in program.inputs}
    for instruction in program.instructions:
        args = tuple([known[a] if a.__class__ is Value else a for a in instruction.args])
        count = len(new.instructions)
        known[instruction.out] = (rewrite if instruction.operation in operations else copied)(new, instruction, args)
        for made in new.instructions[count:]:
            made.origin = instruction.origin
    new.outputs = [known[v] for v in program.outputs]
    return new


def copied(new: Program, instruction: Instruction, args: tuple[Any, ...]) -> Value:
    """The instruction in another program: as it is, where its operands are."""
    if args == instruction.args:
        new.instructions.append(instruction)
        return instruction.out
    return new.emit(instruction.operation, args, instruction.out.shape, instruction.out.dtype, **instruction.attributes)


def verify(program: Program) -> None:
    """AssertionError with the instruction's text if the program is not well formed."""
    known = set(program.inputs)
    for instruction in program.instructions:
        text = str(instruction)
        assert instruction.operation in OPERATIONS, f"unknown operation: {text}"
        assert instruction.out not in known, f"given twice: {text}"
        for value in instruction.values():
            assert value in known, f"{value} is used before it is given: {text}"
        _check(instruction, text)
        known.add(instruction.out)
    for value in program.outputs:
        assert value in known, f"the output {value} is never given"


def _check(instruction: Instruction, text: str) -> None:
    out, attributes = instruction.out, instruction.attributes
    shapes = [v.shape for v in instruction.values()]
    if instruction.operation in ELEMENTWISE:
        assert all(s in ((), out.shape) for s in shapes), f"operands of different shapes: {text}"
    elif instruction.operation == "reshape":
        assert np.prod(shapes[0], dtype=np.int64) == out.size, f"another number of elements: {text}"
    elif instruction.operation == "transpose":
        assert tuple(shapes[0][d] for d in attributes["order"]) == out.shape, f"wrong shape: {text}"
    elif instruction.operation == "broadcast":
        lead = len(out.shape) - len(shapes[0])
        assert all(n in (1, m) for n, m in zip(shapes[0], out.shape[lead:], strict=True)), f"does not broadcast: {text}"
    elif instruction.operation in REDUCTION:
        kept = tuple(n for d, n in enumerate(shapes[0]) if d not in attributes["dims"])
        assert kept == out.shape, f"wrong shape: {text}"
