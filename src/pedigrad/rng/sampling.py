"""Samplers that reject: each takes an unknown count of numbers from its stream, and arithmetic decides which.

So the arithmetic is PyTorch's: a parameter comes as a NumPy scalar of its array's dtype and stays in it where
PyTorch's does. `unit` gives the next uniform number in [0, 1) and `normal` the next standard normal.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["binomial", "gamma", "poisson"]

_THIRD = np.float32(1) / np.float32(3)  # PyTorch writes these two as float32 whatever the dtype
_SQUEEZE = float(np.float32(0.0331))


def poisson(rate: Any, unit: Callable[[], float]) -> float:
    """A Poisson distributed count: products of uniforms for small rates, else Hörmann's PTRS (1993)."""
    rate = float(rate)
    if not rate >= 0:
        raise RuntimeError(f"poisson: rates must not be negative, got {rate}")
    if rate < 10:
        limit, product, count = math.exp(-rate), 1.0, 0
        while rate and (product := product * unit()) > limit:
            count += 1
        return count
    b = 0.931 + 2.53 * math.sqrt(rate)
    a = -0.059 + 0.02483 * b
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    box = 0.9277 - 3.6224 / (b - 2)
    while True:
        u, v = unit() - 0.5, unit()
        distance = 0.5 - abs(u)
        k = math.floor((2 * a / distance + b) * u + rate + 0.43) if distance else -1
        if distance >= 0.07 and v <= box:
            return k
        if k < 0 or (distance < 0.013 and v > distance) or v == 0:
            continue
        density = -rate + k * math.log(rate) - math.lgamma(k + 1)
        if math.log(v) + math.log(inverse_alpha) - math.log(a / distance**2 + b) <= density:
            return k


def gamma(alpha: Any, unit: Callable[[], float], normal: Callable[[], float]) -> float:
    """A gamma number of shape `alpha` and scale 1, by Marsaglia and Tsang's method (2000); positive."""
    real = type(alpha)
    smallest, boost = float(np.finfo(real).tiny), 1.0
    if alpha < 1:  # a larger shape is accepted more often; a power of a uniform brings the number back
        if alpha == 0:
            return smallest
        boost = (1 - unit()) ** float(real(1) / alpha)
        alpha = alpha + real(1)
    d = float(alpha - _THIRD)
    c = 1 / math.sqrt(9 * d)
    while True:
        while (root := 1 + c * (x := normal())) <= 0:
            pass
        v, u, square = root**3, 1 - unit(), x * x
        if u < 1 - _SQUEEZE * square * square or math.log(u) < 0.5 * square + d * (1 - v + math.log(v)):
            return max(smallest, boost * d * v)


def binomial(count: Any, prob: Any, unit: Callable[[], float]) -> float:
    """The number of successes of probability `prob` in `count` trials."""
    if count <= 0 or prob <= 0:
        return 0.0
    if prob >= 1:
        return float(count)
    if math.isnan(prob):
        return math.nan
    rare = prob if prob <= 0.5 else type(prob)(1 - prob)
    method = _binomial_by_rejection if count * rare >= 10 else _binomial_by_gaps
    successes = method(count, rare, unit)
    return successes if prob <= 0.5 else float(count) - successes


def _binomial_by_gaps(count: Any, prob: Any, unit: Callable[[], float]) -> float:
    """Counts how many geometric gaps fit into the trials."""
    log_failure = float(np.log1p(-prob))
    reached, successes = 0.0, 0.0
    while True:
        u = unit()
        reached += math.ceil(math.log(u) / log_failure) if u else math.inf
        if reached > count:
            return successes
        successes += 1


def _binomial_by_rejection(count: Any, prob: Any, unit: Callable[[], float]) -> float:
    """Hörmann's BTRS (1993)."""
    odds = float(prob / (1 - prob))
    deviation = float(np.sqrt(count * prob * (1 - prob)))
    b = 1.15 + 2.53 * deviation
    a = -0.0873 + 0.0248 * b + 0.01 * float(prob)
    centre = float(count * prob) + 0.5
    box = 0.92 - 4.2 / b
    alpha = (2.83 + 5.1 / b) * deviation
    n, mode = float(count), math.floor((count + 1) * prob)
    while True:
        u, v = unit() - 0.5, unit()
        distance = 0.5 - abs(u)
        k = math.floor((2 * a / distance + b) * u + centre) if distance else -1
        if k < 0 or k > n:
            continue
        if distance >= 0.07 and v <= box:
            return k
        ways = math.lgamma(mode + 1) + math.lgamma(n - mode + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
        if v == 0 or math.log(v * alpha / (a / distance**2 + b)) <= ways + (k - mode) * math.log(odds):
            return k
