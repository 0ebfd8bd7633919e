"""What layers between quantized tensors compute: exact sums of products of whole numbers, brought to the scale of the result."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core import dtypes
from ...core.graph import note_write
from ...core.origin import located
from ...core.quantized import Quantized, QuantizedTensor, method, quantized_tensor, takes_quantized
from ...core.tensor import wrap
from ..math import exponential
from ..nn import adaptive_pooling, convolution, pooling
from ..reduce.sums import mean as mean_of_floats
from .products import centred, exact_product, sums_of
from .rounding import nearest

Array = np.ndarray[Any, Any]
CONVOLUTIONS = {1: convolution.conv1d, 2: convolution.conv2d, 3: convolution.conv3d}
QUINT8 = dtypes.named("quint8")


def activation(x: Any, what: str) -> Quantized:
    """The whole numbers of an activation, quint8 with one scale; NotImplementedError for another tensor."""
    if not isinstance(x, QuantizedTensor):
        called = f"Could not run 'quantized::{what}' with arguments from the 'CPU' backend"
        raise NotImplementedError(located(f"{called}: the input is not quantized: put a QuantStub before the layer, and convert the model"))
    own = x._quantized
    if own.axis is not None or own.kind is not QUINT8:
        raise RuntimeError(located(f"{what}: the input must be quint8 with one scale, got {own.kind} with {own.scheme}"))
    return own


def requantized(sums: Array, x: Quantized, weight: Quantized, bias: Any, scale: float, zero_point: int, relu: bool, axis: int) -> Any:
    """Sums of products of `x` and `weight`, whose channels lie along `axis`, plus a float bias, as quint8 by `scale` and `zero_point`."""
    sizes = [1] * sums.ndim
    sizes[axis] = -1
    unit = np.float32(x.scale) * np.asarray(weight.scale, np.float32)  # what one stands for
    floats = sums.astype(np.float32)
    if bias is not None:
        floats += (bias.detach()._array.astype(np.float32, copy=False) / unit).reshape(sizes)
    floats *= (unit / np.float32(scale)).reshape(sizes if unit.ndim else ())
    np.rint(floats, out=floats)
    floats += np.float32(zero_point)
    integers = np.clip(floats, zero_point if relu else 0, 255, out=floats).astype(np.uint8)
    return quantized_tensor(Quantized(integers, QUINT8, float(scale), int(zero_point)))


def quantized_linear(x: Any, weight: Any, bias: Any, scale: float, zero_point: int, relu: bool = False) -> Any:
    """`x @ weight.T + bias` for quint8 `x` (..., in_features) and a qint8 weight, as quint8 by `scale`; below zero zero with `relu`."""
    own, w = activation(x, "linear"), weight._quantized
    if own.shape[-1] != w.shape[1]:
        raise RuntimeError(
            located(f"the last dimension of the input must be {w.shape[1]}, as that of the weight is: got {list(own.shape)}")
        )
    sums = sums_of(own.integers, own.zero_point, w)
    return requantized(sums, own, w, bias, scale, zero_point, relu, sums.ndim - 1)


def quantized_conv(
    x: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, groups: int, scale: float, zero_point: int, relu: bool = False
) -> Any:
    """The convolution of quint8 `x` (N, C, *sizes) with a qint8 weight, as quint8 by `scale`; below zero zero with `relu`."""
    own, w = activation(x, "conv"), weight._quantized
    n = w.ndim - 2
    if own.ndim != n + 2 or own.shape[1] != w.shape[1] * groups:
        raise RuntimeError(
            located(f"the input must be of shape (N, {w.shape[1] * groups}, {', '.join('DHW'[3 - n :])}), got {list(own.shape)}")
        )
    if groups > 1:
        sums = np.ascontiguousarray(np.moveaxis(_grouped(own, w, stride, padding, dilation, groups), 1, -1))
    else:
        windows = _windows(own, w.shape[2:], stride, padding, dilation)
        columns = np.moveaxis(w.integers, 1, -1).reshape(len(w.integers), -1)
        sums = sums_of(
            windows.reshape(*windows.shape[: n + 1], -1), own.zero_point, Quantized(columns, w.kind, w.scale, w.zero_point, w.axis)
        )
    out = requantized(sums, own, w, bias, scale, zero_point, relu, n + 1)._quantized
    return quantized_tensor(out.with_integers(np.moveaxis(out.integers, -1, 1)))


def _windows(x: Quantized, kernel: Any, stride: Any, padding: Any, dilation: Any) -> Array:
    """What each place of the kernel sees, (N, *out, *kernel, C), channels next to each other; what is around stands for zero."""
    n = len(kernel)
    channels_last = np.moveaxis(x.integers, 1, -1)
    if any(padding):
        around = np.pad(channels_last, ((0, 0), *((p, p) for p in padding), (0, 0)), constant_values=x.zero_point)
    else:
        around = np.ascontiguousarray(channels_last)
    spans = tuple(d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True))
    if any(s > size for s, size in zip(spans, around.shape[1:-1], strict=True)):
        raise RuntimeError(located(f"the kernel {list(spans)} is larger than the input with its padding {list(around.shape[1:-1])}"))
    seen = np.lib.stride_tricks.sliding_window_view(around, spans, tuple(range(1, 1 + n)))
    steps = (*(slice(None, None, s) for s in stride), slice(None), *(slice(None, None, d) for d in dilation))
    return np.moveaxis(seen[(slice(None), *steps)], n + 1, -1)


def _grouped(x: Quantized, w: Quantized, stride: Any, padding: Any, dilation: Any, groups: int) -> Array:
    """The sums of a convolution in groups: that of floats where these are exact, which they are for few channels."""
    whole, columns = x.integers.astype(np.float32) - np.float32(x.zero_point), centred(w)
    if int(np.prod(w.shape[1:])) * 255 * 255 <= 1 << 24:
        out = CONVOLUTIONS[w.ndim - 2](wrap(whole), wrap(columns), None, stride, padding, dilation, groups)
        return np.rint(out._array)
    parts = []
    for pixels, rows in zip(np.split(x.integers, groups, 1), np.split(columns, groups), strict=True):
        windows = _windows(x.with_integers(pixels), w.shape[2:], stride, padding, dilation)
        flat = windows.reshape(*windows.shape[: w.ndim - 1], -1).astype(np.float32) - np.float32(x.zero_point)
        parts.append(exact_product(flat, np.moveaxis(rows, 1, -1).reshape(len(rows), -1), 255 * 255))
    return np.moveaxis(np.concatenate(parts, -1), -1, 1)


# Elements of two tensors, and what floats make of them


def of_floats(function: Any, scale: float, zero_point: int, *tensors: Any) -> Any:
    """What a function makes of the floats that quantized tensors stand for, as quint8 by `scale`."""
    floats = (wrap(activation(t, getattr(function, "__name__", "operation")).floats()) for t in tensors)
    found = function(*floats)._array
    return quantized_tensor(Quantized(nearest(found, scale, zero_point, np.dtype(np.uint8)), QUINT8, float(scale), int(zero_point)))


def scaled(x: Any, factor: float) -> Any:
    """A tensor times a number: the same whole numbers, or the opposite ones, with another scale."""
    own = activation(x, "mul_scalar")
    if factor == 0:
        return quantized_tensor(Quantized(np.zeros_like(own.integers), own.kind, 1.0, 0))
    integers, zero = (own.integers.copy(), own.zero_point) if factor > 0 else (255 - own.integers, 255 - own.zero_point)
    return quantized_tensor(Quantized(integers, own.kind, own.scale * abs(factor), zero))


def _keeping_scale(function: Any, name: str) -> None:
    """Have a function of floats that keeps their range take quantized tensors: it is given the whole numbers less the zero point."""

    @takes_quantized(name)
    def form(x: QuantizedTensor, *args: Any, **kwargs: Any) -> Any:
        own = x._quantized
        if own.axis is not None:
            raise RuntimeError(located(f"{name}(): the tensor is quantized by channels: call dequantize() first"))
        found = function(wrap(own.integers.astype(np.float32) - np.float32(own.zero_point)), *args, **kwargs)
        info = np.iinfo(own.dtype)
        integers = np.clip(np.rint(found._array + np.float32(own.zero_point)), info.min, info.max).astype(own.dtype)
        return quantized_tensor(own.with_integers(integers))


for _function in (pooling.window_max, pooling.window_mean, adaptive_pooling.adaptive_mean, mean_of_floats):
    _keeping_scale(_function, _function.op.name)


@takes_quantized("sigmoid")
def sigmoid(x: QuantizedTensor) -> Any:
    """The logistic function of each element, with the scale of all that lies between 0 and 1."""
    return of_floats(exponential.sigmoid, 1 / 256, 0, x)


@takes_quantized("tanh")
def tanh(x: QuantizedTensor) -> Any:
    """The hyperbolic tangent of each element, with the scale of all that lies between -1 and 1."""
    return of_floats(exponential.tanh, 2 / 256, 128, x)


@takes_quantized("relu_")
def relu_(x: QuantizedTensor) -> Any:
    """Each element, or the zero point if that is larger, in place."""
    own = x._quantized
    np.maximum(own.integers, own.dtype.type(own.along(own.zero_point)), out=own.integers)
    note_write(own.integers, "relu_")
    return x


method("relu_")(relu_)


@takes_quantized("hardtanh")
def limited(x: QuantizedTensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Any:
    """Each element between `min_val` and `max_val`."""
    own = activation(x, "hardtanh")
    ends = nearest(np.array([min_val, max_val], np.float32), own.scale, own.zero_point, own.dtype)
    found = np.clip(own.integers, ends[0], ends[1])
    if not inplace:
        return quantized_tensor(own.with_integers(found))
    own.integers[...] = found
    note_write(own.integers, "hardtanh_")
    return x


@takes_quantized("hardtanh_")
def limited_(x: QuantizedTensor, min_val: float = -1.0, max_val: float = 1.0) -> Any:
    """Each element between `min_val` and `max_val`, in place."""
    return limited(x, min_val, max_val, True)
