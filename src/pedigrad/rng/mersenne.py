"""The Mersenne Twister as PyTorch's CPU generator runs it: the same words from a seed, the same state."""

from __future__ import annotations

import operator
import os
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..core import locks

__all__ = ["DEFAULT_SEED", "MersenneTwister"]

Array = NDArray[Any]

DEFAULT_SEED = 67280421310721
"""The seed of a new generator, the same as PyTorch's."""

WORDS = 624  # of the state; the Mersenne Twister makes this many numbers, a block, at a time
NO_BLOCK = np.empty(0, np.uint32)  # stands for the block of a generator that has not drawn since its seeding

STATE = np.dtype(
    [
        ("seed", np.uint64),
        ("left", np.int32),
        ("seeded", np.int32),
        ("next", np.uint64),
        ("words", np.uint64, WORDS),
        ("unused_x", np.float64),
        ("normal", np.float64),
        ("unused_rho", np.float64),
        ("has_normal", np.int32),
        ("unused", np.int32, 3),
    ]
)
"""The layout of PyTorch's generator state, so that states can be exchanged and kept in checkpoints."""


def tempered(words: Array) -> Array:
    """The block of numbers that the words of a state stand for."""
    y = words ^ (words >> 11)
    y ^= (y << 7) & 0x9D2C5680
    y ^= (y << 15) & 0xEFC60000
    return y ^ (y >> 18)


class MersenneTwister:
    """A stream of random 32-bit words with its own seed; several threads may draw from it.

    Pickling and copying keep its place. `_normal`, left over from a pair of normals, is state in PyTorch too.
    """

    def __init__(self, device: Any = "cpu") -> None:
        if str(device).partition(":")[0] != "cpu":
            raise RuntimeError(f"Generator: device {device} is not available; use 'cpu'")
        self.device = device
        self._lock = locks.renewed()
        self._engine: np.random.RandomState | None = None  # made when needed: importing numpy.random takes 10 ms
        self.manual_seed(DEFAULT_SEED)

    def manual_seed(self, seed: int) -> Self:
        """This generator, started anew from `seed` in [-2**63, 2**64); its low 32 bits count."""
        try:
            seed = operator.index(seed)
        except TypeError:
            raise RuntimeError(f"manual_seed: seed must be an int, got {type(seed).__name__}") from None
        if not -(2**63) <= seed < 2**64:
            raise ValueError(f"manual_seed: seed {seed} is not in [-2**63, 2**64)")
        with self._lock:
            self._seed = seed % 2**64
            self._started = False
            self._block, self._next = NO_BLOCK, WORDS
            self._normal: float | None = None
        return self

    def seed(self) -> int:
        """A seed from the operating system, from which this generator is started anew."""
        seed = int.from_bytes(os.urandom(8), "little")
        self.manual_seed(seed)
        return seed

    def initial_seed(self) -> int:
        """The seed this generator was last started from, as a number in [0, 2**64)."""
        return self._seed

    def state_array(self) -> Any:
        """The state in PyTorch's layout: an array of 5056 bytes."""
        state = np.zeros(1, STATE)
        with self._lock:
            state["seed"], state["seeded"] = self._seed, 1
            state["words"] = self._twister().get_state(legacy=False)["state"]["key"]
            fresh = self._block is NO_BLOCK
            state["next"], state["left"] = (0, 1) if fresh else (self._next, WORDS + 1 - self._next)
            if self._normal is not None:
                state["normal"], state["has_normal"] = self._normal, 1
        return state.view(np.uint8)

    def set_state(self, new_state: Any) -> None:
        """Continues from a state that `state_array` gave, here or in PyTorch."""
        data = np.array(new_state)
        if data.dtype != np.uint8:
            raise TypeError(f"set_state: the state must be a uint8 array, got {data.dtype.name}")
        if data.size != STATE.itemsize:
            raise RuntimeError(f"set_state: the state must have {STATE.itemsize} bytes, got {data.size}")
        fields = data.reshape(-1).view(STATE)[0]
        left, position = int(fields["left"]), int(fields["next"])
        if not (fields["seeded"] and 0 < left <= WORDS and position <= WORDS):
            raise RuntimeError("set_state: this is not a state of the Mersenne Twister")
        words = fields["words"].astype(np.uint32)
        with self._lock:
            self._twister().set_state({"bit_generator": "MT19937", "state": {"key": words, "pos": WORDS}})
            self._seed = int(fields["seed"])
            self._normal = float(fields["normal"]) if fields["has_normal"] else None
            self._next = WORDS + 1 - left
            self._block = NO_BLOCK if left == 1 and position == 0 else tempered(words)

    def clone_state(self) -> Self:
        """A new generator at the same place."""
        clone = type(self)(self.device)
        MersenneTwister.set_state(clone, MersenneTwister.state_array(self))
        return clone

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.device,), MersenneTwister.state_array(self)

    def __setstate__(self, state: Array) -> None:
        MersenneTwister.set_state(self, state)

    def _twister(self) -> np.random.RandomState:
        """NumPy's engine, seeded; its key always belongs to the block that is being spent."""
        if self._engine is None:
            with locks.undivided:  # NumPy imports its module now
                self._engine = np.random.RandomState(np.random.MT19937(0))
        if not self._started:
            self._engine.seed(self._seed & 0xFFFFFFFF)
            self._started = True
        return self._engine

    def _draw(self, count: int) -> Array:
        """The next `count` words, not to be written to: they may be part of the block."""
        with self._lock:
            start = self._next
            stop = start + count
            if stop <= WORDS:
                self._next = stop
                return self._block[start:stop]
            # Whole blocks are drawn: so the engine's key and our place in the last one make up the state.
            missing = stop - WORDS
            blocks = -(-missing // WORDS)
            words = self._twister().randint(0, 2**32, blocks * WORDS, dtype=np.uint32)
            rest = self._block[start:]
            self._block = words if blocks == 1 else words[-WORDS:].copy()
            self._next = missing - (blocks - 1) * WORDS
            return np.concatenate((rest, words[:missing])) if rest.size else words[:missing]

    def _draw64(self, count: int) -> Array:
        """The next `count` 64-bit numbers; the first word of each is its upper half."""
        words = self._draw(2 * count)
        x = words[0::2].astype(np.uint64)
        x <<= np.uint64(32)
        x |= words[1::2]
        return x
