"""Fetchers: from the keys that a sampler gives to a finished batch, in the loader's process or a worker's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ....core import modes
from ....core.tensor import Tensor, wrap
from .. import shared
from ..dataset import Subset, TensorDataset
from .collate import collate_tensor_fn, default_collate, default_collate_fn_map

__all__ = ["IterableFetcher", "MapFetcher", "fetcher_of", "plain_tensors"]


def plain_tensors(dataset: Any, collate_fn: Any) -> bool:
    """Whether batches can be indexed from whole tensors, with the result that stacking samples would have."""
    while type(dataset) is Subset:
        dataset = dataset.dataset
    return (
        type(dataset) is TensorDataset
        and bool(dataset.tensors)
        and collate_fn is default_collate
        and default_collate_fn_map.get(Tensor) is collate_tensor_fn
        and all(type(each) is Tensor for each in dataset.tensors)
    )


def _rows(array: Any, indices: Any) -> Any:
    """The elements of `array` at indices along its first dimension, in memory of their own."""
    if type(indices) is slice:
        rows = array[indices]
        out = shared.empty(rows.shape, array.dtype)
        if out is None:
            return rows.copy(order="C")
        out[...] = rows
        return out
    if not array.flags.c_contiguous:
        return np.ascontiguousarray(array[indices])
    out = shared.empty((len(indices), *array.shape[1:]), array.dtype)
    if out is None or not 0 <= indices.min() <= indices.max() < len(array):
        return array.take(indices, 0)
    return array.take(indices, 0, out, "clip")  # the mode that makes no copy on the way


def _whole_numbers(keys: Any) -> Any:
    """Keys as an int64 array; None unless all are Python's whole numbers."""
    return np.array(keys, np.int64) if type(keys) is list and set(map(type, keys)) == {int} else None


class MapFetcher:
    """Batches of a dataset that is asked by key; single samples unless `batches`."""

    def __init__(self, dataset: Any, batches: bool, collate_fn: Callable[[Any], Any]) -> None:
        self.dataset = dataset
        self.batches = batches
        self.collate_fn = collate_fn
        self.plain = batches and plain_tensors(dataset, collate_fn)

    def fetch(self, keys: Any) -> Any:
        """The batch of these keys: a list of them, or one; int64 arrays and slices stand for lists of whole numbers."""
        if self.plain and modes.may_be_short():
            batch = self._indexed(keys)
            if batch is not None:
                return batch
        if type(keys) is slice:
            keys = list(range(keys.start, keys.stop))
        elif type(keys) is np.ndarray:
            keys = keys.tolist()
        if not self.batches:
            return self.collate_fn(self.dataset[keys])
        many = getattr(self.dataset, "__getitems__", None)
        return self.collate_fn(many(keys) if many else [self.dataset[key] for key in keys])

    def _indexed(self, keys: Any) -> list[Tensor] | None:
        """The batch indexed from the tensors; None where samples have to be looked at one by one, for an error's sake too."""
        dataset = self.dataset
        indices = keys if type(keys) in (slice, np.ndarray) else _whole_numbers(keys)
        if indices is None:
            return None
        try:
            while type(dataset) is Subset:
                picked = dataset.indices[indices] if type(indices) is slice else [dataset.indices[i] for i in indices.tolist()]
                indices = _whole_numbers(picked)
                if indices is None:
                    return None
                dataset = dataset.dataset
            if any(each._node is not None for each in dataset.tensors):
                return None
            return [wrap(_rows(each._array, indices)) for each in dataset.tensors]
        except (IndexError, TypeError):
            return None


class IterableFetcher:
    """Batches of a dataset that gives one sample after the other; StopIteration when there are no more."""

    def __init__(self, dataset: Any, batches: bool, collate_fn: Callable[[Any], Any], drop_last: bool) -> None:
        self.samples = iter(dataset)
        self.batches = batches
        self.collate_fn = collate_fn
        self.drop_last = drop_last
        self.ended = False

    def fetch(self, keys: Any) -> Any:
        """The next batch, of as many samples as there are keys."""
        if self.ended:
            raise StopIteration
        if not self.batches:
            return self.collate_fn(next(self.samples))
        samples = []
        for _ in keys:
            try:
                samples.append(next(self.samples))
            except StopIteration:
                self.ended = True
                break
        if not samples or (self.drop_last and len(samples) < len(keys)):
            raise StopIteration
        return self.collate_fn(samples)


def fetcher_of(iterable: bool, dataset: Any, batches: bool, collate_fn: Callable[[Any], Any], drop_last: bool) -> Any:
    """What fetches batches of a dataset of either kind."""
    return IterableFetcher(dataset, batches, collate_fn, drop_last) if iterable else MapFetcher(dataset, batches, collate_fn)
