"""Division with rounding, remainders, common divisors and multiples.

Integers divided by zero raise RuntimeError, as nothing they could give would be right.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.declare import elementwise, function, publish
from ...core.inplace import inplace_form, write
from ...core.origin import located
from ...core.tensor import Tensor
from .arithmetic import true_divide


def _refuse_zero(x, y):
    if x.dtype.kind in "biu" and not np.all(y):
        raise RuntimeError("ZeroDivisionError")


@elementwise(operators="floordiv", node="FloorDivideBackward0")
def floor_divide(x, y, /):
    """The quotient rounded down."""
    _refuse_zero(x, y)
    return np.floor_divide(x, y)


@floor_divide.grad("x", "y")
def _(g):
    return np.zeros_like(g), np.zeros_like(g)


@elementwise(called="div", places="", node="DivBackward2")
def trunc_divide(x, y, /):
    """The quotient rounded towards zero."""
    _refuse_zero(x, y)
    return np.floor_divide(x - np.fmod(x, y), y) if x.dtype.kind in "biu" else np.trunc(x / y)


@trunc_divide.grad("x", "y")
def _(g):
    return np.zeros_like(g), np.zeros_like(g)


DIVISIONS = {None: true_divide, "trunc": trunc_divide, "floor": floor_divide}


def _division(rounding_mode: str | None) -> Any:
    try:
        return DIVISIONS[rounding_mode]
    except KeyError:
        message = f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{rounding_mode}'"
        raise RuntimeError(located(message)) from None


@function(aliases=("divide",), short=true_divide)
def div(input: Any, other: Any, *, rounding_mode: str | None = None, out: Any = None) -> Tensor:
    """The quotient, rounded as `rounding_mode` says: None (not at all), "trunc" or "floor".

    Args:
        rounding_mode: None, "trunc" or "floor".

    Shape: that which `input` and `other` broadcast to; without `rounding_mode` the quotient is a float.

    >>> torch.div(torch.tensor([7, -7]), 2, rounding_mode="floor")
    tensor([ 3, -4])
    """
    return _division(rounding_mode)(input, other, out=out)


@function("Tensor", aliases=("divide_",))
def div_(self: Tensor, other: Any, *, rounding_mode: str | None = None) -> Tensor:
    """Divide in place."""
    return write(_division(rounding_mode).op, (self, other), ())


@elementwise(operators="mod", domain=(0.5, 2))
def remainder(x, y, /):
    """What is left of `input` after division rounded down; it has the sign of `other`."""
    if x.dtype.kind != "f":
        _refuse_zero(x, y)
        return np.remainder(x, y)
    rest = np.fmod(x, y)  # NumPy's remainder gives a zero the sign of `y`, PyTorch's that of `x`
    return np.where((rest != 0) & ((rest < 0) != (y < 0)), rest + y, rest)


@remainder.grad("x")
def _(g):
    return g


@remainder.grad("y")
def _(g, x, y):
    return -g * (floor_divide(x, y) if isinstance(g, Tensor) else np.floor_divide(x, y))


@elementwise(domain=(0.5, 2))
def fmod(x, y, /):
    """What is left of `input` after division rounded towards zero; it has the sign of `input`."""
    _refuse_zero(x, y)
    return np.fmod(x, y)


@fmod.grad("x")
def _(g):
    return g


@fmod.grad("y")
def _(g, x, y):
    return -g * (trunc_divide(x, y) if isinstance(g, Tensor) else np.trunc(x / y))


@elementwise
def gcd(x, y, /):
    """The greatest common divisor of integers."""
    return np.gcd(x, y)


@elementwise
def lcm(x, y, /):
    """The least common multiple of integers."""
    g = np.gcd(x, y)
    return np.abs(x // np.where(g == 0, 1, g) * y)  # NumPy's would be negative where it overflows


publish(inplace_form(floor_divide.op), "floor_divide_", ["Tensor"])
