"""Tensors made with their memory laid out as asked, and of single numbers."""

from __future__ import annotations

from typing import Any

from ..core.declare import function
from ..core.dtypes import get_default_dtype
from ..core.origin import located
from ..core.shapes import as_int, as_shape
from ..core.tensor import Tensor
from .creation import empty_strided, factory, full


@function("torch")
def scalar_tensor(
    s: Any, *, dtype: Any = None, layout: Any = None, device: Any = None, pin_memory: bool = False, requires_grad: bool = False
) -> Tensor:
    """A tensor without dimensions with the number `s`, in the default dtype unless `dtype` is given."""
    if dtype is None and isinstance(s, complex):
        raise RuntimeError(located("scalar_tensor(): a complex number cannot be converted to a float: give a complex dtype"))
    return full((), s, dtype=get_default_dtype() if dtype is None else dtype, device=device, requires_grad=requires_grad)


@factory
def empty_permuted(size: Any, physical_layout: Any, *, dtype: Any = None) -> Any:
    """Uninitialised memory in which the dimensions lie in the order `physical_layout`, the outermost first."""
    shape, order = as_shape((size,)), tuple(map(as_int, physical_layout))
    if len(shape) != len(order):
        what = "Number of dimensions in size does not match the length of the physical_layout"
        raise RuntimeError(located(f"{what}; i.e. len(size) = {len(shape)} is not equal to len(physical_layout) = {len(order)}"))
    for i, d in enumerate(order):
        if not 0 <= d < len(shape):
            raise RuntimeError(
                located(f"Dimension out of range (expected to be between 0 and {len(shape) - 1}, but got {d} at index {i}).")
            )
    if len(set(order)) < len(order):
        raise RuntimeError(located("Duplicate dim not allowed"))
    strides, step = [0] * len(shape), 1
    for d in reversed(order):
        strides[d], step = step, step * max(shape[d], 1)
    return empty_strided(shape, strides, dtype=dtype)._array


@function("Tensor")
def new_empty_strided(
    self: Tensor, size: Any, stride: Any, dtype: Any = None, layout: Any = None, device: Any = None, pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """As `empty_strided`, with this tensor's dtype and device."""
    device = self.device if device is None else device
    return empty_strided(size, stride, dtype=dtype or self.dtype, device=device, requires_grad=requires_grad)
