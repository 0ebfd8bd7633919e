"""Scalar mathematics for compiled loops: `definitions` gives LLVM IR for `@pg.<name>.<f32|f64>`, branch-free so that loops vectorise.

A float32 result is within 2 ulp of the exact value and a float64 result within 4, over the whole range, subnormals included; infinities,
NaN and signed zeros are those of C99. Formulas are in math_exponential, math_trigonometric and here; math_ir is their language.
Some float32 functions are computed in float64 with short polynomials ("wide"), which costs half the lanes and no care. The code is right
on every processor, and fast on those with a fused multiply-add (AVX2, NEON).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from . import math_exponential as exponential
from . import math_trigonometric as trigonometric
from .math_ir import F32, F64, SHORT, Precision, Value, at_most, copysign, fma, select, sqrt


def erfc_of_size(size: Value, at: Precision) -> Value:
    """erfc of a positive number: exp(-x x) times a polynomial in (x - c) / (x + c), over 1 + 2 x, after M. M. Shepherd and
    J. G. Laframboise, Chebyshev approximation of (1 + 2 x) exp(x^2) erfc x, Mathematics of Computation 36 (1981)."""
    x, centre = (at_most(size, 10.3), 2.0) if at is SHORT else (at_most(size, 28.0), 4.0)
    square = x * x
    lost = fma(x, x, -square)
    e, k = exponential.exponential(-square, at)
    p = 1.0 + e
    p = fma(p, -lost, p)
    y = at.polynomial("erfcx", (x - centre) / (x + centre)) / fma(x, 2.0, 1.0)
    return exponential.scale(p * y, k, at)


def erfc(x: Value, at: Precision) -> Value:
    size = abs(x)
    y = erfc_of_size(size, at)
    if at is F64:  # the quotient's rounding tells where erfc is near 1
        y = select(size < 0.5, 1.0 - erf_near_zero(size, at), y)
    return select(x < 0.0, 2.0 - y, y)


def erf_near_zero(x: Value, at: Precision) -> Value:
    return fma(x, at.polynomial("erf", x * x), x)


def erf(x: Value, at: Precision) -> Value:
    """An odd polynomial near zero; further out 1 - erfc, which in float32 is the exponential of a polynomial."""
    size = abs(x)
    near = erf_near_zero(size, at)
    if at is F32:
        e, k = exponential.exponential(at.polynomial("log_erfc", at_most(size, 4.0)), at)
        power = exponential.power_of_two(k, at)
        return copysign(select(size < 0.92, near, 1.0 - fma(power, e, power)), x)
    return copysign(select(size < 1.0, near, 1.0 - erfc_of_size(size, at)), x)


def rsqrt(x: Value, at: Precision) -> Value:
    return 1.0 / sqrt(x)


def cbrt(x: Value, at: Precision) -> Value:
    """Halley's iteration from a third of the exponent, with W. Kahan's constant for the first guess."""
    y, shift = exponential.normal(abs(x), at)
    guess = (((((y.bits() >> 32) * 0x55555556) >> 32) + 715094163) << 32).real()
    for _ in range(2 if at is SHORT else 3):
        r = y / (guess * guess)
        guess = fma(guess, (r - guess) / (guess + guess + r), guess)
    y = select(shift > 0.0, guess * 2.0**-18, guess)
    return copysign(select((abs(x) > 0.0) & (abs(x) < float("inf")), y, abs(x)), x)


class Function(NamedTuple):
    """A scalar function: its formula, its number of operands, and whether its float32 form is computed in float64."""

    formula: Callable[..., Value]
    operands: int = 1
    wide: bool = False


FUNCTIONS: dict[str, Function] = {
    "exp": Function(exponential.exp),
    "exp2": Function(exponential.exp2),
    "expm1": Function(exponential.expm1),
    "log": Function(exponential.log),
    "log2": Function(exponential.log2),
    "log10": Function(exponential.log10),
    "log1p": Function(exponential.log1p),
    "pow": Function(exponential.pow, 2),
    "sigmoid": Function(exponential.sigmoid),
    "tanh": Function(exponential.tanh),
    "sinh": Function(exponential.sinh, wide=True),
    "cosh": Function(exponential.cosh, wide=True),
    "asinh": Function(exponential.asinh, wide=True),
    "acosh": Function(exponential.acosh, wide=True),
    "atanh": Function(exponential.atanh, wide=True),
    "erf": Function(erf),
    "erfc": Function(erfc, wide=True),
    "sin": Function(trigonometric.sin),
    "cos": Function(trigonometric.cos),
    "tan": Function(trigonometric.tan, wide=True),
    "asin": Function(trigonometric.asin, wide=True),
    "acos": Function(trigonometric.acos, wide=True),
    "atan": Function(trigonometric.atan, wide=True),
    "atan2": Function(trigonometric.atan2, 2, wide=True),
    "rsqrt": Function(rsqrt),
    "cbrt": Function(cbrt, wide=True),
}


def definition(name: str, type: str) -> str:
    """The IR of one function; KeyError for a name or a type (`f32`, `f64`) that is not known."""
    function, own = FUNCTIONS[name], {"f32": F32, "f64": F64}[type]
    at = SHORT if function.wide and own is F32 else own
    lines: list[str] = []
    operands = [Value(lines, own.real, f"%x{i}") for i in range(function.operands)]
    out = function.formula(*[x.to(at.real) for x in operands], at).to(own.real)
    head = ", ".join(f"{own.real} {x.name}" for x in operands)
    body = "\n".join(f"  {line}" for line in [*lines, f"ret {own.real} {out.name}"])
    return f"define internal {own.real} @pg.{name}.{type}({head}) alwaysinline nounwind willreturn memory(none) {{\n{body}\n}}\n"


def definitions(names: Iterable[tuple[str, str]]) -> str:
    """The IR of the functions `(name, type)`, each once, self-contained but for LLVM's intrinsics, which need no declaration."""
    return "\n".join(definition(name, type) for name, type in dict.fromkeys(names))
