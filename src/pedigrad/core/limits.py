"""Numerical limits of dtypes: `finfo` for floating point, `iinfo` for integers."""

from __future__ import annotations

from math import floor, log10
from typing import Any

from . import dtypes

__all__ = ["finfo", "iinfo"]

# Bits of exponent and of fraction. Every limit follows from them, so bfloat16's need no ml_dtypes.
_LAYOUTS = {"float16": (5, 10), "bfloat16": (8, 7), "float32": (8, 23), "float64": (11, 52)}
# Largest number, distance from 1 to the next, smallest of full precision.
_EIGHT = {
    "float8_e4m3fn": (448.0, 2.0**-3, 2.0**-6),
    "float8_e5m2": (57344.0, 2.0**-2, 2.0**-14),
    "float8_e4m3fnuz": (240.0, 2.0**-3, 2.0**-7),
    "float8_e5m2fnuz": (57344.0, 2.0**-3, 2.0**-15),
    "float8_e8m0fnu": (2.0**127, 1.0, 2.0**-127),
}


class finfo:
    """The limits of a floating point dtype (the default one if none is given), or of a complex one's parts.

    `eps` is the distance from 1 to the next larger number, `tiny` (also `smallest_normal`) the smallest
    positive number of full precision, `resolution` the last of the decimal digits of 1 that are always kept.

    >>> finfo(dtypes.float16).max
    65504.0
    """

    __slots__ = ("bits", "dtype", "eps", "max", "min", "resolution", "smallest_normal", "tiny")

    def __init__(self, type: dtypes.dtype | None = None):
        part = _checked("finfo", dtypes.get_default() if type is None else type).to_real()
        if not part.is_floating_point:
            raise TypeError(f"finfo() requires a floating point dtype, not {part}; see iinfo() for integers")
        self.bits, self.dtype = 8 * part.itemsize, part.name
        if part.name in _EIGHT:
            self.max, self.eps, self.tiny = _EIGHT[part.name]
            self.min = -self.max if part.name != "float8_e8m0fnu" else self.tiny
            self.smallest_normal, self.resolution = self.tiny, 1.0
            return
        exponent, fraction = _LAYOUTS[part.name]
        bias = 2 ** (exponent - 1) - 1
        self.eps = 2.0**-fraction
        self.max = (2.0 - self.eps) * 2.0**bias
        self.min = -self.max
        self.tiny = self.smallest_normal = 2.0 ** (1 - bias)
        self.resolution = float(f"1e{-floor(-log10(self.eps))}")

    def __eq__(self, other: object) -> bool:
        return self.dtype == other.dtype if isinstance(other, finfo) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, eps={self.eps:g}, "
            f"smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, dtype={self.dtype})"
        )


class iinfo:
    """The limits of an integer dtype: its `bits`, `min` and `max`.

    >>> iinfo(dtypes.int8)
    iinfo(min=-128, max=127, dtype=int8)
    """

    __slots__ = ("bits", "dtype", "max", "min")

    def __init__(self, type: dtypes.dtype):
        checked = _checked("iinfo", type)
        if checked.is_floating_point or checked.is_complex:
            raise TypeError(f"iinfo() requires an integer dtype, not {checked}; see finfo() for floating point")
        if checked is dtypes.bool_:
            raise TypeError("torch.bool is not supported by iinfo(): it has no numeric limits")
        self.bits = 8 * checked.itemsize
        self.dtype = checked.name
        self.max = 2 ** (self.bits - checked.is_signed) - 1
        self.min = -self.max - 1 if checked.is_signed else 0

    def __eq__(self, other: object) -> bool:
        return self.dtype == other.dtype if isinstance(other, iinfo) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"


def _checked(function: str, given: Any) -> dtypes.dtype:
    try:
        return dtypes.of_argument(given)
    except TypeError:
        raise TypeError(f"{function}(): argument 'type' must be a dtype, not {given.__class__.__name__}") from None
