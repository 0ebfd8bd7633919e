"""Datasets: what a sample is, by index or one after the other, and datasets made of others."""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

from ...core.origin import warn
from ...core.tensor import Tensor
from ...random import randperm
from ...rng.generator import Generator, default_generator

__all__ = ["ChainDataset", "ConcatDataset", "Dataset", "IterableDataset", "StackDataset", "Subset", "TensorDataset", "random_split"]

T_co = TypeVar("T_co", covariant=True)


class Dataset(Generic[T_co]):
    """Samples by key: a subclass has `__getitem__`, mostly `__len__`, and may have `__getitems__` for a list of keys at once."""

    def __getitem__(self, index: Any) -> T_co:
        raise NotImplementedError(f"{type(self).__name__} is a Dataset without __getitem__(index): define it, it returns a sample")

    def __add__(self, other: Any) -> ConcatDataset:
        return ConcatDataset([self, other])


class IterableDataset(Dataset[T_co], Iterable[T_co]):
    """Samples one after the other: a subclass has `__iter__`. Each worker has a copy of it: `get_worker_info()` says which."""

    def __iter__(self) -> Iterator[T_co]:
        raise NotImplementedError(f"{type(self).__name__} is an IterableDataset without __iter__(): define it, it yields samples")

    def __add__(self, other: Any) -> ChainDataset:  # type: ignore[override]
        return ChainDataset([self, other])


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """Tuples of the elements that tensors of one length have at an index. AssertionError if their lengths differ."""

    tensors: tuple[Tensor, ...]

    def __init__(self, *tensors: Tensor) -> None:
        lengths = [tensor.size(0) for tensor in tensors]
        if any(length != lengths[0] for length in lengths):
            raise AssertionError(f"Size mismatch between tensors: their first dimensions are {lengths}")
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(tensor[index] for tensor in self.tensors)  # type: ignore[index]

    def __len__(self) -> int:
        return self.tensors[0].size(0)


def _items(dataset: Any, indices: Sequence[Any]) -> Sequence[Any]:
    """The samples of a dataset at several indices, by its `__getitems__` if it has one."""
    if not callable(getattr(dataset, "__getitems__", None)):
        return [dataset[i] for i in indices]
    return dataset.__getitems__(indices)


class StackDataset(Dataset[Any]):
    """Samples of several datasets side by side: tuples, or dicts if they are given by name.

    ValueError if there are none, if they are given both ways, or if their lengths differ.
    """

    datasets: tuple[Any, ...] | dict[str, Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if args and kwargs:
            raise ValueError("StackDataset takes datasets either by position, for tuples, or by name, for dicts, but was given both")
        self.datasets = kwargs or args
        lengths = [len(dataset) for dataset in self._all()]
        if not lengths:
            raise ValueError("At least one dataset should be passed")
        if any(length != lengths[0] for length in lengths):
            raise ValueError(f"Size mismatch between datasets: their lengths are {lengths}")
        self._length = lengths[0]

    def _all(self) -> Iterable[Any]:
        return self.datasets.values() if isinstance(self.datasets, dict) else self.datasets

    def _sample(self, parts: Iterable[Any]) -> Any:
        return dict(zip(self.datasets, parts, strict=True)) if isinstance(self.datasets, dict) else tuple(parts)

    def __getitem__(self, index: Any) -> Any:
        return self._sample(dataset[index] for dataset in self._all())

    def __getitems__(self, indices: list[Any]) -> list[Any]:
        columns = []
        for dataset in self._all():
            columns.append(_items(dataset, indices))
            if len(columns[-1]) != len(indices):
                message = f"Expected {len(indices)}, got {len(columns[-1])} from {type(dataset).__name__}.__getitems__"
                raise ValueError(f"Nested dataset's output size mismatch. {message}")
        return [self._sample(parts) for parts in zip(*columns, strict=True)]

    def __len__(self) -> int:
        return self._length


class ConcatDataset(Dataset[T_co]):
    """The samples of several datasets with a length, one dataset after the other.

    AssertionError if there are none or one is an IterableDataset; ValueError for an index before the first sample.
    """

    datasets: list[Any]
    cumulative_sizes: list[int]

    @staticmethod
    def cumsum(sequence: Iterable[Any]) -> list[int]:
        """How many samples there are up to the end of each dataset."""
        return list(itertools.accumulate(len(each) for each in sequence))

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise AssertionError("datasets should not be an empty iterable")
        if any(isinstance(each, IterableDataset) for each in self.datasets):
            raise AssertionError("ConcatDataset does not support IterableDataset: ChainDataset does")
        self.cumulative_sizes = self.cumsum(self.datasets)

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, idx: int) -> Any:
        if idx < 0:
            if -idx > len(self):
                raise ValueError(f"absolute value of index should not exceed dataset length: {idx} of {len(self)}")
            idx += len(self)
        which = bisect.bisect_right(self.cumulative_sizes, idx)
        return self.datasets[which][idx - self.cumulative_sizes[which - 1] if which else idx]

    @property
    def cummulative_sizes(self) -> list[int]:
        """The same as `cumulative_sizes`; deprecated."""
        warn("cummulative_sizes is deprecated: the name is cumulative_sizes", DeprecationWarning)
        return self.cumulative_sizes


