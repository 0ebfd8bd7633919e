"""Scalar LLVM IR written as Python expressions: a `Value` is one SSA name, and its operators append instructions to the body.

Comparisons give i1 values for `select`; no instruction carries a fast-math flag, so the formulas are evaluated as written.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import Any, Union

from .coefficients import POLYNOMIALS

Operand = Union["Value", float, int]
REAL = {"float", "double"}
BITS = {"float": 32, "double": 64, "i1": 1, "i32": 32, "i64": 64}


def literal(type: str, x: float) -> str:
    """The text of a constant, rounded to its type."""
    if type not in REAL:
        return str(int(x))
    if type == "float":
        x = struct.unpack("f", struct.pack("f", x))[0]
    return "0x" + struct.pack(">d", x).hex().upper()


class Value:
    """One SSA value of a function body (`lines`)."""

    __slots__ = ("lines", "name", "type")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, lines: list[str], type: str, name: str):
        self.lines, self.type, self.name = lines, type, name

    def emit(self, text: str, type: str | None = None) -> Value:
        """The value of a new instruction."""
        name = f"%v{len(self.lines)}"
        self.lines.append(f"{name} = {text}")
        return Value(self.lines, type or self.type, name)

    def text(self, x: Operand) -> str:
        if isinstance(x, Value):
            assert x.type == self.type, (x.type, self.type)
            return x.name
        return literal(self.type, x)

    def constant(self, x: float) -> Value:
        return Value(self.lines, self.type, literal(self.type, x))

    def _binary(self, real: str, integer: str, x: Operand, swap: bool = False) -> Value:
        left, right = (self.text(x), self.name) if swap else (self.name, self.text(x))
        return self.emit(f"{real if self.type in REAL else integer} {self.type} {left}, {right}")

    def __add__(self, y: Operand) -> Value:
        return self._binary("fadd", "add", y)

    def __radd__(self, y: Operand) -> Value:
        return self._binary("fadd", "add", y, swap=True)

    def __sub__(self, y: Operand) -> Value:
        return self._binary("fsub", "sub", y)

    def __rsub__(self, y: Operand) -> Value:
        return self._binary("fsub", "sub", y, swap=True)

    def __mul__(self, y: Operand) -> Value:
        return self._binary("fmul", "mul", y)

    def __rmul__(self, y: Operand) -> Value:
        return self._binary("fmul", "mul", y, swap=True)

    def __truediv__(self, y: Operand) -> Value:
        return self._binary("fdiv", "", y)

    def __rtruediv__(self, y: Operand) -> Value:
        return self._binary("fdiv", "", y, swap=True)

    def __neg__(self) -> Value:
        return self.emit(f"fneg {self.type} {self.name}") if self.type in REAL else 0 - self

    def __abs__(self) -> Value:
        return self.intrinsic("fabs")

    def __and__(self, y: Operand) -> Value:
        return self._binary("", "and", y)

    def __or__(self, y: Operand) -> Value:
        return self._binary("", "or", y)

    def __xor__(self, y: Operand) -> Value:
        return self._binary("", "xor", y)

    def __invert__(self) -> Value:
        return self ^ -1

    def __lshift__(self, y: Operand) -> Value:
        return self._binary("", "shl", y)

    def __rshift__(self, y: Operand) -> Value:
        """The logical shift: zeros come in at the top."""
        return self._binary("", "lshr", y)

    def _compare(self, real: str, integer: str, y: Operand) -> Value:
        code = f"fcmp {real}" if self.type in REAL else f"icmp {integer}"
        return self.emit(f"{code} {self.type} {self.name}, {self.text(y)}", "i1")

    def __lt__(self, y: Operand) -> Value:
        return self._compare("olt", "slt", y)

    def __le__(self, y: Operand) -> Value:
        return self._compare("ole", "sle", y)

    def __gt__(self, y: Operand) -> Value:
        return self._compare("ogt", "sgt", y)

    def __ge__(self, y: Operand) -> Value:
        return self._compare("oge", "sge", y)

    def __eq__(self, y: Operand) -> Value:  # type: ignore[override]
        return self._compare("oeq", "eq", y)

    def __ne__(self, y: Operand) -> Value:  # type: ignore[override]
        return self._compare("une", "ne", y)

    def below(self, y: Operand) -> Value:
        """Whether an unsigned integer is less than `y`."""
        return self._compare("", "ult", y)

    def intrinsic(self, name: str, *operands: Operand) -> Value:
        arguments = ", ".join(f"{self.type} {x}" for x in [self.name, *map(self.text, operands)])
        suffix = f"f{BITS[self.type]}" if self.type in REAL else self.type
        return self.emit(f"call {self.type} @llvm.{name}.{suffix}({arguments})")

    def bits(self) -> Value:
        """The integer with the same bits."""
        return self.emit(f"bitcast {self.type} {self.name} to i{BITS[self.type]}", f"i{BITS[self.type]}")

    def real(self) -> Value:
        """The real number with the same bits."""
        type = {"i32": "float", "i64": "double"}[self.type]
        return self.emit(f"bitcast {self.type} {self.name} to {type}", type)

    def to(self, type: str) -> Value:
        """The value converted to a wider or a narrower type; signed from integers to reals."""
        if type == self.type:
            return self
        wider = BITS[type] > BITS[self.type]
        if self.type in REAL:
            code = "fpext" if wider else "fptrunc"
        else:
            code = "sitofp" if type in REAL else "zext" if wider else "trunc"
        return self.emit(f"{code} {self.type} {self.name} to {type}", type)


def select(condition: Value, x: Operand, y: Operand) -> Value:
    """`x` where the condition holds, else `y`; one of them is a Value."""
    like = x if isinstance(x, Value) else y
    assert isinstance(like, Value)
    return like.emit(f"select i1 {condition.name}, {like.type} {like.text(x)}, {like.type} {like.text(y)}")


def fma(x: Value, y: Operand, z: Operand) -> Value:
    return x.intrinsic("fma", y, z)


def sqrt(x: Value) -> Value:
    return x.intrinsic("sqrt")


def round_even(x: Value) -> Value:
    return x.intrinsic("roundeven")


def floor(x: Value) -> Value:
    return x.intrinsic("floor")


def copysign(x: Value, sign: Value) -> Value:
    return x.intrinsic("copysign", sign)


def at_most(x: Value, bound: float) -> Value:
    """The smaller of x and a bound; NaN stays NaN."""
    return select(x > bound, bound, x)


def at_least(x: Value, bound: float) -> Value:
    return select(x < bound, bound, x)


@dataclass(frozen=True)
class Precision:
    """A working format: its LLVM types, its fraction bits and exponent bias, and which polynomials suffice for the result."""

    real: str
    integer: str
    fraction: int
    bias: int
    polynomials: str

    @property
    def magic(self) -> float:
        """Adding this rounds to an integer, which is then found in the low bits."""
        return 1.5 * 2.0**self.fraction

    @property
    def smallest(self) -> float:
        """The smallest normal number."""
        return 2.0 ** (1 - self.bias)

    def bits(self, x: float) -> int:
        """The bits of a constant."""
        codes = ("f", "i") if self.fraction == 23 else ("d", "q")
        return int(struct.unpack(codes[1], struct.pack(codes[0], x))[0])

    def polynomial(self, name: str, x: Value) -> Value:
        """The polynomial's value at x, by Horner's rule."""
        *rest, total = POLYNOMIALS[name, self.polynomials]
        y: Any = x.constant(total)
        for c in reversed(rest):
            y = fma(y, x, c)
        return y


F32 = Precision("float", "i32", 23, 127, "f32")
F64 = Precision("double", "i64", 52, 1023, "f64")
SHORT = Precision("double", "i64", 52, 1023, "short")  # a float32 function computed in float64: no care for rounding is needed

INF, NAN = math.inf, math.nan
HALF_PI = (1.5707963267948966, 6.123233995736766e-17, -1.4973849048591698e-33)
