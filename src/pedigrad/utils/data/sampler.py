"""Samplers: in which order a loader takes the samples of a dataset. The same seed gives PyTorch's order."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any, Generic, TypeVar

import numpy as np

from ...core.dtypes import float64
from ...core.tensor import Tensor
from ...ops.creation import as_tensor
from ...random import multinomial, randperm
from ...rng.generator import Generator, default_generator

__all__ = ["BatchSampler", "RandomSampler", "Sampler", "SequentialSampler", "SubsetRandomSampler", "WeightedRandomSampler"]

T_co = TypeVar("T_co", covariant=True)
ON_DEMAND = 32  # indices with replacement are drawn so many at a time


def drawn_seed(generator: Generator | None = None) -> int:
    """A seed from a generator, the default one unless it is given: the number that an int64 tensor's `random_()` would hold."""
    source = default_generator if generator is None else generator
    return int(source.integers((), 0, None))


def _whole(value: Any) -> bool:
    """Whether a value is a positive whole number."""
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


class Sampler(Generic[T_co]):
    """Keys of samples in some order, or lists of keys: a subclass has `__iter__` and, if it can say, `__len__`."""

    def __iter__(self) -> Iterator[T_co]:
        raise NotImplementedError(f"{type(self).__name__} is a Sampler without __iter__(): define it, it yields keys")


class SequentialSampler(Sampler[int]):
    """The indices of a dataset in order."""

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler[int]):
    """The indices of a dataset in random order, or drawn with `replacement`; `num_samples` of them, the dataset's length unless given.

    Without a `generator` each pass draws a seed for one of its own from the default generator. TypeError for a `replacement`
    that is no bool, ValueError for a `num_samples` that is no positive whole number.
    """

    def __init__(
        self, data_source: Sized, replacement: bool = False, num_samples: int | None = None, generator: Generator | None = None
    ) -> None:
        self.data_source = data_source
        self.replacement = replacement
        self._num_samples = num_samples
        self.generator = generator
        if not isinstance(replacement, bool):
            raise TypeError(f"replacement should be a boolean value, but got replacement={replacement!r}")
        if not isinstance(self.num_samples, int) or self.num_samples <= 0:
            raise ValueError(f"num_samples should be a positive integer value, but got num_samples={self.num_samples!r}")

    @property
    def num_samples(self) -> int:
        """How many indices there will be."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def pieces(self) -> Iterator[Any]:
        """The indices as int64 arrays, each drawn when it is asked for; the last may be empty."""
        count = len(self.data_source)
        generator = self.generator
        if generator is None:
            generator = Generator().manual_seed(drawn_seed())
        if self.replacement:
            for _ in range(self.num_samples // ON_DEMAND):
                yield generator.integers((ON_DEMAND,), 0, count)
            yield generator.integers((self.num_samples % ON_DEMAND,), 0, count)
        else:
            for _ in range(self.num_samples // count):
                yield generator.permutation(count)
            yield generator.permutation(count)[: self.num_samples % count]  # drawn in any case, as PyTorch does

    def __iter__(self) -> Iterator[int]:
        for piece in self.pieces():
            yield from piece.tolist()

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """Given indices in random order."""

    def __init__(self, indices: Sequence[int], generator: Generator | None = None) -> None:
        self.indices = indices
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        for i in randperm(len(self.indices), generator=self.generator).tolist():
            yield self.indices[i]

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """`num_samples` indices, each drawn with a probability in proportion to its weight.

    ValueError for weights that are no list of numbers, a `num_samples` that is no positive whole number, a `replacement` that is
    no bool.
    """

    weights: Tensor

    def __init__(self, weights: Sequence[float], num_samples: int, replacement: bool = True, generator: Generator | None = None) -> None:
        if not _whole(num_samples):
            raise ValueError(f"num_samples should be a positive integer value, but got num_samples={num_samples!r}")
        if not isinstance(replacement, bool):
            raise ValueError(f"replacement should be a boolean value, but got replacement={replacement!r}")
        self.weights = as_tensor(weights, dtype=float64)
        if self.weights.ndim != 1:
            raise ValueError(f"weights should be a 1d sequence but given weights have shape {tuple(self.weights.shape)}")
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        yield from multinomial(self.weights, self.num_samples, self.replacement, generator=self.generator).tolist()

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """Lists of `batch_size` keys of another sampler; a last one that is shorter is left out with `drop_last`.

    ValueError for a `batch_size` that is no positive whole number or a `drop_last` that is no bool.
    """

    def __init__(self, sampler: Sampler[int] | Iterable[int], batch_size: int, drop_last: bool) -> None:
        if not _whole(batch_size):
            raise ValueError(f"batch_size should be a positive integer value, but got batch_size={batch_size!r}")
        if not isinstance(drop_last, bool):
            raise ValueError(f"drop_last should be a boolean value, but got drop_last={drop_last!r}")
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self) -> Iterator[list[int]]:
        keys = iter(self.sampler)
        while batch := list(itertools.islice(keys, self.batch_size)):
            if self.drop_last and len(batch) < self.batch_size:
                return
            yield batch

    def __len__(self) -> int:
        count = len(self.sampler)  # type: ignore[arg-type]
        return count // self.batch_size if self.drop_last else -(-count // self.batch_size)


def knows_arrays(sampler: Any) -> bool:
    """Whether `index_arrays` can give the batches of a sampler: it is one of ours, over one of ours."""
    return type(sampler) is BatchSampler and type(sampler.sampler) in (SequentialSampler, RandomSampler)


def index_arrays(sampler: BatchSampler) -> Iterator[Any]:
    """The batches of a `BatchSampler` as slices, where they are in order, or as int64 arrays; drawn when `list(sampler)` would draw."""
    size, source = sampler.batch_size, sampler.sampler
    if isinstance(source, SequentialSampler):
        count = len(source)
        for start in range(0, count - size + 1 if sampler.drop_last else count, size):
            yield slice(start, min(start + size, count))
        return
    rest = np.empty(0, np.int64)
    for piece in source.pieces():  # type: ignore[attr-defined]
        rest = np.concatenate((rest, piece)) if len(rest) else piece
        whole = len(rest) - len(rest) % size
        for start in range(0, whole, size):
            yield rest[start : start + size]
        rest = rest[whole:]
    if len(rest) and not sampler.drop_last:
        yield rest
