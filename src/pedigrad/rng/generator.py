"""Random arrays with the numbers PyTorch's CPU generator gives for the same seed.

Each distribution spends the stream's words in PyTorch's order, so two generators with one seed stay in step
through any sequence of calls. Whole numbers, masks, permutations and uniforms are equal bit for bit; 16
normals or more agree within 4 units in the last place (2 in float64), fewer are equal; other reals within 2.
`bernoulli` with a number, `exponential` and what uses them (dropout, `multinomial`) follow the portable code,
which PyTorch runs on AMD's and ARM's processors; on Intel's it leaves these to MKL, whose numbers are others.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from ..core import modes
from ..core.tensor import Tensor, wrap
from . import sampling
from .batches import of_arrays, of_shape
from .mersenne import Array, MersenneTwister

__all__ = ["Generator", "default_generator"]

_F32, _F64 = np.dtype(np.float32), np.dtype(np.float64)
_FORMATS = {_F64: (53, 1.7976931348623157e308), _F32: (24, 3.4028234663852886e38)}  # digits, largest number
_FORMATS[np.dtype(np.float16)] = (11, 65504.0)
_BFLOAT16 = (8, 3.3895313892515355e38)
_LOW24, _STEP24 = np.uint32(0xFFFFFF), np.float32(2.0**-24)
_LOW21 = np.uint32(0x1FFFFF)  # of the first of two words: 53 bits with the second
_TWO_PI = 2 * math.pi
_INT64_MIN = -(2**63)
_WIDE = 1 << 28  # ranges from here on spend two words a number
_FEW = 16  # pairs of normals up to which Python's own functions, which are PyTorch's, are as fast as NumPy's


class Generator(MersenneTwister):
    """A stream of random numbers with its own seed, whose methods return new arrays of a `shape`, a tuple."""

    def get_state(self) -> Tensor:
        """The state in PyTorch's layout: a tensor of 5056 bytes."""
        return wrap(self.state_array())

    def _units(self, count: int, np_dtype: np.dtype[Any]) -> Array:
        """Numbers in [0, 1): float64 for float64, float32 for narrower dtypes."""
        if np_dtype == _F64:
            return _units53(self._draw(2 * count))
        return np.multiply(self._draw(count) & _LOW24, _STEP24, dtype=_F32)

    def recorded(self, x: Array, make: Callable[[Any], Any]) -> Array:
        """`x`; a program that is being recorded will make such numbers anew in each run, from uniform ones."""
        if modes.special and modes.settings.recorder is not None and self is default_generator:
            modes.settings.recorder.random(x, make)
        return x

    # Real numbers

    @of_shape
    def uniform(self, shape: Sequence[int], low: float = 0.0, high: float = 1.0, np_dtype: DTypeLike = _F32) -> Array:
        """Uniform numbers in [low, high), as `torch.rand` and `Tensor.uniform_`; complex: both parts."""
        dtype, size = np.dtype(np_dtype), math.prod(shape)
        if low == 0 and high == 1 and (dtype is _F32 or dtype is _F64):
            return self.recorded(self._units(size, dtype).reshape(shape), lambda u: u)
        if dtype.kind == "c":
            part: np.dtype[Any] = np.dtype(f"f{dtype.itemsize // 2}")
            return self.uniform((*shape, 2), low, high, part).view(dtype).reshape(shape)
        largest = _require_floating(dtype, "uniform_")
        if not (abs(low) <= largest and abs(high) <= largest):
            raise RuntimeError(f"uniform_: {low} or {high} is out of the range of {dtype.name}")
        if not low <= high:
            raise RuntimeError(f"uniform_: the lower bound {low} is above the upper bound {high}")
        if not high - low <= largest:
            raise RuntimeError(f"uniform_: {high} - {low} is out of the range of {dtype.name}")
        wide = _wide(dtype)
        start, end = wide.type(low), wide.type(high)
        x = _narrow(_fused(self._units(size, wide), float(end - start), float(start)), dtype)
        x[x == np.array(high, dtype)] = low  # rounding may reach the upper bound, which is excluded
        return self.recorded(x.reshape(shape), lambda u: u * (high - low) + low)

    @of_shape
    def normal(
        self,
        shape: Sequence[int],
        mean: float = 0.0,
        std: float = 1.0,
        np_dtype: DTypeLike = _F32,
        *,
        contiguous: bool = True,
    ) -> Array:
        """Normal numbers, as `torch.randn` and `Tensor.normal_` give them.

        `contiguous` says whether the tensor that they fill is: others get different numbers. Each part of a
        complex number has half the variance.
        """
        dtype, size = np.dtype(np_dtype), math.prod(shape)
        if not std >= 0:
            raise RuntimeError(f"normal: std must not be negative, got {std}")
        if dtype.kind == "c":
            part: np.dtype[Any] = np.dtype(f"f{dtype.itemsize // 2}")
            x = self.normal((*shape, 2), mean, std / math.sqrt(2), part, contiguous=contiguous)
            return x.view(dtype).reshape(shape)
        _require_floating(dtype, "normal")
        if size < 16 or not contiguous:
            return _narrow(self._normals(size, float(mean), float(std)), dtype).reshape(shape)
        wide = _wide(dtype)
        x = self._normal_blocks(size, dtype, wide)
        out = _narrow(_fused(x, float(wide.type(std)), float(wide.type(mean))), dtype).reshape(shape)
        return self.recorded(out, lambda u: _box_muller(u, u._trace.uniform(shape)) * std + mean)

    def _normal_blocks(self, size: int, dtype: np.dtype[Any], wide: np.dtype[Any]) -> Array:
        """At least 16 standard normals: Box and Muller's transform of blocks of 16 uniforms, radii first.

        Where `size` is no multiple of 16, a block with 16 uniforms of its own overwrites the last 16.
        """
        whole = size - size % 16
        if whole == size:
            u = self._units(size, wide)
        elif dtype == wide:  # uniforms are drawn for the incomplete block too, and not used
            u = self._units(size + 16, wide)
            u = np.concatenate((u[:whole], u[size:]))
        else:
            u = self._units(whole + 16, wide)
        blocks = u.reshape(-1, 2, 8)
        radius = np.log(1 - blocks[:, 0])
        radius *= -2
        np.sqrt(radius, out=radius)
        angle = blocks[:, 1] * wide.type(_TWO_PI)
        np.multiply(radius, np.cos(angle), out=blocks[:, 0])
        np.multiply(radius, np.sin(angle), out=blocks[:, 1])
        return u if whole == size else np.concatenate((u[: size - 16], u[whole:]))

    def _normals(self, count: int, mean: float, std: float) -> Array:
        """Float64 normals made in pairs; the second of an odd last pair is kept for the next call."""
        if count == 0:
            return np.empty(0)
        with self._lock:
            kept = [] if self._normal is None else [self._normal]
            pairs = (count - len(kept) + 1) // 2
            words = self._draw(4 * pairs)
            x = kept + _normal_pairs(words) if pairs <= _FEW else np.append(kept, _many_normal_pairs(words))
            self._normal = float(x[-1]) if len(x) > count else None
        return np.asarray(_fused(np.array(x[:count]), std, mean))

    @of_shape
    def log_normal(self, shape: Sequence[int], mean: float = 1.0, std: float = 2.0, np_dtype: DTypeLike = _F32) -> Array:
        """Exponentials of normal numbers, as `Tensor.log_normal_` gives them."""
        dtype = np.dtype(np_dtype)
        _require_floating(dtype, "log_normal_")
        if not std > 0:
            raise RuntimeError(f"log_normal_: std must be positive, got {std}")
        x = self._normals(math.prod(shape), float(mean), float(std))
        return _narrow(np.exp(x), dtype).reshape(shape)

    @of_shape
    def exponential(self, shape: Sequence[int], lambd: float = 1.0, np_dtype: DTypeLike = _F32) -> Array:
        """Exponentially distributed numbers of rate `lambd`, as `Tensor.exponential_` gives them."""
        dtype = np.dtype(np_dtype)
        _require_floating(dtype, "exponential_")
        if not lambd > 0:
            raise RuntimeError(f"exponential_: lambd must be positive, got {lambd}")
        x = self._units(math.prod(shape), _F64)
        np.log1p(np.negative(x, out=x), out=x)
        x *= -1.0 / lambd
        return _narrow(x, dtype).reshape(shape)

    @of_shape
    def cauchy(self, shape: Sequence[int], median: float = 0.0, sigma: float = 1.0, np_dtype: DTypeLike = _F32) -> Array:
        """Cauchy distributed numbers, as `Tensor.cauchy_` gives them."""
        dtype = np.dtype(np_dtype)
        _require_floating(dtype, "cauchy_")
        if not sigma > 0:
            raise RuntimeError(f"cauchy_: sigma must be positive, got {sigma}")
        x = np.tan(math.pi * (self._units(math.prod(shape), _F64) - 0.5))
        return _narrow(_fused(x, float(sigma), float(median)), dtype).reshape(shape)

    # Whole numbers

    @of_shape
    def integers(self, shape: Sequence[int], low: int, high: int | None, np_dtype: DTypeLike = np.int64) -> Array:
        """Uniform integers in [low, high), as `torch.randint` and `Tensor.random_(low, high)` give them.

        `high=None` goes up to the dtype's largest integer (for floats, of consecutive ones) and includes it.
        """
        dtype, size = np.dtype(np_dtype), math.prod(shape)
        if high is None and low == _INT64_MIN and dtype.name in ("int64", "float64", "float32", "bfloat16"):
            return _narrow(self._draw64(size).view(np.int64), dtype).reshape(shape)
        low, high = _integer_bounds(low, high, dtype)
        span = high - low
        if span >= _WIDE:
            wide = _modulo(self._draw64(size), span)
            wide += np.uint64(low % 2**64)  # wraps, as two's complement does
            return _narrow(wide.view(np.int64), dtype).reshape(shape)
        x = _modulo(self._draw(size), span).astype(np.int64)
        if low:
            x += low
        return _narrow(x, dtype).reshape(shape)

    @of_shape
    def random(self, shape: Sequence[int], np_dtype: DTypeLike = np.int64) -> Array:
        """Integers from 0 to the dtype's largest (of consecutive ones, for floats), as `Tensor.random_()`."""
        dtype, size = np.dtype(np_dtype), math.prod(shape)
        if (floating := _format(dtype)) is not None:
            span = (1 << floating[0]) + 1
        elif dtype.kind == "i" or dtype == np.uint8:
            span = int(np.iinfo(dtype).max) + 1
        elif dtype == np.bool_:
            span = 2
        else:
            raise NotImplementedError(f"random_ is not implemented for {dtype.name} without bounds")
        words = self._draw64(size) if dtype.itemsize == 8 else self._draw(size)
        return _narrow(_modulo(words, span), dtype).reshape(shape)

    @of_arrays
    def permutation(self, n: int) -> Array:
        """The numbers 0 to n - 1 in random order, as `torch.randperm` gives them, in int64."""
        if n < 0:
            raise RuntimeError(f"randperm: n must not be negative, got {n}")
        places = np.arange(n, dtype=np.int64)
        targets = places.copy()  # with which each place is swapped in turn; the last stays
        targets[:-1] += self._draw(max(n - 1, 0)) % np.arange(n, 1, -1, dtype=np.uint32)
        return _swapped(targets.tolist()) if n < 512 else _swapped_at_once(targets, places)

    @of_shape
    def bernoulli(self, shape: Sequence[int], p: float | Array = 0.5, np_dtype: DTypeLike = _F32) -> Array:
        """Ones with probability `p` and zeros, as `Tensor.bernoulli_` gives them.

        `F.dropout` takes its mask with the probability to keep. An array `p` broadcasts to `shape`. A number
        or a float64 array spends twice as much of the stream as a narrower array.
        """
        dtype, size = np.dtype(np_dtype), math.prod(shape)
        if dtype.kind not in "biu" and _format(dtype) is None:
            raise NotImplementedError(f"bernoulli_ is not implemented for {dtype.name}")
        if isinstance(p, np.ndarray):
            _require_floating(p.dtype, "bernoulli_: p")
            if not np.all((p >= 0) & (p <= 1)):
                raise RuntimeError("bernoulli_: each p must be in [0, 1]")
            wide = _wide(p.dtype)
            below = np.empty(shape, np.bool_)
            np.less(self._units(size, wide).reshape(shape), p.astype(wide, copy=False), out=below)
            return below.astype(dtype, copy=False)
        if not 0 <= p <= 1:
            raise RuntimeError(f"bernoulli_: p must be in [0, 1], got {p}")
        # 53 random bits are compared with p as whole numbers; the lower 32 count where the upper 21 tie.
        upper, lower = divmod(math.ceil(p * 2**53), 2**32)
        words = self._draw(2 * size)
        high = words[0::2] & _LOW21
        below = high < upper
        for i in np.flatnonzero(high == upper):
            below[i] = words[2 * i + 1] < lower
        return self.recorded(below.astype(dtype, copy=False).reshape(shape), lambda u: u < p)

    @of_shape
    def geometric(self, shape: Sequence[int], p: float, np_dtype: DTypeLike = _F32) -> Array:
        """Numbers of trials up to the first success of probability `p`, as `Tensor.geometric_` gives them."""
        dtype = np.dtype(np_dtype)
        if dtype.kind not in "iu":
            _require_floating(dtype, "geometric_")
        if not 0 < p < 1:
            raise RuntimeError(f"geometric_: p must be in (0, 1), got {p}")
        with np.errstate(divide="ignore"):
            x = np.log(self._units(math.prod(shape), _F64))
        x /= math.log1p(-p)
        return _narrow(np.ceil(x, out=x), dtype).reshape(shape)

    @of_arrays
    def multinomial(self, probs: Array, n: int, replacement: bool = False) -> Array:
        """Indices drawn by the weights `probs`, (categories,) or (rows, categories), as `torch.multinomial`.

        The shape is that of `probs` with `n` for the categories. Without replacement, ties (weights of 0,
        16-bit dtypes) may come in another order than PyTorch's.
        """
        weights = _weights(probs, n, replacement)
        shape = (*probs.shape[:-1], n)
        if replacement and n > 1:
            steps = np.cumsum(weights, axis=1, dtype=weights.dtype)
            steps = (steps / steps[:, -1:]).astype(_F64)
            steps[:, -1] = 1
            units = self._units(len(steps) * n, _F64).reshape(-1, n)
            picks = [np.searchsorted(row, u) for row, u in zip(steps, units, strict=True)]
            return np.array(picks, np.int64).reshape(shape)
        # Waiting times of rate `weights`: the first to come are the sample.
        waits = self.exponential(weights.shape, 1.0, probs.dtype).astype(weights.dtype, copy=False)
        race = _narrow(weights / waits, probs.dtype).astype(weights.dtype, copy=False)
        if n == 1:
            return np.argmax(race, axis=1).astype(np.int64, copy=False).reshape(shape)
        return np.argsort(-race, axis=1, kind="stable")[:, :n].astype(np.int64).reshape(shape)

    # Numbers that take an unknown count of words: one after the other, in Python

    def _unit(self) -> float:
        """One float64 in [0, 1)."""
        high, low = self._draw(2).tolist()
        return float(((high & 0x1FFFFF) << 32 | low) * 2.0**-53)

    def _each(self, name: str, sample: Callable[..., float], *parameters: Array) -> Array:
        """`sample` of each element of arrays of one shape, in the first one's dtype."""
        first = parameters[0]
        if first.dtype not in (_F32, _F64):
            raise NotImplementedError(f"{name} is not implemented for {first.dtype.name}; use float32 or float64")
        with self._lock:
            values = [sample(*row) for row in zip(*(p.reshape(-1) for p in parameters), strict=True)]
        return np.array(values, first.dtype).reshape(first.shape)

    @of_arrays
    def poisson(self, rates: Array) -> Array:
        """Poisson distributed counts, as `torch.poisson` gives them."""
        return self._each("poisson", lambda rate: sampling.poisson(rate, self._unit), rates)

    @of_arrays
    def standard_gamma(self, alpha: Array) -> Array:
        """Gamma distributed numbers of shape `alpha` and scale 1, as `torch.distributions.Gamma` uses."""

        def normal() -> float:
            return float(self._normals(1, 0.0, 1.0)[0])

        return self._each("standard_gamma", lambda a: sampling.gamma(a, self._unit, normal), alpha)

    @of_arrays
    def binomial(self, count: Array, prob: Array) -> Array:
        """Successes of probability `prob` in `count` trials, arrays of one shape, as `torch.binomial`."""
        return self._each("binomial", lambda n, p: sampling.binomial(n, p, self._unit), count, prob)


