"""Products of whole numbers: sums that are exact, by way of float32."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.quantized import Quantized
from .rounding import nearest, parameters_for

Array = np.ndarray[Any, Any]
EXACT = 2**24  # whole numbers up to it are float32 numbers


def exact_product(x: Array, w: Array, largest: int) -> Array:
    """`x @ w.T` of whole numbers kept in float32 whose products are no larger than `largest`; no sum is rounded.

    Sums of float32 are exact as long as they stay below 2**24, so long rows are multiplied in parts, which are added up in float64.
    """
    block = max(1, EXACT // largest)
    columns = x.shape[-1]
    if columns <= block:
        return x @ w.T
    total = np.zeros((*x.shape[:-1], len(w)), np.float64)
    for start in range(0, columns, block):
        total += x[..., start : start + block] @ w[:, start : start + block].T
    return total


def dynamic_linear(x: Array, weight: Quantized, bias: Array | None, reduce_range: bool) -> Array:
    """`x @ weight.T + bias` for float32 `x` of shape (..., in_features), which is quantized to 8 bits by its own range for the product.

    With `reduce_range` it is quantized to 7 bits, as PyTorch does for processors whose sums of products saturate at 16.
    """
    low, high = (float(x.min()), float(x.max())) if x.size else (0.0, 0.0)
    most = 127 if reduce_range else 255
    scale, zero_point = parameters_for(low, high, 0, most)
    whole = np.minimum(nearest(x, scale, zero_point, np.dtype(np.uint8)), most).astype(np.float32) - np.float32(zero_point)
    centred = weight.integers.astype(np.float32) - weight.along(np.asarray(weight.zero_point, np.float32))
    found = exact_product(whole, centred, most * 255)
    unit = np.float32(scale) * np.asarray(weight.scale, np.float32)
    out = found.astype(np.float32) * unit
    return out if bias is None else out + bias
