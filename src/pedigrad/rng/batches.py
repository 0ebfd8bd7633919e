"""Random numbers within `vmap`: refused, the same for all samples, or others for each, as its `randomness` says."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..core import modes
from ..core.lifted import Lifted
from ..core.origin import located

Draw = Callable[..., Any]


@contextmanager
def _outside() -> Iterator[Any]:
    """The innermost batch; what is drawn meanwhile is a matter of those around it."""
    batches = modes.settings.batches
    batch = batches.pop()
    try:
        yield batch
    finally:
        batches.append(batch)


def _check(batch: Any) -> bool:
    """Whether the samples get numbers of their own; RuntimeError where there are to be none."""
    if batch.randomness == "error":
        message = "vmap: called random operation while in randomness error mode. Please either use the 'same' or 'different'"
        raise RuntimeError(located(f"{message} randomness flags on vmap or perform the randomness operation out of vmap"))
    return bool(batch.randomness == "different")


def _values(batch: Any, values: Any, ndim: int) -> Any:
    """Arguments with all samples along a first dimension, before `ndim` others; the others as they are."""

    def value(v: Any) -> Any:
        if not batch.holds(v):
            return v
        return v.value.reshape(v.value.shape[0], *(1,) * (ndim - v.ndim), *v.shape)

    return [value(v) for v in values]


def _same(values: Any) -> None:
    if any(isinstance(v, Lifted) for v in values):
        message = "vmap: the samples cannot have the same random numbers of distributions that differ"
        raise RuntimeError(located(f"{message}: use randomness='different'"))


def of_shape(draw: Draw) -> Draw:
    """A method of a generator that draws numbers of a shape, also within vmap."""

    @functools.wraps(draw)
    def drawn(self: Any, shape: Any, *args: Any, **kwargs: Any) -> Any:
        settings = modes.settings
        if not settings.batches:
            if modes.special and settings.recorder is not None:
                settings.recorder.drawing = functools.partial(draw, self, shape, *args, **kwargs)
            return draw(self, shape, *args, **kwargs)
        with _outside() as batch:
            shape = tuple(shape)
            if not _check(batch):
                _same(args)
                return drawn(self, shape, *args, **kwargs)
            return batch.lifted(drawn(self, (batch.size, *shape), *_values(batch, args, len(shape)), **kwargs))

    return drawn


def of_arrays(draw: Draw) -> Draw:
    """A method that draws a number for each element of arrays of parameters, or for each row."""

    @functools.wraps(draw)
    def drawn(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not modes.settings.batches:
            return draw(self, *args, **kwargs)
        with _outside() as batch:
            if not _check(batch):
                _same(args)
                return drawn(self, *args, **kwargs)
            rows = [drawn(self, *(_row(batch, a, i) for a in args), **kwargs) for i in range(batch.size)]
            return batch.lifted(np.stack(rows))

    return drawn


def _row(batch: Any, value: Any, i: int) -> Any:
    return value.value[i] if batch.holds(value) else value
