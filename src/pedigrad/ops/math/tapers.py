"""Windows that a signal is multiplied by before it is transformed: rows of numbers that fall off to both sides."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...core import dtypes
from ...core.origin import located
from ...core.shapes import as_int
from ..creation import factory, numpy_dtype
from ..shape.convert import LEGACY_NAMES


def spread(size: int, symmetric: bool) -> Any:
    """`size` positions from 0 to 1, where the last one is at 1 if `symmetric` and otherwise would be the next."""
    return np.arange(size) / max(size - symmetric, 1)


def cosines(t: Any, weights: Any) -> Any:
    """The sum of cosines of the multiples of a whole turn, with signs that alternate."""
    return sum((-1) ** k * a * np.cos(2 * math.pi * k * t) for k, a in enumerate(weights))


def kaiser(t: Any, beta: float) -> Any:
    """Kaiser's window at positions from 0 to 1."""
    return np.i0(beta * np.sqrt(np.maximum(1 - (2 * t - 1) ** 2, 0))) / np.i0(float(beta))


def window(name: str, values: Any, window_length: Any, periodic: Any, dtype: Any) -> Any:
    """A window of the name, of which `values` gives the values at positions from 0 to 1."""
    size, kind = as_int(window_length), numpy_dtype(dtype)
    if kind.kind == "c":
        raise NotImplementedError(located(f"\"{name}\" not implemented for '{LEGACY_NAMES[dtypes.from_numpy(kind).name]}'"))
    if kind.kind in "biu":
        raise RuntimeError(located(f"{name} expects floating point dtypes, got: {dtypes.from_numpy(kind)}"))
    if size < 0:
        raise RuntimeError(located(f"{name} requires non-negative window_length, got window_length={size}"))
    return np.ones(1, kind) if size == 1 else values(spread(size, not periodic)).astype(kind)


@factory
def hann_window(window_length: int, periodic: bool = True, *, dtype: Any = None) -> Any:
    """Hann's window, a raised cosine; if `periodic` without its last value, which is the first of the next period."""
    return window("hann_window", lambda t: cosines(t, (0.5, 0.5)), window_length, periodic, dtype)


@factory
def hamming_window(window_length: int, periodic: bool = True, alpha: float = 0.54, beta: float = 0.46, *, dtype: Any = None) -> Any:
    """Hamming's window, a cosine of height `beta` around `alpha`; if `periodic` without its last value."""
    return window("hamming_window", lambda t: cosines(t, (alpha, beta)), window_length, periodic, dtype)


@factory
def blackman_window(window_length: int, periodic: bool = True, *, dtype: Any = None) -> Any:
    """Blackman's window, a sum of two cosines; if `periodic` without its last value."""
    return window("blackman_window", lambda t: cosines(t, (0.42, 0.5, 0.08)), window_length, periodic, dtype)


@factory
def bartlett_window(window_length: int, periodic: bool = True, *, dtype: Any = None) -> Any:
    """Bartlett's window, a triangle; if `periodic` without its last value."""
    return window("bartlett_window", lambda t: 1 - np.abs(2 * t - 1), window_length, periodic, dtype)


@factory
def kaiser_window(window_length: int, periodic: bool = True, beta: float = 12.0, *, dtype: Any = None) -> Any:
    """Kaiser's window, the narrower the larger `beta`; if `periodic` without its last value."""
    return window("kaiser_window", lambda t: kaiser(t, beta), window_length, periodic, dtype)


__all__ = ["cosines", "kaiser", "spread"]
