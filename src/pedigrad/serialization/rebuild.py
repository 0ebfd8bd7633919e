"""What pickles call to make tensors, under the names of PyTorch's own functions. Nothing they are given is believed."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np

from ..core import dtypes, meta
from ..core.memory import laid
from ..core.quantized import INTEGERS, Quantized, per_tensor_affine, qscheme, quantized_tensor
from ..core.sparse_tensor import LAYOUTS, sparse_bsc, sparse_bsr, sparse_coo, sparse_csc, sparse_csr
from ..core.tensor import Tensor, wrap
from ..nn.parameter import share
from ..ops.sparse.text import of_parts
from ..storage import TypedStorage


def _whole(value: Any, what: str) -> int:
    if type(value) is not int:
        raise pickle.UnpicklingError(f"the {what} of a tensor is {type(value).__name__}, not an int")
    return value


def _numbers(values: Any, what: str) -> tuple[int, ...]:
    if not isinstance(values, (tuple, list)):
        raise pickle.UnpicklingError(f"the {what} of a tensor is {type(values).__name__}, not a tuple")
    return tuple(_whole(value, what) for value in values)


def _tensor(storage: Any, dtype: Any, offset: Any, size: Any, stride: Any) -> Tensor:
    if not isinstance(storage, TypedStorage) or not isinstance(dtype, dtypes.dtype):
        raise pickle.UnpicklingError(f"a tensor is in a storage and of a dtype, not in {type(storage).__name__} of {type(dtype).__name__}")
    size, stride = _numbers(size, "size"), _numbers(stride, "stride")
    try:
        array = laid(storage._untyped_storage, dtype, _whole(offset, "offset"), size, stride)
    except RuntimeError as error:
        raise pickle.UnpicklingError(f"the file describes a tensor that is not there: {error}") from None
    return wrap(array)


def _rebuild_tensor(storage: Any, storage_offset: Any, size: Any, stride: Any) -> Tensor:
    """A tensor in a storage, as old files have it."""
    return _tensor(storage, getattr(storage, "dtype", None), storage_offset, size, stride)


def _rebuild_tensor_v2(
    storage: Any, storage_offset: Any, size: Any, stride: Any, requires_grad: Any, backward_hooks: Any, metadata: Any = None
) -> Tensor:
    """A tensor in a storage of its dtype."""
    out = _tensor(storage, getattr(storage, "dtype", None), storage_offset, size, stride)
    return _finished(out, requires_grad, metadata)


def _rebuild_tensor_v3(
    storage: Any, storage_offset: Any, size: Any, stride: Any, requires_grad: Any, backward_hooks: Any, dtype: Any, metadata: Any = None
) -> Tensor:
    """A tensor in a storage of bytes."""
    return _finished(_tensor(storage, dtype, storage_offset, size, stride), requires_grad, metadata)


def _rebuild_meta_tensor_no_storage(dtype: Any, size: Any, stride: Any, requires_grad: Any) -> Tensor:
    """A tensor without memory."""
    size, stride = _numbers(size, "size"), _numbers(stride, "stride")
    if not isinstance(dtype, dtypes.dtype) or len(size) != len(stride) or any(n < 0 for n in (*size, *stride)):
        raise pickle.UnpicklingError(f"the file describes a tensor that is none: of {dtype}, shape {size} and strides {stride}")
    try:
        out = wrap(meta.strided(size, stride, dtypes.to_numpy(dtype)))
    except (ValueError, OverflowError, OSError) as error:
        raise pickle.UnpicklingError(f"the file describes a tensor that is too large: of shape {size}") from error
    return _finished(out, requires_grad, None)


def _finished(out: Tensor, requires_grad: Any, metadata: Any) -> Tensor:
    """`out` with what PyTorch marks as still to be done to it done: conjugates and negatives; then whether it needs a gradient."""
    if isinstance(metadata, dict):
        if metadata.get("conj"):
            out = wrap(np.conjugate(out._array))
        if metadata.get("neg"):
            out = wrap(np.negative(out._array))
    return out.requires_grad_() if requires_grad else out


def _rebuild_from_type_v2(func: Any, new_type: Any, args: Any, state: Any) -> Any:
    """What `func` makes, as an instance of a subclass of Tensor, with attributes."""
    made = func(*args)
    if not isinstance(made, Tensor) or not (isinstance(new_type, type) and issubclass(new_type, Tensor)):
        raise pickle.UnpicklingError("a tensor is to be made by something that makes none, or of a class that is no tensor's")
    if type(made) is not new_type:
        needs_grad = made.requires_grad
        made = share(new_type, made)
        if needs_grad:
            made.requires_grad_()
    slots: Any = None
    if isinstance(state, tuple) and len(state) == 2:
        state, slots = state
    if not all(each is None or isinstance(each, dict) for each in (state, slots)):
        raise pickle.UnpicklingError(f"the attributes of a tensor are {type(state).__name__}, not a dict")
    if state:
        made.__dict__.update(copy.copy(state))
    for name, value in (slots or {}).items():
        setattr(made, name, value)
    return made


def _get_layout(name: Any) -> Any:
    """The layout of that name."""
    found = LAYOUTS.get(name.removeprefix("torch.")) if isinstance(name, str) else None
    if found is None:
        raise pickle.UnpicklingError(f"the file holds the layout {name if isinstance(name, str) else type(name).__name__}")
    return found


def _rebuild_sparse_tensor(layout: Any, data: Any) -> Tensor:
    """A sparse tensor of its parts: places, values, size, and of coordinates whether they are in order."""
    if layout not in (sparse_coo, sparse_csr, sparse_csc, sparse_bsr, sparse_bsc) or not isinstance(data, tuple) or len(data) not in (3, 4):
        raise pickle.UnpicklingError(
            f"the file holds a sparse tensor of the layout {layout}, and pedigrad has torch.sparse_coo, csr, csc, bsr and bsc"
        )
    count = 2 if layout is sparse_coo else 3
    if not all(type(each) is Tensor for each in data[:count]):
        raise pickle.UnpicklingError("a sparse tensor is made of tensors")
    size = _numbers(data[count], "size")
    try:
        return of_parts(layout, (*data[:count], size, *data[count + 1 :]))
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        raise pickle.UnpicklingError(f"the file describes a sparse tensor that is none: {error}") from None


def _rebuild_qtensor(
    storage: Any, storage_offset: Any, size: Any, stride: Any, quantizer_params: Any, requires_grad: Any, backward_hooks: Any
) -> Tensor:
    """A quantized tensor of its whole numbers in a storage, and of how they stand for floats."""
    kind: Any = getattr(storage, "dtype", None)
    if getattr(kind, "name", None) not in INTEGERS:
        raise pickle.UnpicklingError(f"the file holds a quantized tensor of {kind}, and pedigrad has torch.qint8, quint8 and qint32")
    integers = _tensor(storage, dtypes.from_numpy(INTEGERS[kind.name]), storage_offset, size, stride)._array
    if not isinstance(quantizer_params, tuple) or len(quantizer_params) not in (3, 4) or not isinstance(quantizer_params[0], qscheme):
        raise pickle.UnpicklingError("the file does not say how a quantized tensor stands for floats")
    scheme, scale, zero_point, *axis = quantizer_params
    if scheme is per_tensor_affine and not axis and isinstance(scale, float) and isinstance(zero_point, int):
        return quantized_tensor(Quantized(integers, kind, scale, zero_point))
    tensors = type(scale) is Tensor and type(zero_point) is Tensor
    if not tensors or not axis or not 0 <= _whole(axis[0], "axis") < integers.ndim:
        raise pickle.UnpicklingError("the file does not say how a quantized tensor stands for floats")
    if not scale.shape == zero_point.shape == (integers.shape[axis[0]],):
        raise pickle.UnpicklingError("the file has other scales than a quantized tensor has channels")
    return quantized_tensor(Quantized(integers, kind, scale._array, zero_point._array, axis[0]))
