"""Where a program's inputs come from: arrays that something holds, numbers among an optimizer's options, the seed of a run."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...rng.generator import default_generator

Array = np.ndarray[Any, Any]


def held(holder: Any) -> Any:
    """The array that a Tensor, or the gradient of a leaf, holds now."""
    if isinstance(holder, np.ndarray):
        return holder
    tensor = holder.grad if hasattr(holder, "zeroed") else holder
    return None if tensor is None else tensor._array


def layout(array: Array) -> Any:
    """What a program compiled for `array` may rely on."""
    flags = array.flags
    return array.shape, array.dtype, None if flags.c_contiguous else array.strides, flags.writeable


def order_of(array: Array) -> tuple[int, ...] | None:
    """The dimensions in the order in which an array's elements lie in memory; None where that is their own."""
    if array.flags.c_contiguous:
        return None
    return tuple(sorted(range(array.ndim), key=lambda d: -abs(array.strides[d])))


def in_order(array: Array, order: tuple[int, ...] | None) -> Array:
    """An array whose elements lie in another order than row by row, unless that is None."""
    return array if order is None else np.ascontiguousarray(array.transpose(order)).transpose(np.argsort(order))


class Seeds(dict[str, float]):
    """The seed of a run's random numbers, drawn from the generator that `manual_seed` sets."""

    def __getitem__(self, key: str) -> float:
        return float(default_generator.random((1,), np.int64)[0] >> 11)


SEEDS = Seeds()


def read_option(group: dict[str, Any], key: Any) -> float:
    """The present value of an option; keys of options that are tuples are pairs."""
    value = group[key[0]][key[1]] if isinstance(key, tuple) else group[key]
    return float(value)
