"""DataLoader: the batches of a dataset, made in this process or by workers."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

from ...core import modes, watching
from ...core.origin import warn
from ...core.profiling import noted
from ...core.traces import trim
from ._utils.collate import default_collate, default_convert
from ._utils.fetch import fetcher_of, plain_tensors
from ._utils.worker import Job, get_worker_info
from .dataset import IterableDataset
from .sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler, drawn_seed, index_arrays, knows_arrays
from .workers import Team

__all__ = ["DataLoader", "default_collate", "default_convert", "get_worker_info"]

T_co = TypeVar("T_co", covariant=True)
FIXED = frozenset(("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers"))


class _DatasetKind:
    """How a dataset is asked: by key, or for one sample after the other."""

    Map = 0
    Iterable = 1


class _InfiniteConstantSampler(Sampler[Any]):
    """Nothing, for ever: the keys of a dataset that has none."""

    def __iter__(self) -> Iterator[Any]:
        while True:
            yield None


def _processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class DataLoader(Generic[T_co]):
    """The batches of a dataset, in an order that a sampler gives, as `collate_fn` makes them of samples.

    With `num_workers` processes batches are made ahead, `prefetch_factor` (2 unless given) a worker; they end with the pass
    unless `persistent_workers`. `generator` is what shuffles and workers' seeds are drawn from. `batch_size=None` gives single
    samples. ValueError for arguments that exclude one another; `pin_memory` does nothing on a CPU but warn.

    >>> from pedigrad import arange
    >>> [batch.tolist() for batch in DataLoader(arange(5), batch_size=2)]
    [[0, 1], [2, 3], [4]]
    """

    _iterator: Any = None
    __initialized = False

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable[Any] | None = None,
        batch_sampler: Iterable[Any] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[Any], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None,
        multiprocessing_context: Any = None,
        generator: Any = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        if num_workers < 0:
            raise ValueError(f"num_workers option should be non-negative, got {num_workers}; num_workers=0 means no other processes")
        if timeout < 0:
            raise ValueError(f"timeout option should be non-negative, got {timeout}")
        if num_workers == 0 and prefetch_factor is not None:
            raise ValueError("prefetch_factor option could only be specified with workers: let num_workers > 0, or leave it out")
        if prefetch_factor is not None and prefetch_factor < 0:
            raise ValueError(f"prefetch_factor option should be non-negative, got {prefetch_factor}")
        if persistent_workers and num_workers == 0:
            raise ValueError("persistent_workers option needs num_workers > 0")
        self.dataset = dataset
        self.num_workers = num_workers
        self.prefetch_factor = 2 if num_workers and prefetch_factor is None else prefetch_factor
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.in_order = in_order
        self.generator = generator
        self.persistent_workers = persistent_workers
        self._dataset_kind = _DatasetKind.Iterable if isinstance(dataset, IterableDataset) else _DatasetKind.Map
        self._check_keys(batch_size, shuffle, sampler, batch_sampler, drop_last)
        if sampler is None:
            if self._dataset_kind == _DatasetKind.Iterable:
                sampler = _InfiniteConstantSampler()
            else:
                sampler = RandomSampler(dataset, generator=generator) if shuffle else SequentialSampler(dataset)
        if batch_sampler is not None:
            batch_size = None
        elif batch_size is not None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.collate_fn = collate_fn or (default_collate if self._auto_collation else default_convert)
        self._IterableDataset_len_called: int | None = None
        self.__initialized = True
        self.check_worker_number_rationality()

    def _check_keys(self, batch_size: Any, shuffle: Any, sampler: Any, batch_sampler: Any, drop_last: Any) -> None:
        """Arguments that say which samples come when: ValueError where two say it."""
        if self._dataset_kind == _DatasetKind.Iterable:
            for name, value in (("shuffle", shuffle or None), ("sampler", sampler), ("batch_sampler", batch_sampler)):
                if value is not None:
                    message = f"expected unspecified {name} option, but got {name}={value}"
                    raise ValueError(f"DataLoader with IterableDataset: {message}; the dataset says in which order its samples come")
        if sampler is not None and shuffle:
            raise ValueError("sampler option is mutually exclusive with shuffle")
        if batch_sampler is not None and (batch_size != 1 or shuffle or sampler is not None or drop_last):
            raise ValueError("batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last")
        if batch_sampler is None and batch_size is None and drop_last:
            raise ValueError("batch_size=None option disables auto-batching and is mutually exclusive with drop_last")

    @property
    def multiprocessing_context(self) -> Any:
        """How workers are started: a context of `multiprocessing`, or None for the system's own way."""
        return self.__multiprocessing_context

    @multiprocessing_context.setter
    def multiprocessing_context(self, context: Any) -> None:
        if context is not None:
            if not self.num_workers:
                message = f"(num_workers > 0), but got num_workers={self.num_workers}"
                raise ValueError(f"multiprocessing_context can only be used with multi-process loading {message}")
            if isinstance(context, str):
                known = multiprocessing.get_all_start_methods()
                if context not in known:
                    raise ValueError(
                        f"multiprocessing_context option should specify a valid start method in {known!r}, but got {context!r}"
                    )
                context = multiprocessing.get_context(context)
            if not isinstance(context, multiprocessing.context.BaseContext):
                message = "should be a valid context object or a string specifying the start method"
                raise TypeError(f"multiprocessing_context option {message}, but got multiprocessing_context={context!r}")
        self.__multiprocessing_context = context

    def __setattr__(self, attr: str, val: Any) -> None:
        if self.__initialized and attr in FIXED:
            raise ValueError(f"{attr} attribute should not be set after {type(self).__name__} is initialized: make another one")
        super().__setattr__(attr, val)

    @property
    def _auto_collation(self) -> bool:
        return self.batch_sampler is not None

    @property
    def _index_sampler(self) -> Any:
        return self.batch_sampler if self._auto_collation else self.sampler

    def _get_iterator(self) -> Any:
        if not self.num_workers:
            return _SingleProcessDataLoaderIter(self)
        self.check_worker_number_rationality()
        return _MultiProcessingDataLoaderIter(self)

    def __iter__(self) -> Any:
        if not (self.persistent_workers and self.num_workers):
            return self._get_iterator()
        if self._iterator is None or self._iterator._ended():
            self._iterator = self._get_iterator()
        else:
            self._iterator._reset(self)
        return self._iterator

    def __len__(self) -> int:
        if self._dataset_kind == _DatasetKind.Map:
            return len(self._index_sampler)
        count = self._IterableDataset_len_called = len(self.dataset)
        if self.batch_size is None:
            return count
        return count // self.batch_size if self.drop_last else -(-count // self.batch_size)

    def check_worker_number_rationality(self) -> None:
        """Warn if there are to be more workers than processors."""
        most = _processors()
        if self.num_workers > most:
            warn(
                f"This DataLoader will create {self.num_workers} worker processes in total. Our suggested max number of worker in current "
                f"system is {most}: with more of them loading may get slower."
            )


