"""Rounding, the parts of numbers, and replacing what is not finite. Integers are left as they are."""

from __future__ import annotations

import numpy as np

from ...core.declare import elementwise
from ...core.shapes import as_int


@elementwise
def floor(x, /):
    """The largest integer not above each element."""
    return np.floor(x)


@floor.grad("x")
def _(g):
    return np.zeros_like(g)


@elementwise
def ceil(x, /):
    """The smallest integer not below each element."""
    return np.ceil(x)


@ceil.grad("x")
def _(g):
    return np.zeros_like(g)


@elementwise(aliases=("fix",))
def trunc(x, /):
    """Each element without its fractional part."""
    return np.trunc(x)


@trunc.grad("x")
def _(g):
    return np.zeros_like(g)


@elementwise(real=True, places="torch Tensor special")
def round(x, /, *, decimals=0):
    """Each element rounded to `decimals` places; halves go to the even neighbour."""
    if x.dtype.kind in "biu":
        return np.copy(x)
    decimals = as_int(decimals)
    if decimals == 0:
        return np.rint(x)
    scale = 10.0 ** abs(decimals)
    return np.rint(x * scale) / scale if decimals > 0 else np.rint(x / scale) * scale


@round.grad("x")
def _(g):
    return np.zeros_like(g)


@elementwise
def frac(x, /):
    """The fractional part of each element, with its sign."""
    return x - np.trunc(x)


@frac.grad("x")
def _(g):
    return g


@elementwise(wide=False)
def nan_to_num(x, /, nan=None, posinf=None, neginf=None):
    """nan replaced by `nan`, infinities by `posinf` and `neginf`: by zero and the dtype's largest and smallest if not given."""
    nan = 0.0 if nan is None else nan
    if x.dtype.kind == "c":
        real, imag = (np.nan_to_num(part, nan=nan, posinf=posinf, neginf=neginf) for part in (np.real(x), np.imag(x)))
        return real + 1j * imag
    if x.dtype.kind in "biu":
        return np.copy(x)
    limits = np.finfo(x.dtype) if x.dtype.kind == "f" else np.finfo(np.float32)
    posinf = float(limits.max) if posinf is None else posinf
    neginf = float(limits.min) if neginf is None else neginf
    x = np.where(np.isnan(x), nan, x)
    return np.where(x == np.inf, posinf, np.where(x == -np.inf, neginf, x))


@nan_to_num.grad("x")
def _(g, x):
    return g * np.isfinite(x)  # as PyTorch has it: nan where the gradient is infinite


@elementwise(real=True)
def heaviside(x, values, /):
    """0 below zero, 1 above, `values` at zero."""
    return np.where(x == 0, values, np.where(x > 0, 1, 0))


@elementwise
def nextafter(x, y, /):
    """The next float after `input` in the direction of `other`."""
    return np.nextafter(x, y)


@nextafter.grad("x")
def _(g, x, y):
    return np.where(x == y, 0.0, g)


@nextafter.grad("y")
def _(g):
    return np.zeros_like(g)