class ChainDataset(IterableDataset[Any]):
    """The samples of several IterableDatasets, one after the other. AssertionError for a dataset of another kind."""

    def __init__(self, datasets: Iterable[Any]) -> None:
        super().__init__()
        self.datasets = datasets

    def _checked(self, dataset: Any) -> Any:
        if not isinstance(dataset, IterableDataset):
            raise AssertionError(f"ChainDataset only supports IterableDataset, not {type(dataset).__name__}")
        return dataset

    def __iter__(self) -> Iterator[Any]:
        for dataset in self.datasets:
            yield from self._checked(dataset)

    def __len__(self) -> int:
        return sum(len(self._checked(dataset)) for dataset in self.datasets)


class Subset(Dataset[T_co]):
    """The samples of a dataset at given indices. A subclass with another `__getitem__` needs its own `__getitems__` too."""

    dataset: Any
    indices: Sequence[int]

    def __init__(self, dataset: Any, indices: Sequence[int]) -> None:
        self.dataset = dataset
        self.indices = indices
        kind = type(self)
        if kind.__getitem__ is not Subset.__getitem__ and kind.__getitems__ is Subset.__getitems__:
            raise NotImplementedError(
                f"{kind.__name__} overrides __getitem__ but not __getitems__, which DataLoader calls: "
                "add `def __getitems__(self, indices): return [self[i] for i in indices]`"
            )

    def __getitem__(self, idx: Any) -> Any:
        if isinstance(idx, list):
            return self.dataset[[self.indices[i] for i in idx]]
        return self.dataset[self.indices[idx]]

    def __getitems__(self, indices: list[int]) -> Any:
        return _items(self.dataset, [self.indices[i] for i in indices])

    def __len__(self) -> int:
        return len(self.indices)


def _shares(total: int, fractions: Sequence[float]) -> list[int]:
    """Whole numbers that add up to `total` in these proportions; what rounding leaves goes to the first of them, one each."""
    for i, fraction in enumerate(fractions):
        if not 0 <= fraction <= 1:
            raise ValueError(f"Fraction at index {i} is not between 0 and 1: {fraction}")
    lengths = [math.floor(total * fraction) for fraction in fractions]
    for i in range(total - sum(lengths)):
        lengths[i % len(lengths)] += 1
    for i, length in enumerate(lengths):
        if length == 0:
            warn(f"Length of split at index {i} is 0. This might result in an empty dataset.")
    return lengths


def random_split(dataset: Any, lengths: Sequence[int | float], generator: Generator | None = default_generator) -> list[Subset[Any]]:
    """Subsets of random samples that share none, of these lengths, or in these fractions if they add up to 1.

    ValueError if the lengths do not add up to the dataset's.

    Args:
        dataset: what has a length and items.
        lengths: how many each part has, or fractions that sum to one.
        generator: where the random numbers come from; the default generator if it is None.

    Raises:
        ValueError: the lengths do not add up.

    >>> [len(part) for part in torch.utils.data.random_split(torch.arange(10), [7, 3])]
    [7, 3]
    """
    if math.isclose(sum(lengths), 1) and sum(lengths) <= 1:
        lengths = _shares(len(dataset), lengths)
    if sum(lengths) != len(dataset):
        given = f"{list(lengths)} add up to {sum(lengths)}, it has {len(dataset)} samples"
        raise ValueError(f"Sum of input lengths does not equal the length of the input dataset! {given}")
    indices = randperm(int(sum(lengths)), generator=generator).tolist()
    ends = itertools.accumulate(lengths)
    return [Subset(dataset, indices[end - length : end]) for end, length in zip(ends, lengths, strict=True)]  # type: ignore[misc]
