"""The error function, and roots, as expressions of LLVM IR."""

from __future__ import annotations

from . import exponential
from .values import F32, F64, SHORT, Precision, Value, at_most, copysign, fma, select, sqrt


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
