"""Histograms of values, and the range of one that quantization loses least with."""

from __future__ import annotations

from typing import Any

import numpy as np

STEP = 1e-5  # by which part of all values the range is narrowed at a time
FINER = 16  # into how many parts bins are divided before they are counted in others


def counted(x: Any, bins: int, low: Any, high: Any) -> Any:
    """How many elements lie in each of `bins` equal parts of the range from `low` to `high`."""
    if low == high:
        low, high = low - 1, high + 1
    place = ((x.reshape(-1) - low) * np.float32(bins) / (high - low)).astype(np.int64)
    return np.bincount(np.minimum(place, bins - 1), minlength=bins).astype(np.float32)


def squared_error(histogram: Any, width: float, first: int, last: int, levels: int) -> float:
    """The squared error of quantizing to `levels` levels between the bins `first` and `last`, where values lie evenly within bins."""
    step = width * (last - first + 1) / levels
    if step == 0:
        return 0.0
    begin = (np.arange(len(histogram)) - first) * width
    end = begin + width
    begin_level, end_level = (np.clip(np.floor(each / step), 0, levels - 1) for each in (begin, end))
    half = step / 2

    def integral(a: Any, b: Any) -> Any:
        return (b**3 - a**3) / 3

    error = integral(begin - (begin_level + 0.5) * step, half)
    error = error + (end_level - begin_level - 1) * integral(-half, half)
    error = error + integral(-half, end - (end_level * step + half))
    return float((error * (histogram / width)).sum())


def best_bins(histogram: Any, width: float, levels: int) -> tuple[int, int]:
    """The first and the last of the bins whose range is quantized with a small error.

    From both ends the bins that hold the fewest values are left out, step by step, until the error grows.
    """
    sums, total = np.cumsum(histogram, dtype=np.float64), float(histogram.sum())
    left, right, first, last, least = 0.0, 1.0, 0, len(histogram) - 1, float("inf")
    while left < right:
        further_left, further_right = left + STEP, right - STEP
        low = min(max(int(np.searchsorted(sums, further_left * total, "left")), first), last)
        high = max(min(int(np.searchsorted(sums, further_right * total, "right")) - 1, last), first)
        if low - first > last - high:
            new, left = (low, last), further_left
        else:
            new, right = (first, high), further_right
        if new == (first, last):
            continue
        error = squared_error(histogram, width, *new, levels)
        if error > least:
            break
        least, (first, last) = error, new
    return first, last


def in_range(before: Any, old_low: Any, old_high: Any, low: Any, high: Any) -> Any:
    """A histogram of the range from `old_low` to `old_high` as one of a wider range with as many bins."""
    bins = len(before)
    if old_low == low and old_high == high:
        return before
    if old_low == old_high:
        return counted(old_low.reshape(1), bins, low, high) * before.sum()
    parts = bins * FINER
    middles = np.linspace(old_low, old_high, parts + 1, dtype=np.float32)[:-1] + np.float32(0.5) * (old_high - old_low) / np.float32(parts)
    edges = np.linspace(low, high, bins + 1, dtype=np.float32)
    place = np.clip(np.searchsorted(edges, middles, "right") - 1, 0, bins - 1)
    return np.bincount(place, np.repeat(before, FINER) / FINER, minlength=bins)
