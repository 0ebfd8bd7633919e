"""Maxima of windows that lie side by side, by the kernels of `codegen/conv/pooling.py`."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..codegen.conv import pooling
from ..codegen.gemm.contraction import address_of
from ..codegen.runtime import memory, pool

Array = np.ndarray[Any, Any]


def maxima(x: Array, high: int, wide: int, threads: int) -> Array:
    """The maxima (..., rows, columns) of windows that divide `x`, which lies row by row."""
    *lead, height, width = x.shape
    out = memory.empty((*lead, height // high, width // wide), x.dtype)
    functions = pooling.loaded(x.dtype, high, wide)
    pool.run(functions["maxima"], (address_of(x), address_of(out), out.size // out.shape[-1], out.shape[-1]), threads)
    return out


def maxima_grad(x: Array, out: Array, g: Array, high: int, wide: int, threads: int) -> Array:
    """The gradient of `x`, of whose windows `out` are the maxima, given theirs; all lie row by row."""
    grad = memory.empty(x.shape, x.dtype)
    functions = pooling.loaded(x.dtype, high, wide)
    places = map(address_of, (x, out, g, grad))
    pool.run(functions["maxima_grad"], (*places, out.size // out.shape[-1], out.shape[-1]), threads)
    return grad
