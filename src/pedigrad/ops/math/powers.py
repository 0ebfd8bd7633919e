"""Powers, roots and reciprocals."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...core import dtypes
from ...core.declare import elementwise, function
from ...core.inplace import write
from ...core.origin import located
from ...core.quiet import astype
from ...core.tensor import Tensor
from ..xp import conj


def _power(x, exponent):
    if isinstance(x, Tensor):
        return x**exponent  # one node, whose derivative is a power again
    if exponent.__class__ is np.ndarray and exponent.ndim == 0 and not isinstance(x, (int, float, complex)):
        exponent = exponent.item()  # NumPy has short ways for Python numbers, and so has this, for traced arrays too
    if x.dtype.kind in "iu":
        return _integer_power(x, exponent)
    if exponent.__class__ in (int, float):
        if exponent == 3:
            return x * x * x
        if exponent == -2:
            return 1 / (x * x)
        if exponent == -0.5:
            return 1 / np.sqrt(x)
    return x**exponent


def _check_power(x, exponent):
    """RuntimeError for integers to the power of a negative number; in the dtype of unsigned ones it would be a large one."""
    if exponent.__class__ is int and exponent < 0 and hasattr(x, "dtype") and x.dtype.kind in "iu":
        raise RuntimeError(located("pow(): Integers to negative integer powers are not allowed."))


def _integer_power(x, exponent):
    if isinstance(exponent, int):
        _check_power(x, exponent)
        return x**exponent
    negative = exponent < 0
    inverse = np.where(x == 1, 1, np.where(x == -1, 1 - 2 * (exponent & 1), 0))
    return np.where(negative, inverse, x ** np.where(negative, 0, exponent))


def _power_by_base(g, x, exponent):
    if isinstance(exponent, (int, float, complex)):
        return np.zeros_like(g) if exponent == 0 else g * conj(exponent * _power(x, exponent - 1)) if exponent != 2 else g * (2 * conj(x))
    return np.where(exponent == 0, 0.0, g * conj(exponent * x ** (exponent - 1)))


def _power_by_exponent(g, x, exponent, out):
    if isinstance(x, (int, float, complex)):
        x = complex(x) if out.dtype.kind == "c" and x != 0 else x
        log = complex(np.log(x)) if isinstance(x, complex) else math.log(x) if x > 0 else -math.inf if x == 0 else math.nan
    else:
        log = np.log(x)
    slope = conj(out * log)
    return g * np.where((x == 0) & (np.real(exponent) >= 0), 0.0, slope)


@elementwise(domain=(0.5, 2))
def pow(x, exponent, /):
    """Each element to the power of `exponent`, a number or a tensor.

    >>> torch.tensor([1.0, 2.0, 3.0]).pow(2)
    tensor([1., 4., 9.])
    """
    return _power(x, exponent)


pow.op.check = _check_power


@pow.grad("x")
def _(g, x, exponent):
    return _power_by_base(g, x, exponent)


@pow.grad("exponent")
def _(g, x, exponent, out):
    return _power_by_exponent(g, x, exponent, out)


def _wide(x):
    if isinstance(x, (int, float, complex)):
        return x
    return astype(x, np.complex128 if x.dtype.kind == "c" else np.float64)


def _like(g, dtype):
    return astype(g, dtype) if dtype and np.dtype(dtype).kind in "fc" else g


@elementwise(
    result=None, promote=False, inplace=False, node="PowBackward0", domain=(0.5, 2),
    samples=[((3, 4), (3, 4)), ((3, 1), (1, 4)), ((), (3,)), ((), ()), ((0, 3), (3,))],
)  # fmt: skip
def float_power(x, exponent, /):
    """Each element to the power of `exponent`, computed in float64 or complex128."""
    return x ** _wide(exponent) if isinstance(x, (int, float, complex)) else _power(_wide(x), _wide(exponent))


@float_power.grad("x")
def _(g, x, exponent, x_dtype):
    return _like(_power_by_base(g, _wide(x), _wide(exponent)), x_dtype)


@float_power.grad("exponent")
def _(g, x, exponent, out, exponent_dtype):
    return _like(_power_by_exponent(g, _wide(x), _wide(exponent), out), exponent_dtype)


@function("Tensor")
def float_power_(self: Tensor, exponent: Any) -> Tensor:
    """`float_power` in place; RuntimeError for a tensor that is not float64 or complex128."""
    if self.dtype not in (dtypes.float64, dtypes.complex128):
        message = f"the base given to float_power_ has dtype {self.dtype} but the result is float64 or complex128"
        raise RuntimeError(located(message))
    return write(float_power.op, (self, exponent), ())


@elementwise(result=None, node="PowBackward0")
def square(x, /):
    """Each element times itself."""
    return np.multiply(x, x) if x.dtype.kind != "b" else astype(x, np.int64)


@square.grad("x")
def _(g, x):
    return g * (2 * conj(x))


@elementwise(result="float", domain=(0.2, 4))
def sqrt(x, /):
    """Square root of each element; nan for negative numbers.

    >>> torch.sqrt(torch.tensor([4.0, 2.0]))
    tensor([2.0000, 1.4142])
    """
    return np.sqrt(x)


@sqrt.grad("x")
def _(g, out):
    return g / (2 * conj(out))


@elementwise(result="float", domain=(0.2, 4))
def rsqrt(x, /):
    """One divided by the square root of each element.

    >>> torch.rsqrt(torch.tensor([4.0]))
    tensor([0.5000])
    """
    return 1 / np.sqrt(x)


@rsqrt.grad("x")
def _(g, out):
    out = conj(out)
    return g * -0.5 * (out * out * out)


@elementwise(result="float", domain=(0.5, 2))
def reciprocal(x, /):
    """One divided by each element."""
    return 1 / x


@reciprocal.grad("x")
def _(g, out):
    return -g * conj(out * out)


@elementwise(result="float")
def ldexp(x, y, /):
    """`input` times 2 to the power of `other`."""
    return x * np.exp2(y)


@ldexp.grad("x")
def _(g, y):
    return g * conj(_two_to(y))


@ldexp.grad("y")
def _(g, out):
    return g * conj(out) * math.log(2)


def _two_to(y):
    return 2.0**y if isinstance(y, (int, float, complex)) else np.exp2(y)


@elementwise(outputs=("mantissa", "exponent"), result=None, inplace=False, domain=(0.3, 4))
def frexp(x, /):
    """Mantissa, between a half and one, and integer exponent of two of each element."""
    if x.dtype.kind not in "fV":
        raise RuntimeError("torch.frexp() only supports floating-point dtypes")
    return np.frexp(x)


@frexp.grad("x")
def _(g_mantissa, exponent, x_dtype):
    return None if g_mantissa is None else g_mantissa / np.exp2(astype(exponent, x_dtype))
