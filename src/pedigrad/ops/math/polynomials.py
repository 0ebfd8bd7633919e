"""Orthogonal polynomials, Bessel and Airy functions: from SciPy, without gradients, in `torch.special` alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core import modes
from ...core.declare import elementwise
from .special import from_scipy


def _degree(n: Any) -> Any:
    """Degrees as integers; a number that none can hold, nan and infinity too, counts as negative."""
    if n.dtype.kind != "f":
        return n.astype(np.int64)
    return np.where(np.abs(n) < 2.0**63, np.trunc(n), -1).astype(np.int64)


def _recurring(first: Any, following: Any, known: Any = None) -> Any:
    """A polynomial by its recurrence: 1, `first(x)`, then `following(k, x, q, p)` of the two before, until one is nan.

    `known(x, n)` gives a mask and the values there, of degrees to which the recurrence would be long.
    """

    def evaluate(x: Any, n: Any) -> Any:
        if hasattr(x, "_trace") or hasattr(n, "_trace"):
            raise modes.Untraceable("how long the recurrence is depends on the degrees")
        x = x.astype(np.float32) if x.dtype.kind in "biu" else x  # which dispatch sees, and has the dtype made right
        x, n = np.broadcast_arrays(x, _degree(n))
        shape, x, n = x.shape, x.ravel(), n.ravel()
        out = np.where(n < 0, 0, np.where(n == 0, 1, first(x))).astype(x.dtype)
        left = n > 1
        if known is not None:
            mask, values = known(x, n)
            out = np.where(mask, values, out).astype(x.dtype)
            left &= ~mask
        (places,) = np.nonzero(left)
        p, q, k = np.ones(places.size, x.dtype), first(x[places]), 1
        while places.size:
            p, q = q, following(k, x[places], q, p).astype(x.dtype)
            k += 1
            out[places] = q
            on = (n[places] > k) & (q == q)
            if not on.all():
                places, p, q = places[on], p[on], q[on]
        return out.reshape(shape)

    return evaluate


def _chebyshev(first: Any, limit: int, right: Any, left: Any, by_angle: Any) -> Any:
    """A kind of Chebyshev's polynomials: `right` and `left` of the degree at 1 and -1, and by angles for high degrees between."""

    def known(x: Any, n: Any) -> Any:
        inside = (n > limit) & (np.abs(x) < 1)
        sign = np.where(n % 2 == 0, 1, -1)
        angle = np.arccos(np.where(inside, x, 0))
        ends = np.where(x > 0, right(n), sign * left(n))
        return ((np.abs(x) == 1) & (n >= 0)) | inside, np.where(inside, by_angle(angle, n.astype(x.dtype)), ends)

    return _recurring(first, lambda k, x, q, p: (x + x) * q - p, known)


def _one(n: Any) -> Any:
    return 1


def _odd(n: Any) -> Any:
    return 2 * n + 1


FIRST_KIND = _chebyshev(lambda x: x, 6, _one, _one, lambda a, n: np.cos(n * a))
SECOND_KIND = _chebyshev(lambda x: x + x, 8, lambda n: n + 1, lambda n: n + 1, lambda a, n: np.sin((n + 1) * a) / np.sin(a))
THIRD_KIND = _chebyshev(lambda x: x + x - 1, 8, _one, _odd, lambda a, n: np.cos((n + 0.5) * a) / np.cos(a / 2))
FOURTH_KIND = _chebyshev(lambda x: x + x + 1, 8, _odd, _one, lambda a, n: np.sin((n + 0.5) * a) / np.sin(a / 2))


def _out_of_range(x: Any, n: Any) -> Any:
    """Degrees at which Hermite's polynomials exceed the dtype nearly everywhere."""
    return n > (512 if x.dtype.itemsize == 8 else 128), np.nan


def _at_zero(x: Any, n: Any) -> Any:
    return (x == 0) & (n > 0), 1


def _at_ends(x: Any, n: Any) -> Any:
    return (np.abs(x) == 1) & (n > 0), np.where((x > 0) | (n % 2 == 0), 1, -1)


def _shifted(kind: Any) -> Any:
    return lambda x, n: kind(x + x - 1, n)


POLYNOMIALS = {
    "chebyshev_polynomial_t": FIRST_KIND,
    "chebyshev_polynomial_u": SECOND_KIND,
    "chebyshev_polynomial_v": THIRD_KIND,
    "chebyshev_polynomial_w": FOURTH_KIND,
    "hermite_polynomial_h": _recurring(lambda x: x + x, lambda k, x, q, p: (x + x) * q - (2 * k) * p, _out_of_range),
    "hermite_polynomial_he": _recurring(lambda x: x, lambda k, x, q, p: x * q - k * p, _out_of_range),
    "laguerre_polynomial_l": _recurring(lambda x: 1 - x, lambda k, x, q, p: ((2 * k + (1 - x)) * q - k * p) / (k + 1), _at_zero),
    "legendre_polynomial_p": _recurring(lambda x: x, lambda k, x, q, p: ((2 * k + 1) * x * q - k * p) / (k + 1), _at_ends),
    "shifted_chebyshev_polynomial_t": _shifted(FIRST_KIND),
    "shifted_chebyshev_polynomial_u": _shifted(SECOND_KIND),
    "shifted_chebyshev_polynomial_v": _shifted(THIRD_KIND),
    "shifted_chebyshev_polynomial_w": _shifted(FOURTH_KIND),
}

BESSEL = {
    "bessel_j0": "j0", "bessel_j1": "j1", "bessel_y0": "y0", "bessel_y1": "y1",
    "modified_bessel_i0": "i0", "modified_bessel_i1": "i1", "modified_bessel_k0": "k0", "modified_bessel_k1": "k1",
    "scaled_modified_bessel_k0": "k0e", "scaled_modified_bessel_k1": "k1e",
}  # fmt: skip


def _declare(name: str, forward: Any, doc: str) -> None:
    forward.__name__ = forward.__qualname__ = name
    forward.__doc__ = doc
    names = "x n" if forward.__code__.co_posonlyargcount == 2 else "input"
    elementwise(places="special", result="float", inplace=False, names=names)(forward)


def _bessel(name: str, scipy_name: str) -> None:
    def forward(x, /):
        return from_scipy(scipy_name)(x)

    _declare(name, forward, f"The {name.replace('_', ' ')} function of each element.")


def _orthogonal(name: str, evaluate: Any) -> None:
    def forward(x, n, /):
        return evaluate(x, n)

    _declare(name, forward, f"The {name.replace('_', ' ')} of degree `n` at each element.")


def _airy(x, /):
    return from_scipy("airy")(x)[0]


def _spherical(x, /):
    z = np.where(x == 0, 1.0, x)
    return np.where(x == 0, 1.0, np.where(np.isinf(x), 0.0, np.sin(z) / z))


for _name, _scipy_name in BESSEL.items():
    _bessel(_name, _scipy_name)
for _name, _kind in POLYNOMIALS.items():
    _orthogonal(_name, _kind)
_declare("airy_ai", _airy, "The Airy function Ai of each element.")
_declare("spherical_bessel_j0", _spherical, "The spherical Bessel function of the first kind of order 0 of each element.")