def _box_muller(u: Any, v: Any) -> Any:
    """Normal numbers from two uniform ones each (Box and Muller 1958)."""
    return np.sqrt(-2 * np.log(1 - u)) * np.cos(_TWO_PI * v)


def _wide(np_dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype in which numbers of a floating dtype are computed."""
    return _F64 if np_dtype == _F64 else _F32


def _narrow(x: Array, np_dtype: np.dtype[Any]) -> Array:
    """`x` in another dtype; 16-bit floats go through float32 as PyTorch's do."""
    if x.dtype == np_dtype:
        return x
    if np_dtype.itemsize == 2 and np_dtype.kind not in "iu":
        x = x.astype(_F32)
    return x.astype(np_dtype)


def _format(np_dtype: np.dtype[Any]) -> tuple[int, float] | None:
    """Digits of the significand and largest number of a floating dtype; None for others."""
    found = _FORMATS.get(np_dtype)
    if found is None and np_dtype.itemsize == 2 and np_dtype.name == "bfloat16":  # `name` is slow
        return _BFLOAT16
    return found


def _require_floating(np_dtype: np.dtype[Any], name: str) -> float:
    """The largest number of a floating dtype."""
    found = _format(np_dtype)
    if found is None:
        raise NotImplementedError(f"{name} is not implemented for {np_dtype.name}; use a floating dtype")
    return found[1]


def _integer_bounds(low: int, high: int | None, np_dtype: np.dtype[Any]) -> tuple[int, int]:
    """The bounds to draw integers from: `high=None` replaced, and checked against what the dtype holds."""
    floating = _format(np_dtype)
    if floating is not None:
        digits, largest = floating[0], min(int(floating[1]), 2**63 - 1)
        smallest, stop = -largest - (largest == 2**63 - 1), (1 << digits) + 1
    elif np_dtype.kind in "biu":
        smallest = 0 if np_dtype.kind == "b" else int(np.iinfo(np_dtype).min)
        largest = 1 if np_dtype.kind == "b" else min(int(np.iinfo(np_dtype).max), 2**63 - 1)
        stop = largest + 1
    else:
        raise RuntimeError(f"random_: an integer, floating-point or bool dtype is needed, got {np_dtype.name}")
    stop = stop if high is None else high
    if not low < stop:
        raise RuntimeError(f"random_: low must be less than high, got {low} and {stop}")
    if low < smallest or stop - 1 > largest:
        raise RuntimeError(f"random_: [{low}, {stop}) is out of the range of {np_dtype.name}")
    if floating is None:
        return low, stop
    start, end = _representable(low, stop, digits, np_dtype)
    if not start < end:
        raise RuntimeError(f"random_: no integer in [{low}, {stop}) is a {np_dtype.name}")
    return start, stop if high is None else end


def _representable(low: int, high: int, digits: int, np_dtype: np.dtype[Any]) -> tuple[int, int]:
    """Bounds moved inwards so that no integer in [low, high) rounds out of it in this floating dtype."""
    up, down = low + 1, high - 1
    above, below = (int(_narrow(np.array(v, np.int64), np_dtype)) if abs(v) >> digits else v for v in (up, down))
    if above < low:
        low = above + (1 << (abs(up).bit_length() - digits))
    if below >= high:
        high = below - (1 << (abs(down).bit_length() - digits))
    return low, high


def _weights(probs: Array, n: int, replacement: bool) -> Array:
    """The checked weights of a multinomial, (rows, categories), in float32 or float64."""
    if probs.ndim not in (1, 2):
        raise RuntimeError(f"multinomial: the weights must have 1 or 2 dimensions, got {probs.ndim}")
    if _format(probs.dtype) is None:
        raise RuntimeError(f"multinomial: the weights must be floating-point, got {probs.dtype.name}")
    categories = probs.shape[-1]
    if n <= 0:
        raise RuntimeError(f"multinomial: num_samples must be positive, got {n}")
    if n > categories and not replacement:
        raise RuntimeError(f"multinomial: {n} samples of {categories} categories need replacement=True")
    weights = probs.reshape(math.prod(probs.shape[:-1]), categories).astype(_wide(probs.dtype), copy=False)
    if not np.all((weights >= 0) & (weights < np.inf)):
        raise RuntimeError("multinomial: the weights must be finite and not negative")
    if not np.all(weights.sum(axis=1) > 0):
        raise RuntimeError("multinomial: the weights must not sum to zero")
    return weights


def _units53(words: Array) -> Array:
    """Float64 in [0, 1) from 53 bits of each pair of words."""
    x = np.multiply(words[0::2] & _LOW21, 4294967296.0, dtype=_F64)
    x += words[1::2]
    x *= 2.0**-53
    return x


def _normal_pairs(words: Array) -> list[float]:
    """Two standard normals of each four words."""
    x: list[float] = []
    word = iter(words.tolist())
    for high, low, high2, low2 in zip(word, word, word, word, strict=True):
        angle = _TWO_PI * (((high & 0x1FFFFF) << 32 | low) * 2.0**-53)
        radius = math.sqrt(-2.0 * math.log1p(-(((high2 & 0x1FFFFF) << 32 | low2) * 2.0**-53)))
        x += (radius * math.cos(angle), radius * math.sin(angle))
    return x


def _many_normal_pairs(words: Array) -> Array:
    """`_normal_pairs` by NumPy."""
    u = _units53(words)
    angle = _TWO_PI * u[0::2]
    radius = np.sqrt(-2.0 * np.log1p(-u[1::2]))
    return np.stack((radius * np.cos(angle), radius * np.sin(angle)), axis=1).reshape(-1)


def _fused(x: Array, scale: float, shift: float) -> Any:
    """`x * scale + shift` rounded once, as PyTorch's kernels do (fused multiply-add); float32 or float64."""
    if shift == 0:
        return x if scale == 1 else x * scale
    if x.dtype == _F32:  # the product of two float32 is exact in float64
        return (x.astype(_F64) * scale + shift).astype(_F32)
    product = x * scale
    if abs(math.frexp(scale)[0]) == 0.5 or abs(scale) > 1e290:  # a power of two, or too large to split
        return product + shift
    # Dekker's product and Knuth's sum: what rounding took from each is added back at the end.
    split = 134217729.0
    x_high = split * x - (split * x - x)
    scale_high = split * scale - (split * scale - scale)
    x_low, scale_low = x - x_high, scale - scale_high
    lost = ((x_high * scale_high - product) + x_high * scale_low + x_low * scale_high) + x_low * scale_low
    total = product + shift
    part = total - product
    return total + (((product - (total - part)) + (shift - part)) + lost)


def _modulo(x: Array, span: int) -> Array:
    """`x % span` for unsigned words."""
    divisor = x.dtype.type(span)
    if span & (span - 1) == 0:
        return x & (divisor - x.dtype.type(1))
    if x.size < 512:
        return x % divisor
    quotient = x // divisor  # NumPy vectorises the division by one number, not the remainder
    quotient *= divisor
    return np.subtract(x, quotient, out=quotient)


def _swapped(targets: list[int]) -> Array:
    """The numbers of the places after each place i in turn was swapped with place targets[i]."""
    order = list(range(len(targets)))
    for i, j in enumerate(targets):
        order[i], order[j] = order[j], order[i]
    return np.array(order, np.int64)


def _swapped_at_once(targets: Array, places: Array) -> Array:
    """`_swapped` without a loop; no target lies before its own place, and the last is its own.

    Step i takes what lies at its target and leaves there what lies at place i. So it takes what the previous
    step with that target left, or the target's own number; and what lies at place i by then was left by the
    last step before it with target i, which found it in the same way: doubling finds the roots of the chains.
    """
    latest = np.full(places.size, -1, np.int64)  # step with each target
    latest[targets] = places  # of several values for one index the last stays
    previous = np.full(places.size, -1, np.int64)  # step with the same target
    step, target, newest = places, targets, latest.copy()
    while (older := newest[target] != step).any():
        step, target = step[older], target[older]
        newer = newest[target]
        newest[target] = step
        previous[newer] = newest[target]
    source = np.where(latest == places, previous, latest)  # a step at its own place comes too late for it
    lying = np.where(source < 0, places, source)
    while not np.array_equal(further := lying[lying], lying):
        lying = further
    return np.where(previous < 0, targets, lying[previous])


default_generator = Generator()
"""The generator used where none is given; it starts from a seed of the operating system's."""
default_generator.seed()
