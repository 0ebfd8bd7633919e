"""What gradcheck asks of forward derivatives and of batches of gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.tensor import Tensor, wrap
from .backward import grad
from .levels.dual import Derivative
from .levels.edges import dual_of, tangent_of
from .levels.mapping import over

Array = np.ndarray[Any, Any]
BATCH = 2  # how many cotangents, or tangents, are given at once


def forward_derivatives(outputs: Callable[..., list[Tensor]], inputs: Sequence[Any], i: int, tangent: Tensor) -> list[Tensor]:
    """The derivative of every output along a tangent of input `i`."""
    level = Derivative()
    given = list(inputs)
    given[i] = dual_of(inputs[i], tangent, level)
    return [tangent_of(out, level) for out in outputs(given)]


def random_like(tensor: Tensor, rng: Any, count: int | None = None) -> Tensor:
    """Random numbers of the shape and dtype of a tensor, or so many of such."""
    shape = tuple(tensor.shape) if count is None else (count, *tensor.shape)
    values: Any = rng.standard_normal(shape)
    if tensor.is_complex():
        values = values + 1j * rng.standard_normal(shape)
    return wrap(np.asarray(values, tensor._array.dtype))


def wrong_in_a_batch(outputs: Sequence[Tensor], wanted: Sequence[Tensor], near: Any) -> int | None:
    """The input whose gradients differ where several cotangents are given at once; None if none does."""
    rng = np.random.default_rng(0)
    starts = [random_like(out, rng, BATCH) for out in outputs]
    kept: dict[str, Any] = {"retain_graph": True, "allow_unused": True}
    together = grad(outputs, wanted, tuple(starts), is_grads_batched=True, **kept)
    alone = [grad(outputs, wanted, tuple(s[k] for s in starts), **kept) for k in range(BATCH)]  # type: ignore[index]
    for i, whole in enumerate(together):
        for k, each in enumerate(alone):
            one = each[i]
            if whole is None or one is None:
                if whole is not one:
                    return i
            elif not near(whole._array[k], one._array):
                return i
    return None


def wrong_in_a_forward_batch(outputs: Callable[..., list[Tensor]], inputs: Sequence[Any], i: int, near: Any) -> bool:
    """Whether derivatives along several tangents of input `i` at once differ from those along each."""
    rng = np.random.default_rng(0)
    tangents = random_like(inputs[i], rng, BATCH)
    together = over(lambda t: forward_derivatives(outputs, inputs, i, t), [tangents])
    alone = [forward_derivatives(outputs, inputs, i, tangents[k]) for k in range(BATCH)]  # type: ignore[index]
    return any(
        not near(whole._array[k], each[j]._array) for j, whole in enumerate(together) for k, each in enumerate(alone) if whole is not None
    )
