"""Writes in place into sparse tensors, and of sparse ones into dense ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core import dtypes, inplace
from ...core.declare import function
from ...core.dispatch import dispatch, is_recorded
from ...core.graph import note_write
from ...core.inplace import check_writable
from ...core.origin import located
from ...core.sparse import Coordinates
from ...core.sparse_tensor import SparseTensor, method
from ...core.tensor import Tensor
from .build import empty_in
from .convert import copied


def write(op: Any, operands: tuple[Any, ...], attributes: tuple[Any, ...]) -> Any:
    """Run `op`, of which an operand is sparse, and put its result into the first."""
    target = operands[0]
    recording = is_recorded(target, *operands[1:])
    if recording:
        check_writable(target)
    result = dispatch(op, operands, attributes)
    what = op.name + "_"
    own, new = target._held, result._held
    if not dtypes.can_cast(result.dtype, target.dtype):
        raise RuntimeError(located(f"Can't convert result type {result.dtype} to output {target.dtype} in {what}()"))
    if new.shape != own.shape:
        raise RuntimeError(located(f"{what}(): output with shape {list(own.shape)} doesn't match the shape {list(new.shape)}"))
    if not isinstance(target, SparseTensor):
        dense = result.to_dense()
        return inplace.store(target, dense, dense._array, what)
    if not isinstance(result, SparseTensor):
        raise RuntimeError(located(f"{what}(): the result is dense, and the tensor that it is to be written to is sparse"))
    return replaced(target, result, what, recording)


SparseTensor.write = staticmethod(write)  # type: ignore[method-assign, assignment]


def replaced(target: Any, result: SparseTensor, what: str, recording: bool) -> Any:
    """`target` with the places and values of `result`, and its history if it is recorded; values are written where places are the same."""
    own, new = target._sparse, result._sparse
    if isinstance(own, Coordinates) and own.indices is new.indices:
        if result._node is not None and isinstance(result._node.saved, tuple):
            saved = result._node.saved  # what the node keeps must be the values from before this write
            result._node.saved = tuple(s.copy() if isinstance(s, np.ndarray) and np.may_share_memory(s, own.values) else s for s in saved)
        np.copyto(own.values, new.values, casting="unsafe")
        note_write(own.values, what)
        new = own
    elif new.dtype != own.dtype:
        new = new.astype(own.dtype)
    target._sparse = new
    if recording:
        target._node, target._cut = result._node, result._cut
    return target


@method("copy_")
def copy_(self: Any, other: Tensor, non_blocking: bool = False) -> Any:
    """Become a copy of another sparse tensor; returns itself."""
    if not isinstance(other, SparseTensor):
        kinds = f"Found self type = {self.type()} and src type = {other.type()}"  # type: ignore[attr-defined]
        raise RuntimeError(located(f"copy_() between dense and sparse Tensors is not implemented! {kinds}"))
    recording = is_recorded(self, other)
    if recording:
        check_writable(self)
    made = copied(other)
    self._sparse = made._held.astype(self._held.dtype)
    if recording:
        self._node, self._cut = made._node, made._cut
    return self


@method("zero_")
def zero_(self: Any) -> Any:
    """Keep no element any more; returns itself."""
    if is_recorded(self):
        check_writable(self)
        self._node = None
    own = self._sparse
    self._sparse = empty_in(
        self.layout, own.shape, own.dtype, False, own.sparse_dim if isinstance(own, Coordinates) else None, own.form[1]
    )._sparse
    return self


@function("torch Tensor")
def resize_as_sparse_(input: Any, the_template: Any) -> Any:
    """`input` with the size of another sparse tensor, in place."""
    if not isinstance(input, SparseTensor) or not isinstance(the_template, SparseTensor):
        raise RuntimeError(located("resize_as_sparse_: self and other must be sparse tensors"))
    own = the_template._sparse
    return input if own.shape == input._sparse.shape else input.sparse_resize_(own.shape, own.sparse_dim, own.dense_dim)  # type: ignore[attr-defined]


@method("resize_as_")
def resize_as_(self: Any, other: Any, memory_format: Any = None) -> Any:
    """Have the size of another sparse tensor; returns itself."""
    return resize_as_sparse_(self, other)


@method("t_")
def t_(self: Any) -> Any:
    """The transposed matrix, in place; returns itself."""
    recording = is_recorded(self)
    if recording:
        check_writable(self)
    made = self.t()
    self._sparse = made._sparse
    if recording:
        self._node, self._cut = made._node, made._cut
    return self
