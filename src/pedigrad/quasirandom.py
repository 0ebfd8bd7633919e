"""torch.quasirandom: Sobol sequences, points that fill a cube more evenly than random ones do."""

from __future__ import annotations

from typing import Any

import numpy as np

from .core import dtypes
from .core.origin import located
from .core.tensor import Tensor, wrap
from .ops.creation import numpy_dtype
from .ops.destination import deliver
from .random import randint
from .rng.generator import Generator

__all__ = ["SobolEngine"]

Array = np.ndarray[Any, Any]


class SobolEngine:
    """Points of a Sobol sequence in the cube [0, 1)^dimension; with `scramble` shifted and mixed at random (Owen 1998).

    >>> SobolEngine(2).draw(4)
    tensor([[0.0000, 0.0000],
            [0.5000, 0.5000],
            [0.7500, 0.2500],
            [0.2500, 0.7500]])
    """

    MAXBIT = 30
    MAXDIM = 21201
    quasi: Tensor  # the last point, as whole numbers
    num_generated: int

    def __init__(self, dimension: int, scramble: bool = False, seed: int | None = None) -> None:
        if not 1 <= dimension <= self.MAXDIM:
            raise ValueError(located(f"Supported range of dimensionality for SobolEngine is [1, {self.MAXDIM}], got {dimension}"))
        self.dimension, self.scramble, self.seed = dimension, scramble, seed
        directions, shift = direction_numbers(dimension, self.MAXBIT), np.zeros(dimension, np.int64)
        if scramble:
            generator = Generator()
            if seed is None:
                generator.seed()
            else:
                generator.manual_seed(seed)
            shift = self._number(randint(2, (dimension, self.MAXBIT), generator=generator).numpy())
            mixing = np.tril(randint(2, (dimension, self.MAXBIT, self.MAXBIT), generator=generator).numpy())
            directions = self._mixed(directions, mixing)
        self.sobolstate, self.shift = wrap(directions), wrap(shift)
        self.reset()

    def _number(self, bits: Array) -> Array:
        """The numbers of bits along the last dimension, the lowest first."""
        return bits @ (1 << np.arange(self.MAXBIT))

    def _mixed(self, directions: Array, mixing: Array) -> Array:
        """Each direction number with its bits, from the highest on, multiplied by a triangular matrix with ones in its diagonal."""
        places = np.arange(self.MAXBIT)
        mixing[:, places, places] = 1
        bits = directions[..., None] >> places[::-1] & 1
        return self._number((bits @ mixing.transpose(0, 2, 1) % 2)[..., ::-1])

    def draw(self, n: int = 1, out: Tensor | None = None, dtype: Any = None) -> Tensor:
        """The next `n` points, of shape (n, dimension)."""
        if n < 1:
            raise ValueError(located(f"draw(): n must be at least 1, got {n}"))
        start = self.num_generated
        changes = self._changes(max(start - 1, 0), start + n - 1)
        rows = np.bitwise_xor.accumulate(np.concatenate([self.quasi._array[None], changes]), axis=0)
        self.quasi, self.num_generated = wrap(rows[-1].copy()), start + n
        kind = numpy_dtype(dtype or dtypes.get_default_dtype())
        return deliver(wrap((rows if start == 0 else rows[1:]).astype(kind) * kind.type(1 / (1 << self.MAXBIT))), out)

    def _changes(self, start: int, end: int) -> Array:
        """By what the points after those of the numbers [start, end) differ: the direction of the lowest bit that is not set."""
        numbers = np.arange(start, end)
        lowest = np.log2(~numbers & (numbers + 1)).astype(np.int64)
        return self.sobolstate._array.T[lowest]

    def draw_base2(self, m: int, out: Tensor | None = None, dtype: Any = None) -> Tensor:
        """The next 2^m points; ValueError if there are then not a power of two, for which the sequence is balanced."""
        total = self.num_generated + 2**m
        if total & (total - 1):
            raise ValueError(
                located(
                    "The balance properties of Sobol' points require n to be a power of 2. "
                    f"{self.num_generated} points have been previously generated, then: n={self.num_generated}+2**{m}={total}. "
                    "If you still want to do this, please use 'SobolEngine.draw()' instead"
                )
            )
        return self.draw(2**m, out=out, dtype=dtype)

    def reset(self) -> SobolEngine:
        """The engine, at its first point again."""
        self.quasi, self.num_generated = wrap(self.shift._array.copy()), 0
        return self

    def fast_forward(self, n: int) -> SobolEngine:
        """The engine, `n` points later."""
        start = self.num_generated
        changes = self._changes(max(start - 1, 0), start + n - 1)
        self.quasi = wrap(np.bitwise_xor.reduce(changes, axis=0) ^ self.quasi._array)
        self.num_generated = start + n
        return self

    def __repr__(self) -> str:
        text = f"dimension={self.dimension}"
        if self.scramble:
            text += ", scramble=True"
        if self.seed is not None:
            text += f", seed={self.seed}"
        return f"SobolEngine({text})"


def direction_numbers(dimension: int, bits: int) -> Array:
    """The direction numbers of Joe and Kuo (2008), of shape (dimension, bits)."""
    from scipy.stats import qmc  # it ships their table

    return np.asarray(qmc.Sobol(dimension, scramble=False, bits=bits)._sv, np.int64)
