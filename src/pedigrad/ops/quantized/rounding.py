"""Floats as whole numbers with a scale and a zero point, and the scale and zero point that a range of floats asks for."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
SMALLEST_SCALE = float(np.float32(6.1e-5))  # scales below it are enlarged, so that their inverses stay well within float32


def inverse(scale: Any) -> Any:
    """1 / scale in float32, which floats are multiplied by."""
    return np.float32(1) / np.asarray(scale, np.float32)


def moved_to(x: Array, scale: float, zero_point: int) -> Array:
    """x / scale + zero_point, rounded to float32 once."""
    moved = np.multiply(x, np.float64(inverse(scale)), dtype=np.float64)
    moved += zero_point
    return moved.astype(np.float32)


def nearest(x: Array, scale: Any, zero_point: Any, integers: np.dtype[Any]) -> Array:
    """x / scale + zero_point, to the nearest whole number (of two equally near ones the even one), within the range of `integers`.

    As in PyTorch's kernels the sum is rounded to float32 once for one scale and 8 bits, and twice otherwise. nan becomes the largest number
    of 8 bits, the smallest of 32.
    """
    info = np.iinfo(integers)
    if np.ndim(scale) == 0 and integers.itemsize == 1:
        moved = moved_to(x, scale, zero_point)
    else:
        moved = x * inverse(scale) + np.asarray(zero_point, np.float32)
    found = np.rint(moved, dtype=np.float64)
    found[np.isnan(found)] = info.max if integers.itemsize == 1 else info.min
    return np.clip(found, info.min, info.max).astype(integers)


def parameters_for(low: float, high: float, least: int, most: int, symmetric: bool = False) -> tuple[float, int]:
    """The scale and the zero point by which the range from `low` to `high`, made to hold zero, is spread over `least` to `most`.

    If it is to be `symmetric` and zero lies within it, zero is in the middle.
    """
    low, high = min(low, 0.0), max(high, 0.0)
    middle = symmetric and low < 0 < high
    if middle:
        half = (most - least) // 2
        unit = max(-low / (half + 1), high / half)
        low, high = -unit * (half + 1), unit * half
    scale = (high - low) / (most - least)
    if float(np.float32(scale)) == 0.0 or math.isinf(1.0 / float(np.float32(scale))):
        scale = 0.1
    if scale < SMALLEST_SCALE:
        before, scale = scale, SMALLEST_SCALE
        if low == 0.0:
            high = SMALLEST_SCALE * (most - least)
        elif high == 0.0:
            low = -SMALLEST_SCALE * (most - least)
        else:
            low, high = low * (SMALLEST_SCALE / before), high * (SMALLEST_SCALE / before)
    if middle:
        return scale, (least + most + 1) // 2
    # The zero point of the end at which it is rounded less.
    from_low, from_high = least - low / scale, most - high / scale
    nearer_low = abs(least) + abs(low / scale) < abs(most) + abs(high / scale)
    start = from_low if nearer_low else from_high
    zero_point = least if start < least else most if start > most else round(start)
    return scale, int(zero_point)
