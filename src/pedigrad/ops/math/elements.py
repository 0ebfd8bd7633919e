"""A Python function of numbers, applied to each element in place."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.data import numbers
from ...core.declare import function
from ...core.dispatch import check_overlap
from ...core.inplace import note_change
from ...core.origin import located
from ...core.tensor import Tensor, read


def _each(what: str, self: Tensor, others: tuple[Any, ...], callable: Any) -> Tensor:
    """Write `callable` of each element, and of those of `others` at its place, over it."""
    for i, other in enumerate(others):
        if not isinstance(other, Tensor):
            raise TypeError(located(f"{what}(): argument {i + 1} must be Tensor, not {type(other).__name__}"))
        if other.dtype is not self.dtype:
            raise TypeError(located(f"{what}: expected {self.dtype} for argument {i + 1} (got {other.dtype})"))
    if any(t.requires_grad for t in (self, *others)):
        raise RuntimeError(located(f"Can't call {what}() on Variable that requires grad. Use var.detach().{what}() instead."))
    target = self._array
    for tensor in (self, *others):
        read(tensor._array, f"{what}()")
    try:
        operands = [target, *(np.broadcast_to(t._array, target.shape) for t in others)]
    except ValueError as error:
        raise RuntimeError(located(f"{what}(): {error}")) from None
    check_overlap(target, what)
    columns = [(a.astype(np.float32) if a.dtype.kind == "V" else a).ravel().tolist() for a in operands]
    note_change(self, what)
    target[...] = numbers([callable(*row) for row in zip(*columns, strict=True)], target.dtype).reshape(target.shape)
    return self


@function("Tensor")
def apply_(self: Tensor, callable: Any, /) -> Tensor:
    """The tensor, with each element replaced by `callable` of it."""
    return _each("apply_", self, (), callable)


@function("Tensor")
def map_(self: Tensor, other: Tensor, callable: Any) -> Tensor:
    """The tensor, with each element replaced by `callable` of it and that of `other`, which is broadcast."""
    return _each("map_", self, (other,), callable)


@function("Tensor")
def map2_(self: Tensor, x: Tensor, y: Tensor, callable: Any) -> Tensor:
    """The tensor, with each element replaced by `callable` of it and those of `x` and `y`, which are broadcast."""
    return _each("map2_", self, (x, y), callable)
