"""The part of a dataset that one of several processes takes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from ... import distributed as _distributed
from ...random import randperm
from ...rng.generator import Generator
from .sampler import Sampler

__all__ = ["DistributedSampler"]

distributed: Any = _distributed


class DistributedSampler(Sampler[int]):
    """Every `num_replicas`-th index of a dataset from `rank` on, after a shuffle that follows from `seed` and the epoch.

    All processes get as many: indices are repeated at the end, or left out with `drop_last`. RuntimeError if `num_replicas` or
    `rank` is not given and there is no process group to ask; ValueError for a rank that there is not.
    """

    def __init__(
        self,
        dataset: Any,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        if (num_replicas is None or rank is None) and not distributed.is_available():
            raise RuntimeError("Requires distributed package to be available: give num_replicas and rank")
        self.num_replicas = distributed.get_world_size() if num_replicas is None else num_replicas
        self.rank = distributed.get_rank() if rank is None else rank
        if not 0 <= self.rank < self.num_replicas:
            raise ValueError(f"Invalid rank {self.rank}, rank should be in the interval [0, {self.num_replicas - 1}]")
        self.dataset = dataset
        self.epoch = 0
        self.shuffle = shuffle
        self.seed = seed
        self.drop_last = drop_last
        count = len(dataset)
        self.num_samples = count // self.num_replicas if drop_last else math.ceil(count / self.num_replicas)
        self.total_size = self.num_samples * self.num_replicas

    def __iter__(self) -> Iterator[int]:
        count = len(self.dataset)
        if self.shuffle:
            indices = randperm(count, generator=Generator().manual_seed(self.seed + self.epoch)).tolist()
        else:
            indices = list(range(count))
        if len(indices) < self.total_size:
            indices = (indices * math.ceil(self.total_size / count))[: self.total_size]
        return iter(indices[self.rank : self.total_size : self.num_replicas])

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch comes: each has a shuffle of its own. Without it all are the same."""
        self.epoch = epoch
