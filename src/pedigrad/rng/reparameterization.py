"""How a sample moves with the parameters of its distribution: implicit reparameterization (Figurnov, Mohamed, Mnih 2018).

A sample x whose quantile F(x; a) is held fixed has the derivative -(dF/da) / f, f the density. F is its leading powers times a series
or a continued fraction S(a), and dS/da is the imaginary part of S(a + ih) / h: for so small an h it is exact.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["beta_slope", "gamma_slope"]

Array = NDArray[Any]
_STEP = 1e-40
_SMALL = 1e-300  # in the place of a zero denominator
_MOST = 20_000  # terms: of the order of the root of the largest parameter are needed


def gamma_slope(x: Array, a: Array) -> Array:
    """The derivative by `a` of a gamma distributed number `x` of shape `a` and scale 1, in float64."""
    from scipy.special import digamma

    x, a = np.broadcast_arrays(np.asarray(x, np.float64), np.asarray(a, np.float64))
    low = x < a + 1
    with np.errstate(all="ignore"):
        s, ds = _split(np.where(low, _lower_series(np.where(low, x, 0.0), a), _upper_fraction(np.where(low, a + 2, x), a)))
        log_x = np.log(x)
        below = -x / a * (s * (log_x - digamma(a + 1)) + ds)
        above = x * (s * (log_x - digamma(a)) + ds)
    return np.where(low, below, above)


def beta_slope(x: Array, a: Array, b: Array) -> Array:
    """The derivative by `a` of a beta distributed number `x` of parameters `a` and `b`, divided by 1 - x, in float64."""
    from scipy.special import digamma

    x, a, b = np.broadcast_arrays(*(np.asarray(v, np.float64) for v in (x, a, b)))
    low = x < (a + 1) / (a + b + 2)
    moved = a + 1j * _STEP
    with np.errstate(all="ignore"):
        s, ds = _split(_beta_fraction(np.where(low, x, 1 - x), np.where(low, moved, b), np.where(low, b, moved)))
        slope = np.log(x) - digamma(a) + digamma(a + b)
        return np.where(low, -x / a * (s * (slope - 1 / a) + ds), x / b * (s * slope + ds))


def _split(s: Array) -> tuple[Array, Array]:
    return s.real, s.imag / _STEP


def _lower_series(x: Array, a: Array) -> Array:
    """The sum of x^n / ((a + 1) ... (a + n)), at a + ih."""
    place = a + 1j * _STEP
    term = total = np.ones(x.shape, np.complex128)
    for _ in range(_MOST):
        place = place + 1
        term = term * (x / place)
        total = total + term
        # both parts of the next terms must be small; the derivative of a term is at most n terms
        if not (np.abs(term.real) > 1e-18 * np.abs(total.real)).any() and not (np.abs(term.imag) > 1e-17 * np.abs(total.imag)).any():
            break
    return total


def _upper_fraction(x: Array, a: Array) -> Array:
    """1 / (x + 1 - a - (1 - a) / (x + 3 - a - 2 (2 - a) / ...)), at a + ih."""
    a = a + 1j * _STEP
    return 1 / _fraction(x + 1 - a, lambda n: (n * (a - n), x + 2 * n + 1 - a))


def _beta_fraction(x: Array, a: Array, b: Array) -> Array:
    """1 / (1 + d1 / (1 + d2 / ...)): the incomplete beta function over x^a (1 - x)^b / (a B(a, b))."""

    def step(n: int) -> tuple[Array, Array]:
        m = n // 2
        if n % 2:
            return -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)), one
        return m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)), one

    one = np.ones(x.shape, np.complex128)
    return 1 / _fraction(one, step)


def _fraction(first: Array, step: Callable[[int], tuple[Array, Array]]) -> Array:
    """first + p1 / (q1 + p2 / (q2 + ...)) with (p, q) = step(n), by Lentz's method."""
    value = c = first
    d = np.zeros_like(first)
    for n in range(1, _MOST):
        p, q = step(n)
        d = q + p * d
        d = 1 / np.where(d == 0, _SMALL, d)
        c = q + p / c
        c = np.where(c == 0, _SMALL, c)
        change = c * d
        value = value * change
        # what is left is rounding: of the factor, and of the derivatives that it is made of
        rounding = 1e-15 * (np.abs(c.imag / c.real) + np.abs(value.imag / value.real))
        if not ((np.abs(change.real - 1) > 1e-15) | (np.abs(change.imag) > rounding)).any():
            break
    return np.asarray(value)