class _BaseDataLoaderIter:
    """One pass over a loader's batches."""

    def __init__(self, loader: DataLoader[Any]) -> None:
        self._dataset = loader.dataset
        self._dataset_kind = loader._dataset_kind
        self._auto_collation = loader._auto_collation
        self._drop_last = loader.drop_last
        self._index_sampler = loader._index_sampler
        self._num_workers = loader.num_workers
        self._timeout = loader.timeout
        self._collate_fn = loader.collate_fn
        self._persistent_workers = loader.persistent_workers
        if loader.pin_memory:
            message = "'pin_memory' argument is set as true but no accelerator is found, then device pinned memory won't be used."
            warn(message)
        self._begin(loader)
        self._base_seed = drawn_seed(loader.generator)

    def _begin(self, loader: DataLoader[Any]) -> None:
        self._IterableDataset_len_called = loader._IterableDataset_len_called
        self._num_yielded = 0
        self._sampler_iter = self._keys()

    def _keys(self) -> Iterator[Any]:
        """What batches are asked for by: where tensors can be indexed, without a list of Python's numbers."""
        if self._auto_collation and knows_arrays(self._index_sampler) and plain_tensors(self._dataset, self._collate_fn):
            return index_arrays(self._index_sampler)
        return iter(self._index_sampler)

    def __iter__(self) -> Any:
        return self

    def __len__(self) -> int:
        return len(self._index_sampler)

    def _next_data(self) -> Any:
        raise NotImplementedError

    def __next__(self) -> Any:
        try:
            if not modes.special:
                data = self._next_data()
            else:
                data = noted(f"enumerate(DataLoader)#{type(self).__name__}.__next__", self._next_data)
        except Exception as error:
            trim(error)
            raise
        if watching.watcher is not None:
            watching.watcher.batch(self, data)
        if self._dataset_kind == _DatasetKind.Iterable:
            self._num_yielded += 1
            said = self._IterableDataset_len_called
            if said is not None and self._num_yielded > said:
                where = " Each worker has a copy of the dataset, which has to give its share only." if self._num_workers else ""
                message = f"was reported to be {said} (when accessing len(dataloader)), but {self._num_yielded} samples have been fetched."
                warn(f"Length of IterableDataset {self._dataset} {message}{where}")
        return data

    def __getstate__(self) -> Any:
        raise NotImplementedError(f"{type(self).__name__} cannot be pickled")


class _SingleProcessDataLoaderIter(_BaseDataLoaderIter):
    """One pass over batches that are made in this process, each when it is asked for."""

    def __init__(self, loader: DataLoader[Any]) -> None:
        super().__init__(loader)
        if self._timeout:
            raise AssertionError(f"timeout={self._timeout} needs num_workers > 0: nothing can interrupt this process")
        iterable = self._dataset_kind == _DatasetKind.Iterable
        self._dataset_fetcher = fetcher_of(iterable, self._dataset, self._auto_collation, self._collate_fn, self._drop_last)

    def _next_data(self) -> Any:
        return self._dataset_fetcher.fetch(next(self._sampler_iter))


class _MultiProcessingDataLoaderIter(_BaseDataLoaderIter):
    """A pass over batches that workers make; with persistent workers, one pass after the other."""

    def __init__(self, loader: DataLoader[Any]) -> None:
        super().__init__(loader)
        iterable = self._dataset_kind == _DatasetKind.Iterable
        jobs = [
            Job(
                worker_id=i,
                num_workers=self._num_workers,
                base_seed=self._base_seed,
                init_fn=loader.worker_init_fn,
                dataset=self._dataset,
                iterable=iterable,
                batches=self._auto_collation,
                collate_fn=self._collate_fn,
                drop_last=self._drop_last,
            )
            for i in range(self._num_workers)
        ]
        self._team = Team(loader.multiprocessing_context, jobs, loader.prefetch_factor or 0, loader.in_order, self._timeout)
        self._team.begin(self._sampler_iter)

    @property
    def _workers(self) -> list[Any]:
        return [worker.process for worker in self._team.workers]

    def _ended(self) -> bool:
        return not self._team.workers

    def _reset(self, loader: DataLoader[Any], first_iter: bool = False) -> None:
        self._begin(loader)
        self._team.begin(self._sampler_iter)

    def _next_data(self) -> Any:
        try:
            return self._team.next_batch()
        except StopIteration:
            if not self._persistent_workers and not self._team.waiting:  # else a dataset raised it
                self._shutdown_workers()
            raise

    def _shutdown_workers(self) -> None:
        self._team.close()
