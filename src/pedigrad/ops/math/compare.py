"""Comparisons, tests on numbers, logic and bits. None of them has a gradient."""

from __future__ import annotations

import numpy as np

from ...core import dtypes
from ...core.declare import elementwise, function, kernel
from ...core.origin import located
from ...core.quiet import astype
from ...core.tensor import Tensor


def _ordered(x):
    if x.dtype.kind == "c":
        raise NotImplementedError(f"comparison is not implemented for {dtypes.of(x).name}: complex numbers have no order")


@elementwise(result="bool", operators="eq")
def eq(x, y, /):
    """Whether elements are equal.

    >>> torch.eq(torch.tensor([1, 2]), torch.tensor([1, 3]))
    tensor([ True, False])
    """
    return np.equal(x, y)


@elementwise(result="bool", aliases=("not_equal",), operators="ne")
def ne(x, y, /):
    """Whether elements differ."""
    return np.not_equal(x, y)


@elementwise(result="bool", aliases=("less",), operators="lt")
def lt(x, y, /):
    """Whether elements of `input` are less than those of `other`."""
    _ordered(x)
    return np.less(x, y)


@elementwise(result="bool", aliases=("less_equal",), operators="le")
def le(x, y, /):
    """Whether elements of `input` are less than or equal to those of `other`."""
    _ordered(x)
    return np.less_equal(x, y)


@elementwise(result="bool", aliases=("greater",), operators="gt")
def gt(x, y, /):
    """Whether elements of `input` are greater than those of `other`."""
    _ordered(x)
    return np.greater(x, y)


@elementwise(result="bool", aliases=("greater_equal",), operators="ge")
def ge(x, y, /):
    """Whether elements of `input` are greater than or equal to those of `other`."""
    _ordered(x)
    return np.greater_equal(x, y)


test = {"result": "bool", "inplace": False, "out": False}


@elementwise(**test)
def isnan(x, /):
    """Whether elements are nan.

    >>> torch.isnan(torch.tensor([1.0, torch.nan]))
    tensor([False,  True])
    """
    return np.isnan(x)


@elementwise(**test)
def isinf(x, /):
    """Whether elements are infinite.

    >>> torch.isinf(torch.tensor([1.0, torch.inf]))
    tensor([False,  True])
    """
    return np.isinf(x)


@elementwise(**test)
def isfinite(x, /):
    """Whether elements are neither infinite nor nan.

    >>> torch.isfinite(torch.tensor([1.0, torch.inf]))
    tensor([ True, False])
    """
    return np.isfinite(x)


@elementwise(result="bool", inplace=False)
def isposinf(x, /):
    """Whether elements are plus infinity."""
    _ordered(x)
    return np.equal(x, np.inf)


@elementwise(result="bool", inplace=False)
def isneginf(x, /):
    """Whether elements are minus infinity."""
    _ordered(x)
    return np.equal(x, -np.inf)


@elementwise(**test)
def isreal(x, /):
    """Whether elements have no imaginary part."""
    return np.imag(x) == 0


@elementwise(real=True, result="bool", inplace=False)
def signbit(x, /):
    """Whether the sign bit of elements is set; it is for -0.0."""
    return np.signbit(x) if x.dtype.kind in "fV" else np.less(x, 0)


# Nearness of whole tensors


def _near(x, y, rtol, atol, equal_nan):
    if x.dtype != y.dtype:
        raise RuntimeError(f"{dtypes.of(x).name} did not match {dtypes.of(y).name}")
    if rtol < 0 or atol < 0:
        raise RuntimeError(f"rtol and atol must not be negative, got {rtol} and {atol}")
    near = np.equal(x, y)
    if equal_nan and x.dtype.kind in "fcV":
        near = near | (np.isnan(x) & np.isnan(y))
    if x.dtype.kind == "b":
        x, y = astype(x, np.int64), astype(y, np.int64)
    error = np.abs(x - y) if x.dtype.kind != "u" else np.where(x > y, x - y, y - x)
    return near | (np.isfinite(error) & (error <= atol + np.abs(rtol * y)))


@kernel(layout="iterator")
def isclose(x, y, /, rtol=1e-05, atol=1e-08, equal_nan=False):
    """Whether elements differ by no more than `atol + rtol * abs(other)`."""
    return _near(x, y, rtol, atol, equal_nan)


@kernel(places="")
def all_near(x, y, /, rtol, atol, equal_nan):
    """Whether all elements are close."""
    return np.all(_near(x, y, rtol, atol, equal_nan))


@function()
def allclose(input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
    """Whether no two elements differ by more than `atol + rtol * abs(other)`.

    Args:
        rtol: the relative tolerance.
        atol: the absolute one.
        equal_nan: whether two nans are close.

    Shape: `input` and `other` broadcast; the result is a bool.

    >>> torch.allclose(torch.tensor([1.0]), torch.tensor([1.0 + 1e-7]))
    True
    """
    return bool(all_near(input, other, rtol, atol, equal_nan))


@kernel(places="")
def same(x, y, /):
    """Whether shapes and all elements are equal."""
    return np.array_equal(x, y)


@function()
def equal(input: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same shape and equal elements: one bool, where `==` compares element by element.

    Shape: of the two may be anything; the result is a bool.

    >>> torch.equal(torch.tensor([1, 2]), torch.tensor([1, 2]))
    True
    """
    if not isinstance(other, Tensor):
        raise TypeError(located(f"equal(): argument 'other' must be Tensor, not {type(other).__name__}"))
    return bool(same(input, other))


# Logic


@elementwise(result="bool", promote=False)
def logical_and(x, y, /):
    """Whether both elements are true, that is, not zero."""
    return np.logical_and(x, y)


@elementwise(result="bool", promote=False)
def logical_or(x, y, /):
    """Whether an element is true, that is, not zero."""
    return np.logical_or(x, y)


@elementwise(result="bool", promote=False)
def logical_xor(x, y, /):
    """Whether exactly one element is true, that is, not zero."""
    return np.logical_xor(x, y)


@elementwise(result="bool", promote=False)
def logical_not(x, /):
    """Whether elements are false, that is, zero."""
    return np.logical_not(x)


# Bits


@elementwise(operators="and rand")
def bitwise_and(x, y, /):
    """The bits set in both integers; `and` of booleans."""
    return np.bitwise_and(x, y)


@elementwise(operators="or ror")
def bitwise_or(x, y, /):
    """The bits set in either integer; `or` of booleans."""
    return np.bitwise_or(x, y)


@elementwise(operators="xor rxor")
def bitwise_xor(x, y, /):
    """The bits set in one integer only; `xor` of booleans."""
    return np.bitwise_xor(x, y)


@elementwise(operators="invert")
def bitwise_not(x, /):
    """The bits not set in each integer; `not` of booleans."""
    return np.invert(x)


@elementwise(operators="lshift")
def bitwise_left_shift(x, y, /):
    """The bits of `input` shifted left by `other` places."""
    return np.left_shift(x, y)


@elementwise(operators="rshift")
def bitwise_right_shift(x, y, /):
    """The bits of `input` shifted right by `other` places; the sign is kept."""
    return np.right_shift(x, y)
