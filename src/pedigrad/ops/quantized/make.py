"""Quantized tensors made of floats or of whole numbers, and floats made of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core import dtypes
from ...core.declare import function
from ...core.origin import located
from ...core.quantized import INTEGERS, Quantized, QuantizedTensor, method, quantized_tensor
from ...core.shapes import as_shape
from ...core.tensor import Tensor, read_elements, wrap
from ..shape.convert import converted
from .rounding import nearest, parameters_for


def _integers(dtype: Any) -> np.dtype[Any]:
    """The NumPy dtype of the whole numbers of a quantized dtype; RuntimeError for other dtypes."""
    found = INTEGERS.get(getattr(dtype, "name", ""))
    if found is None:
        raise RuntimeError(located(f"{dtype} is no dtype of quantized tensors that is there: take torch.qint8, quint8 or qint32"))
    return found


def _floats(input: Any) -> Any:
    """The array of a float32 tensor that is to be quantized."""
    if not isinstance(input, Tensor):
        raise TypeError(located(f"quantize: argument 'input' must be Tensor, not {type(input).__name__}"))
    array = input._array
    if array.dtype != np.float32:
        raise RuntimeError(located(f"Quantize only works on Float Tensor, got {input.dtype}"))
    if not isinstance(array, np.ndarray):
        raise RuntimeError(located("quantize: a sample of a batch, or a tensor with a tangent, has no quantized form"))
    read_elements(array, "quantized tensors")
    return array


def _check_zero_points(zero_point: Any, integers: np.dtype[Any], what: str) -> None:
    info = np.iinfo(integers)
    for bound, wrong in (("below lower", np.less(zero_point, info.min)), ("above upper", np.greater(zero_point, info.max))):
        if np.any(wrong):
            shown = np.asarray(zero_point)[np.asarray(wrong)].flat[0]
            raise RuntimeError(located(f"{what} zero_point {shown} is {bound} bound."))


@function("torch", takes={"tensors": "input", "scales": "scale", "zero_points": "zero_point"})
def quantize_per_tensor(input: Any, scale: Any, zero_point: Any, dtype: Any) -> Any:
    """The tensor as whole numbers, with one scale and zero point: `round(input / scale) + zero_point`, within the range of `dtype`.

    Args:
        input: a float32 tensor, or a list of them.
        scale: a number, or a tensor with one for each tensor of a list.
        zero_point: the whole number that stands for 0.0, or a tensor with one for each tensor of a list.
        dtype: `torch.quint8` (0 to 255), `torch.qint8` (-128 to 127) or `torch.qint32`.

    The result has no gradient.

    >>> torch.quantize_per_tensor(torch.tensor([-1.0, 0.25, 9.0]), 0.5, 2, torch.quint8).int_repr()
    tensor([ 0,  2, 20], dtype=torch.uint8)
    """
    if isinstance(input, (tuple, list)):
        return tuple(quantize_per_tensor(*each, dtype) for each in zip(input, scale.tolist(), zero_point.tolist(), strict=True))
    integers, x = _integers(dtype), _floats(input)
    scale = float(scale)
    zero_point = int(zero_point)
    _check_zero_points(zero_point, integers, "quantize_tensor_per_tensor_affine")
    return quantized_tensor(Quantized(nearest(x, scale, zero_point, integers), dtype, scale, zero_point))


@function("torch")
def quantize_per_tensor_dynamic(input: Tensor, dtype: Any, reduce_range: bool) -> Any:
    """The tensor as whole numbers, with the scale and zero point that its own range asks for; of 7 bits with `reduce_range`."""
    integers, x = _integers(dtype), _floats(input)
    if integers.itemsize != 1:
        raise RuntimeError(located("dtype not supported for dynamic quantization"))
    info = np.iinfo(integers)
    low, high = (float(x.min()), float(x.max())) if x.size else (0.0, 0.0)
    halved = 2 if reduce_range else 1
    scale, zero_point = parameters_for(low, high, int(info.min / halved), int(info.max / halved))
    return quantize_per_tensor(input, scale, zero_point, dtype)


@function("torch")
def _choose_qparams_per_tensor(input: Tensor, reduce_range: bool = False) -> tuple[float, int]:
    """The scale and the zero point that the range of a tensor asks for in quint8."""
    x = _floats(input)
    low, high = (float(x.min()), float(x.max())) if x.size else (0.0, 0.0)
    return parameters_for(low, high, 0, 127 if reduce_range else 255)


def _along(input: Tensor, scales: Any, zero_points: Any, axis: int) -> tuple[Any, Any]:
    """The scales and zero points of the channels as arrays; RuntimeError if they do not fit."""
    if not 0 <= axis < input.ndim:
        expected = f"Got: {axis} Expected: [0, {input.ndim})"
        raise RuntimeError(located(f"Channel axis out of range in per channel affine quantization. {expected}"))
    scales, zeros = scales._array, zero_points._array
    if scales.ndim != 1 or zeros.ndim != 1:
        raise RuntimeError(located("scale and zero_point must be vectors, with one number for each channel"))
    for array in (scales, zeros):
        if len(array) != input.shape[axis]:
            raise RuntimeError(located(f"length of scales must equal to channel, expected {input.shape[axis]} got, {len(array)}"))
    if zeros.dtype.kind == "f":
        return scales.astype(np.float32), zeros.astype(np.float32)
    return scales.astype(np.float64), zeros.astype(np.int64)


@function("torch")
def quantize_per_channel(input: Tensor, scales: Tensor, zero_points: Tensor, axis: int, dtype: Any) -> Any:
    """The tensor as whole numbers, with a scale and a zero point for each index of the dimension `axis`.

    Args:
        input: a float32 tensor.
        scales, zero_points: vectors of `input.shape[axis]` numbers.
        axis: the dimension of the channels, counted from 0.
        dtype: `torch.quint8`, `torch.qint8` or `torch.qint32`.

    >>> x = torch.tensor([[1.0, 2.0], [1.0, 2.0]])
    >>> torch.quantize_per_channel(x, torch.tensor([1.0, 0.5]), torch.tensor([0, 1]), 0, torch.qint8).int_repr()
    tensor([[1, 2],
            [3, 5]], dtype=torch.int8)
    """
    integers, x = _integers(dtype), _floats(input)
    found = _along(input, scales, zero_points, axis)
    held = Quantized(x, dtype, *found, axis)
    if found[1].dtype.kind == "f":  # the zero point is a float of the same unit
        info = np.iinfo(integers)
        made = np.clip(np.rint(x / held.along(found[0]) + held.along(found[1])), info.min, info.max).astype(integers)
    else:
        _check_zero_points(found[1], integers, "quantize_tensor_per_channel_affine")
        made = nearest(x, held.along(found[0]), held.along(found[1]), integers)
    return quantized_tensor(held.with_integers(made))


@function("torch Tensor", form="(input)")
def dequantize(input: Any = None, *, tensors: Any = None) -> Any:
    """The floats that a quantized tensor, or each of a list of them, stands for; of another tensor its elements in float32."""
    input = tensors if input is None else input
    if isinstance(input, (tuple, list)):
        return tuple(map(dequantize, input))
    return wrap(input._quantized.floats()) if isinstance(input, QuantizedTensor) else converted(input, dtypes.float32)


_OF = {np.dtype(np.uint8): "quint8", np.dtype(np.int8): "qint8", np.dtype(np.int32): "qint32"}


@function("torch")
def _make_per_tensor_quantized_tensor(input: Tensor, scale: float, zero_point: int) -> Any:
    """A quantized tensor of its whole numbers, uint8, int8 or int32."""
    kind = dtypes.named(_OF[input._array.dtype])
    return quantized_tensor(Quantized(input._array.copy(), kind, float(scale), int(zero_point)))


@function("torch")
def _make_per_channel_quantized_tensor(input: Tensor, scale: Tensor, zero_point: Tensor, axis: int) -> Any:
    """A quantized tensor of its whole numbers, uint8, int8 or int32, and the scales and zero points of its channels."""
    kind = dtypes.named(_OF[input._array.dtype])
    return quantized_tensor(Quantized(input._array.copy(), kind, *_along(input, scale, zero_point, axis), axis))


@function("torch")
def _empty_affine_quantized(
    *size: Any, dtype: Any, scale: float = 1.0, zero_point: int = 0, device: Any = None, layout: Any = None, requires_grad: bool = False
) -> Any:
    """A quantized tensor of that size whose whole numbers are zero."""
    return quantized_tensor(Quantized(np.zeros(as_shape(size), _integers(dtype)), dtype, float(scale), int(zero_point)))


@function("torch")
def empty_quantized(
    size: Any, qtensor: Any, *, memory_format: Any = None, dtype: Any = None, layout: Any = None, device: Any = None,
    pin_memory: Any = None, requires_grad: bool = False,
) -> Any:  # fmt: skip
    """A quantized tensor of that size with the scale and zero point of another."""
    own = _own(qtensor, "empty_quantized")
    return quantized_tensor(own.with_integers(np.zeros(as_shape((size,)), own.dtype)))


# What they say of themselves


def _own(tensor: Any, name: str) -> Quantized:
    """The whole numbers and their scale; NotImplementedError for a tensor that is not quantized."""
    if not isinstance(tensor, QuantizedTensor):
        called = f"Could not run 'aten::{name}' with arguments from the 'CPU' backend"
        raise NotImplementedError(located(f"{called}: the tensor is not quantized: torch.quantize_per_tensor() makes one that is"))
    return tensor._quantized


def _one(tensor: Any, name: str) -> Quantized:
    own = _own(tensor, name)
    if own.axis is not None:
        raise RuntimeError(located(f"{name}(): the tensor is quantized by channels: see {name.replace('q_', 'q_per_channel_')}s()"))
    return own


def _several(tensor: Any, name: str) -> Quantized:
    own = _own(tensor, name)
    if own.axis is None:
        raise RuntimeError(located(f"{name}(): the tensor is not quantized by channels: see q_scale() and q_zero_point()"))
    return own


@function("torch Tensor")
def int_repr(input: Tensor) -> Tensor:
    """A copy of the whole numbers, in uint8, int8 or int32."""
    return wrap(_own(input, "int_repr").integers.copy())


@function("torch Tensor")
def q_scale(input: Tensor) -> float:
    """The scale of a tensor that is quantized as a whole."""
    return _one(input, "q_scale").scale


@function("torch Tensor")
def q_zero_point(input: Tensor) -> int:
    """The zero point of a tensor that is quantized as a whole."""
    return _one(input, "q_zero_point").zero_point


@function("torch Tensor")
def q_per_channel_scales(input: Tensor) -> Tensor:
    """The scales of a tensor that is quantized by channels, in float64."""
    return wrap(_several(input, "q_per_channel_scales").scale.copy())


@function("torch Tensor")
def q_per_channel_zero_points(input: Tensor) -> Tensor:
    """The zero points of a tensor that is quantized by channels, in int64."""
    return wrap(_several(input, "q_per_channel_zero_points").zero_point.copy())


@function("torch Tensor")
def q_per_channel_axis(input: Tensor) -> int:
    """The dimension of the channels of a tensor that is quantized by them."""
    axis = _several(input, "q_per_channel_axis").axis
    assert axis is not None
    return axis


@function("Tensor")
def qscheme(self: Tensor) -> Any:
    """How the tensor is quantized: `torch.per_tensor_affine`, `torch.per_channel_affine`."""
    return _own(self, "qscheme").scheme


def _refuse_conversion(self: Any, *args: Any, **kwargs: Any) -> Any:
    """RuntimeError: floats are made by dequantize(), whole numbers by int_repr()."""
    raise RuntimeError(located("Creation of quantized tensor requires quantized dtype like torch.quint8: call dequantize() or int_repr()"))


method("float", "double", "half", "bfloat16", "int", "long", "short", "bool")(_refuse_conversion)
