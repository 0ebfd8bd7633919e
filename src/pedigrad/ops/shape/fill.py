"""Writes in place that are not the in-place form of anything else: copy_, fill_, zero_, set_."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core import inplace, meta, modes
from ...core.data import fitting, scalar
from ...core.declare import composite, function
from ...core.dispatch import check_overlap, is_recorded, unordered
from ...core.inplace import note_change, write
from ...core.layout import check_operands
from ...core.memory import UntypedStorage, laid
from ...core.origin import located, warn_once
from ...core.quiet import astype
from ...core.shapes import as_shape
from ...core.tensor import Tensor, read
from ...core.traces import trim
from ..xp import broadcast_to
from .convert import DISCARDS
from .region import as_strided, diagonal, part


@composite(wide="rules", layout="like", name="copy", places="", node="CopyBackwards", samples=[((2, 3), (2, 3)), ((2, 3), (3,))])
def replaced(x, y, /):
    """The elements of `y` in the shape and dtype of `x`."""
    return astype(broadcast_to(y, x.shape), x.dtype)


@replaced.grad("x")
def _(g):
    return np.zeros_like(g)


@replaced.grad("y")
def _(g):
    return g


inplace.replaced = replaced


@function("Tensor")
def copy_(self: Tensor, other: Any, non_blocking: bool = False) -> Tensor:
    """Write the elements of `other`, broadcast and converted, into this tensor; returns it."""
    if not isinstance(other, Tensor):
        raise TypeError(located(f"copy_(): argument 'other' must be Tensor, not {type(other).__name__}"))
    if other._array.dtype.kind == "c" and self._array.dtype.kind not in "cb":
        warn_once(DISCARDS)
    if is_recorded(self, other) or modes.special:
        try:
            return write(replaced.op, (self, other), ())
        except Exception as error:
            trim(error)
            raise
    check_operands(replaced.op, self._array, (other,), "copy_")
    check_overlap(self._array, "copy_")
    try:
        if other._array.ndim > self._array.ndim:  # NumPy leaves out leading dimensions of size 1
            raise ValueError
        np.copyto(self._array, other._array, casting="unsafe")
    except FloatingPointError:  # what `np.seterr` asks for
        with np.errstate(all="ignore"):
            np.copyto(self._array, other._array, casting="unsafe")
    except ValueError:
        message = f"copy_(): shape {tuple(other.shape)} does not broadcast to the shape {tuple(self.shape)} of the tensor written to"
        raise RuntimeError(located(message)) from None
    note_change(self, "copy_")
    return self


@composite(wide="rules", layout="like", name="fill", inplace=False, places="", samples=[((2, 3), 2.5)])
def filled(x, /, value):
    """`value` in every element, with the shape and dtype of `x`."""
    return np.full_like(x, fitting(value, x.dtype))


@filled.grad("x")
def _(g):
    return np.zeros_like(g)


@function("torch Tensor")
def fill_(input: Tensor, value: Any) -> Tensor:
    """Write `value`, a number or a tensor of one element, everywhere; returns the tensor."""
    if isinstance(value, Tensor):
        if value._array.ndim:
            raise RuntimeError(located(f"fill_ only supports 0-dimension value tensor but got tensor with {value.ndim} dimensions."))
        return copy_(input, value)
    try:
        return _fill(input, scalar(value, input._array.dtype, "fill_()"))
    except Exception as error:
        trim(error)
        raise


def _fill(input: Tensor, value: Any) -> Tensor:
    if is_recorded(input) or modes.special:
        return write(filled.op, (input,), (value,))
    input._array.fill(value)
    note_change(input, "fill_")
    return input


@function("torch")
def fill(input: Tensor, value: Any) -> Tensor:
    """A tensor like `input` with `value`, a number or a tensor of one element, everywhere."""
    if isinstance(value, Tensor):
        if value._array.ndim:
            raise RuntimeError(located(f"fill only supports 0-dimension value tensor but got tensor with {value.ndim} dimensions."))
        return replaced(input, value)
    return filled(input, scalar(value, input._array.dtype, "fill()"))


@function("torch Tensor")
def zero_(input: Tensor) -> Tensor:
    """Write zero everywhere; returns the tensor."""
    try:
        return _fill(input, 0)
    except Exception as error:
        trim(error)
        raise


@function("Tensor")
def fill_diagonal_(self: Tensor, fill_value: Any, wrap: bool = False) -> Tensor:
    """Write `fill_value` where all indices are equal; with `wrap` the diagonal of a tall matrix starts again below its end."""
    if self.ndim < 2:
        raise RuntimeError(located(f"fill_diagonal_(): the tensor must have two dimensions at least, got {self.ndim}"))
    if self.ndim == 2:
        rows, columns = self.shape
        for top in range(0, rows if wrap else min(rows, 1), columns + 1):
            fill_(diagonal(part(self, (slice(top, None),))), fill_value)
        return self
    if len(set(self.shape)) > 1:
        raise RuntimeError(located(f"fill_diagonal_(): all dimensions of input must be of equal length, got {tuple(self.shape)}"))
    fill_(as_strided(self, (self.shape[0],), (sum(self.stride()),)), fill_value)
    return self


@function("Tensor")
def set_(
    self: Tensor, source: Any = None, storage_offset: int = 0, size: Any = None, stride: Any = None, *, storage: Any = None
) -> Tensor:  # fmt: skip
    """Make this tensor one on a storage, or on that of the tensor `source`, from an offset on, of these sizes and strides."""
    source = storage if source is None else source
    if source is None:
        array = np.empty(0, self._array.dtype)
    elif isinstance(source, Tensor) and size is None:
        _check_dtype(self, source.dtype)
        array = source._array
    else:
        _check_dtype(self, getattr(source, "dtype", self.dtype))
        memory = UntypedStorage.on(source._array) if isinstance(source, Tensor) else source.untyped()
        shape = (memory.nbytes() // self.itemsize - storage_offset,) if size is None else as_shape((size,))
        array = laid(memory, self.dtype, storage_offset, shape, rows(shape) if not stride else as_shape((stride,)))
    self._array = array
    self._view = self._view or unordered(array)
    return self


def _check_dtype(self: Tensor, given: Any) -> None:
    if given is not self.dtype:
        raise RuntimeError(located(f"set_(): the source is of {given}, the tensor of {self.dtype}: they must be of one dtype"))


def rows(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The strides, in elements, of a tensor that lies in rows."""
    found, step = [], 1
    for n in reversed(shape):
        found.append(step)
        step *= max(n, 1)
    return tuple(found[::-1])


@function("Tensor", form="(self, *sizes, memory_format=None)")
def resize_(self: Tensor, *sizes: Any, size: Any = None, memory_format: Any = None) -> Tensor:
    """Give it another shape in place, keeping the elements there is room for; new ones are not initialised."""
    shape = as_shape(sizes if size is None else (size,))
    old = self._array
    if shape == old.shape and memory_format is None:
        return self  # and lies as it did
    read(old, "resize_()")
    array = np.empty(shape, old.dtype)
    n = min(array.size, old.size)
    array.reshape(-1)[:n] = old.reshape(-1)[:n]
    self._array = meta.following(array, old)
    return self


@function("torch Tensor")
def resize_as_(input: Tensor, the_template: Tensor, *, memory_format: Any = None) -> Tensor:
    """Give it the shape of another tensor in place, as `resize_` does."""
    return resize_(input, the_template.shape)
