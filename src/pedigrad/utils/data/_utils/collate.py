"""Batches from samples: tensors are stacked, containers are kept and filled with batches of what they hold."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterable, Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

import numpy as np

from ....core import modes
from ....core.dtypes import float64
from ....core.origin import located
from ....core.tensor import Tensor, wrap
from ....ops.creation import as_tensor, tensor
from ....ops.shape.join import stack
from .. import shared

__all__ = ["collate", "default_collate", "default_collate_fn_map", "default_convert"]

np_str_obj_array_pattern = re.compile("[SaUO]")  # the kinds of arrays that are no numbers
default_collate_err_msg_format = "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {}"

CollateMap = dict[Any, Callable[..., Any]]


def one_array(arrays: Sequence[Any]) -> Any:
    """Arrays of one shape and dtype stacked by one allocation; None if they are not of one, or not of NumPy's own type."""
    first = arrays[0]
    shape, dtype = first.shape, first.dtype
    for each in arrays:
        if type(each) is not np.ndarray or each.shape != shape or each.dtype != dtype:
            return None
    if shape:
        rows = (len(arrays) * shape[0], *shape[1:])
        return np.concatenate(arrays, out=shared.empty(rows, dtype)).reshape(len(arrays), *shape)
    return np.fromiter(arrays, dtype, len(arrays)) if dtype.kind in "biufc" else None


def collate_tensor_fn(batch: Sequence[Tensor], *, collate_fn_map: CollateMap | None = None) -> Tensor:
    """The tensors stacked along a new first dimension, with their history if they have one."""
    if modes.may_be_short() and all(type(each) is Tensor and each._node is None for each in batch):
        whole = one_array([each._array for each in batch])
        if whole is not None:
            return wrap(whole)
    return stack(batch, 0)


def collate_numpy_array_fn(batch: Sequence[Any], *, collate_fn_map: CollateMap | None = None) -> Any:
    """A tensor of arrays stacked along a new first dimension. TypeError for arrays of texts or objects."""
    dtype = batch[0].dtype
    if dtype.kind in "SUO":
        raise TypeError(located(default_collate_err_msg_format.format(dtype)))
    whole = one_array(batch) if collate_fn_map is None or collate_fn_map.get(Tensor) is collate_tensor_fn else None
    if whole is not None:
        return as_tensor(whole)
    return collate([as_tensor(each) for each in batch], collate_fn_map=collate_fn_map)


def collate_numpy_scalar_fn(batch: Sequence[Any], *, collate_fn_map: CollateMap | None = None) -> Tensor:
    """A tensor of NumPy's numbers, of their dtype."""
    kinds = set(map(type, batch))
    return as_tensor(np.array(batch) if len(kinds) == 1 else batch)


def collate_float_fn(batch: Sequence[float], *, collate_fn_map: CollateMap | None = None) -> Tensor:
    """A float64 tensor of numbers."""
    return tensor(batch, dtype=float64)


def collate_int_fn(batch: Sequence[int], *, collate_fn_map: CollateMap | None = None) -> Tensor:
    """A tensor of whole numbers or truth values."""
    return tensor(batch)


def collate_str_fn(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Any:
    """The texts as they are."""
    return batch


#: What makes a batch of samples of each type; programs may add to it.
default_collate_fn_map: CollateMap = {
    Tensor: collate_tensor_fn,
    np.ndarray: collate_numpy_array_fn,
    (np.bool_, np.number, np.object_): collate_numpy_scalar_fn,
    float: collate_float_fn,
    int: collate_int_fn,
    str: collate_str_fn,
    bytes: collate_str_fn,
}


def _mapping_like(example: Any, values: dict[Any, Any]) -> Any:
    """A mapping of the type of `example`, with its further attributes, that holds `values`; a dict if there is no such."""
    try:
        if isinstance(example, MutableMapping):
            out = copy.copy(example)
            out.update(values)
            return out
        return type(example)(values)  # type: ignore[call-arg]
    except TypeError:
        return values


def _sequence_like(example: Any, values: list[Any]) -> Any:
    """A sequence of the type of `example`, with its further attributes, that holds `values`; a list if there is no such."""
    if type(example) is list:
        return values
    try:
        if isinstance(example, MutableSequence):
            out = copy.copy(example)
            for i, value in enumerate(values):
                out[i] = value
            return out
        return type(example)(values)  # type: ignore[call-arg]
    except TypeError:
        return values


def collate(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Any:
    """A batch of samples, by the function that `collate_fn_map` has for their type, else by what containers they are.

    The functions are called as `function(batch, collate_fn_map=collate_fn_map)`. Tuples become lists. RuntimeError for sequences
    of several lengths, TypeError for what nothing is known of.
    """
    first = batch[0]
    kind = type(first)
    if collate_fn_map is not None:
        if kind in collate_fn_map:
            return collate_fn_map[kind](batch, collate_fn_map=collate_fn_map)
        for each, function in collate_fn_map.items():
            if isinstance(first, each):
                return function(batch, collate_fn_map=collate_fn_map)

    def together(samples: Iterable[Any]) -> Any:
        return collate(samples, collate_fn_map=collate_fn_map)

    if isinstance(first, Mapping):
        return _mapping_like(first, {key: together([sample[key] for sample in batch]) for key in first})
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return kind(*(together(column) for column in zip(*batch, strict=False)))
    if isinstance(first, Sequence):
        lengths = set(map(len, batch))
        if len(lengths) > 1:
            message = f"each element in list of batch should be of equal size: they are of {sorted(lengths)}"
            raise RuntimeError(located(message))
        columns = [together(column) for column in zip(*batch, strict=False)]
        return columns if isinstance(first, tuple) else _sequence_like(first, columns)
    raise TypeError(located(default_collate_err_msg_format.format(kind)))


def default_collate(batch: Any) -> Any:
    """A batch of samples: tensors, arrays and numbers become tensors with a new first dimension, containers are kept.

    >>> default_collate([(0, 1.5), (2, 3.5)])
    [tensor([0, 2]), tensor([1.5000, 3.5000], dtype=torch.float64)]
    """
    return collate(batch, collate_fn_map=default_collate_fn_map)


def default_convert(data: Any) -> Any:
    """A sample with its arrays and NumPy's numbers as tensors; all else stays as it is. Tuples become lists."""
    if isinstance(data, Tensor):
        return data
    if type(data).__module__ == "numpy" and (isinstance(data, (np.ndarray, np.generic))):
        return data if data.dtype.kind in "SUO" else as_tensor(data)
    if isinstance(data, Mapping):
        return _mapping_like(data, {key: default_convert(data[key]) for key in data})
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*(default_convert(each) for each in data))
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
        values = [default_convert(each) for each in data]
        return values if isinstance(data, tuple) else _sequence_like(data, values)
    return data
