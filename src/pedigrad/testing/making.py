"""Random tensors for tests."""

from __future__ import annotations

import math
from typing import Any

from ..core.declare import PLACES
from ..core.limits import finfo, iinfo
from ..core.origin import located, warn
from ..core.tensor import Tensor

torch: Any = PLACES["torch"]


def _bounds(low: Any, high: Any, least: float, most: float, usual: tuple[float, float], dtype: Any) -> tuple[Any, Any]:
    """The range of values, within what the dtype can hold; ValueError if there is nothing in it."""
    low, high = (usual[i] if bound is None else bound for i, bound in enumerate((low, high)))
    for name, bound in (("low", low), ("high", high)):
        if math.isnan(bound):
            raise ValueError(located(f"make_tensor(): {name} must not be nan, got low={low!r} and high={high!r}"))
    if low == high and dtype.is_floating_point:
        message = "Passing `low==high` to `torch.testing.make_tensor` for floating or complex types is deprecated"
        warn(f"{message}: use torch.full(...) instead.", FutureWarning)
    elif low >= high:
        raise ValueError(located(f"make_tensor(): `low` must be less than `high`, but got {low} >= {high}"))
    elif high < least or low > most:
        raise ValueError(located(f"make_tensor(): the interval [{low}, {high}) lies outside of what {dtype} can hold: [{least}, {most}]"))
    return min(max(low, least), most), min(max(high, least), most)


def make_tensor(
    *shape: Any, dtype: Any, device: Any = None, low: float | None = None, high: float | None = None, requires_grad: bool = False,
    noncontiguous: bool = False, exclude_zero: bool = False, memory_format: Any = None,
) -> Tensor:  # fmt: skip
    """A tensor of random numbers from `low` up to `high`; by default between -9 and 9, or what the dtype can hold of that.

    With `noncontiguous` its elements do not lie side by side; with `exclude_zero` none is zero.
    """
    if len(shape) == 1 and not isinstance(shape[0], int):
        shape = tuple(shape[0])
    if noncontiguous and memory_format is not None:
        raise ValueError(located(f"The parameters `noncontiguous` and `memory_format` are mutually exclusive, got {memory_format=}"))
    if requires_grad and not (dtype.is_floating_point or dtype.is_complex):
        raise ValueError(located(f"`requires_grad` must be False for boolean and integral dtypes, but got {dtype}"))
    name = dtype.name
    if noncontiguous and math.prod(shape) > 1:
        shape = (*shape[:-1], 2 * shape[-1])
    if name == "bool":
        first, last = _bounds(low, high, 0, 2, (0, 2), dtype)
        result = torch["randint"](math.ceil(first), math.ceil(last), shape, dtype=dtype)
    elif dtype.is_floating_point or dtype.is_complex:
        real = dtype.to_real()
        first, last = _bounds(low, high, finfo(real).min, finfo(real).max, (-9, 9), dtype)
        result = torch["empty"](shape, dtype=dtype)
        (torch["view_as_real"](result) if dtype.is_complex else result).uniform_(first, last)
    else:
        limits = iinfo(dtype)
        usual = (0, 10) if limits.min == 0 else (-9, 10)
        first, last = _bounds(low, high, limits.min, limits.max + (name != "int64"), usual, dtype)
        result = torch["randint"](math.ceil(first), math.ceil(last), shape, dtype=dtype)
    if noncontiguous and math.prod(shape) > 1:
        result = result[..., 1::2]
    elif memory_format is not None:
        result = result.clone(memory_format=memory_format)
    if exclude_zero:
        least: Any = finfo(dtype).tiny if dtype.is_floating_point or dtype.is_complex else 1
        result[result == 0] = complex(least, least) if dtype.is_complex else least
    return result.requires_grad_(requires_grad) if requires_grad else result
