"""Functions of one sample run on batches: the arguments into a level, the results out of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ...core import modes
from ...core.history import FUNCTION, View
from ...core.origin import located
from ...core.tensor import Tensor, constant
from . import indexing, leading, products, searching, shifted  # noqa: F401  (the rules)
from .batched import Batch
from .dual import Derivative
from .edges import batch_of_samples, dual_of, sample_of_batch


def entered(tensor: Tensor, batch: Batch, dim: int) -> Tensor:
    """The tensor, which has samples along `dim`, as one of them."""
    sample = sample_of_batch(tensor, batch, dim % tensor.dim())
    if sample._node is not None:  # a write into it would be none of the history of `tensor`, whose memory it shows
        view = sample._view = View(tensor, sample_of_batch.op, (batch, dim))
        view.made = FUNCTION
        view.stamp = next(modes.clock)
    return sample  # type: ignore[no-any-return]


def left(value: Tensor, batch: Batch, dim: int | None) -> Tensor:
    """A result of one sample with all samples along `dim`; as it is where that is None."""
    if dim is None:
        return value
    return batch_of_samples(value, batch, dim % (value.dim() + 1))  # type: ignore[no-any-return]


def dual(tensor: Tensor, tangent: Tensor, level: Derivative) -> Tensor:
    """The tensor with a tangent in the level; RuntimeError if they do not go together."""
    for what, value in (("primal", tensor), ("tangent", tangent)):
        if not isinstance(value, Tensor):
            raise RuntimeError(located(f"Expected {what} to be a Tensor, got a {type(value).__name__}"))
        if not (value.is_floating_point() or value.is_complex()):
            raise ValueError(located(f"Expected {what} to be floating point or complex, but got: {value.dtype}"))
    if tensor.shape != tangent.shape:
        sizes = f"{tuple(tangent.shape)}, the primal {tuple(tensor.shape)}"
        raise RuntimeError(located(f"Expected tangent to have the same shape as the primal: the tangent has {sizes}"))
    if tensor.dtype is not tangent.dtype:
        raise RuntimeError(located(f"Expected tangent to have the dtype of the primal, {tensor.dtype}, got {tangent.dtype}"))
    return dual_of(tensor, tangent, level)  # type: ignore[no-any-return]


@contextmanager
def running(batch: Batch) -> Iterator[Batch]:
    """The batch is the innermost that is run."""
    modes.settings.batches.append(batch)
    try:
        yield batch
    finally:
        modes.settings.batches.pop()


def over(function: Callable[..., Any], tensors: list[Tensor]) -> list[Any]:
    """What a function of tensors, which gives a sequence of them or of None, gives for each sample along their first dimension."""
    with running(Batch(tensors[0].shape[0])) as batch:
        results = function(*(entered(t, batch, 0) for t in tensors))
        return [None if r is None else left(r, batch, 0) for r in results]


def basis(tensors: Sequence[Tensor]) -> list[Tensor]:
    """The unit vectors of all tensors taken together, for each tensor its part of them: of shape (all elements, *its own)."""
    total = sum(t.numel() for t in tensors)
    parts, before = [], 0
    for t in tensors:
        part = np.zeros((total, t.numel()), t._array.dtype)
        part[before : before + t.numel()] = np.eye(t.numel(), dtype=part.dtype)
        parts.append(constant(part.reshape(total, *t.shape)))
        before += t.numel()
    return parts


def columns(whole: Tensor, result: Sequence[int], tensors: Sequence[Tensor]) -> list[Tensor]:
    """The Jacobians (*result, *tensor) of what `whole` has along its first dimension for each element of all tensors."""
    parts = whole.split([t.numel() for t in tensors], 0)  # type: ignore[attr-defined]
    return [p.movedim(0, -1).reshape((*result, *t.shape)) for p, t in zip(parts, tensors, strict=True)]


def rows(whole: Tensor, tensors: Sequence[Tensor]) -> list[Tensor]:
    """The Jacobians (*tensor, *input) of what `whole` has along its first dimension for each element of all tensors."""
    parts = whole.split([t.numel() for t in tensors], 0)  # type: ignore[attr-defined]
    return [p.reshape((*t.shape, *whole.shape[1:])) for p, t in zip(parts, tensors, strict=True)]
