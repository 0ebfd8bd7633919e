"""Words for arrays of the level outside: operations on them by name, however far they are lifted themselves."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core import modes
from ...core.dispatch import computed
from ...core.op import REGISTRY

ALL = slice(None)


def ran(name: str, *arrays: Any, **attributes: Any) -> Any:
    """The array that the operation of that name makes of arrays."""
    op = REGISTRY[name]
    return computed(op, arrays, tuple(attributes[n] if n in attributes else op.defaults[n] for n in op.attributes))[0]


def _plain(array: Any) -> bool:
    """Whether NumPy can be asked, and nobody has to see it."""
    return array.__class__ is np.ndarray and modes.settings.recorder is None


def reshaped(array: Any, shape: tuple[int, ...]) -> Any:
    """The array in another shape."""
    if array.shape == shape:
        return array
    return array.reshape(shape) if _plain(array) else ran("reshape", array, shape=shape)


def moved(array: Any, source: int, destination: int) -> Any:
    """The array with a dimension in another place."""
    if source == destination:
        return array
    order = [d for d in range(array.ndim) if d != source]
    order.insert(destination, source)
    return array.transpose(order) if _plain(array) else ran("permute", array, dims=tuple(order))


def expanded(array: Any, shape: tuple[int, ...]) -> Any:
    """The array broadcast to a shape, without copying."""
    return array if array.shape == shape else ran("expand", array, size=shape)


def part(array: Any, *index: Any) -> Any:
    """What a basic index selects."""
    return array[index] if _plain(array) else ran("slice", array, index=(*index, ...))


def converted(array: Any, dtype: Any, to: Any) -> Any:
    """The array in another dtype, NumPy's `dtype`, which is `to` as Tensors have it."""
    return array if array.dtype == dtype else ran("cast", array, dtype=to)
