"""Products of whole numbers: sums that are exact, in int32 where the processor multiplies bytes, else by way of float32."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.quantized import Quantized
from ...core.tensor import wrap
from ...eager import native
from ..linalg.matmul import linear
from .rounding import moved_to, parameters_for

Array = np.ndarray[Any, Any]
EXACT = 2**24  # whole numbers up to it are float32 numbers


def exact_product(x: Array, w: Array, largest: int) -> Array:
    """`x @ w.T` of whole numbers kept in float32 whose products are no larger than `largest`; no sum is rounded.

    Sums of float32 are exact as long as they stay below 2**24, so long rows are multiplied in parts, which are added up in float64.
    """
    block = max(1, EXACT // largest)
    columns = x.shape[-1]
    if columns <= block:
        return linear(wrap(x), wrap(w))._array
    total = np.zeros((*x.shape[:-1], len(w)), np.float64)
    for start in range(0, columns, block):
        some = slice(start, start + block)
        total += linear(wrap(x[..., some]), wrap(w[:, some]))._array
    return total


def centred(weight: Quantized) -> Array:
    """The whole numbers of a weight less their zero points, in float32."""
    found = weight.integers.astype(np.float32)
    if np.any(weight.zero_point):
        found -= weight.along(np.asarray(weight.zero_point, np.float32))
    return found


def _product_of_bytes(whole: Array, zero_point: int, weight: Quantized) -> Array | None:
    """The same for whole numbers of 8 bits, also in float32, less their zero point, by `weight`; None where native code does not do it."""
    integers = weight.integers
    if integers.dtype != np.int8 or not whole.size:
        return None
    rows = whole.reshape(-1, whole.shape[-1]).astype(np.uint8, copy=False)
    sums = native.whole_product(rows, integers.T)
    if sums is None:
        return None
    # What wraps around on the way is whole again in the end.
    if zero_point:
        sums -= np.int32(zero_point) * integers.sum(1, dtype=np.int32)
    if np.any(weight.zero_point):
        moved = rows.sum(1, dtype=np.int32) - np.int32(zero_point) * np.int32(rows.shape[1])
        sums -= np.multiply.outer(moved, np.broadcast_to(weight.zero_point, len(integers)).astype(np.int32))
    return sums.reshape(*whole.shape[:-1], len(integers))


def sums_of(whole: Array, zero_point: int, weight: Quantized) -> Array:
    """The exact sums of products of uint8 numbers (..., k) less their zero point, and those of a weight (n, k): of shape (..., n)."""
    sums = _product_of_bytes(whole, zero_point, weight)
    if sums is None:
        sums = exact_product(whole.astype(np.float32) - np.float32(zero_point), centred(weight), 255 * 255)
    return sums


def dynamic_linear(x: Array, weight: Quantized, bias: Array | None, reduce_range: bool, ready: Array | None = None) -> Array:
    """`x @ weight.T + bias` for float32 `x` of shape (..., in_features), which is quantized to 8 bits by its own range for the product.

    With `reduce_range` it is quantized to 7 bits, as PyTorch does for processors whose sums of products saturate at 16. `ready` is what
    `centred` gave for the weight, where that is multiplied more than once.
    """
    low, high = (float(x.min()), float(x.max())) if x.size else (0.0, 0.0)
    most = 127 if reduce_range else 255
    scale, zero_point = parameters_for(low, high, 0, most)
    whole = moved_to(x, scale, zero_point)
    np.rint(whole, out=whole)
    np.clip(whole, 0, most, out=whole)
    sums = _product_of_bytes(whole, zero_point, weight) if np.isfinite(high - low) else None
    if sums is None:
        whole -= np.float32(zero_point)
        largest = most * (255 if np.any(weight.zero_point) else 128)
        sums = exact_product(whole, centred(weight) if ready is None else ready, largest)
    out = sums.astype(np.float32, copy=False)
    out *= np.float32(scale) * np.asarray(weight.scale, np.float32)
    if bias is not None:
        out += bias
    return out
