"""Fake quantization: floats rounded to those that whole numbers can stand for, with the gradient of what was not cut off."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core import dtypes
from ...core.declare import composite, function
from ...core.dispatch import under_name
from ...core.origin import located
from ...core.shapes import one_dim
from ...core.tensor import Tensor, constant
from ..linked import kept, linked
from ..math.rounding import round

# Scales far below the steps that differences are taken with, so that the gradient is that of what is not cut off.
_SCALE, _ZERO = (lambda rng: np.array([2.0**-40], np.float32)), (lambda rng: np.array([3], np.int32))
SAMPLES: Any = [((2, 3), _SCALE, _ZERO, -(2**40), 2**40), ((4,), _SCALE, _ZERO, -(2**42), 2**39)]


def _whole(x, scale, zero_point):
    """Which whole number each element of `x` is rounded to, wherever the range ends."""
    inverse = np.float32(1) / scale.astype(np.float32)
    if zero_point.dtype.kind == "f":
        return round(x * inverse + zero_point)
    return round(x * inverse) + zero_point.astype(np.float32)


@composite(places="", layout="like", samples=SAMPLES)
def fake_quantized(x, scale, zero_point, /, quant_min, quant_max):
    """The elements of `x` rounded to multiples of `scale`, between those that `quant_min` and `quant_max` stand for.

    Scale and zero point broadcast with `x`.
    """
    whole = np.fmin(np.fmax(_whole(x, scale, zero_point), quant_min), quant_max)
    return ((whole - zero_point.astype(np.float32)) * scale.astype(np.float32)).astype(x.dtype)


@fake_quantized.grad("x")
def _(g, x, scale, zero_point, quant_min, quant_max):
    whole = _whole(x, scale, zero_point)
    return linked(kept(g, np.logical_and(whole >= quant_min, whole <= quant_max)), x)


def _check_range(zero_points: Any, quant_min: int, quant_max: int) -> None:
    if quant_min > quant_max:
        raise RuntimeError(located("`quant_min` should be less than or equal to `quant_max`."))
    if zero_points.dtype.kind != "f" and zero_points.size and not (zero_points.min() >= quant_min and zero_points.max() <= quant_max):
        raise RuntimeError(located("`zero_point` must be between `quant_min` and `quant_max`."))


def _check_floats(input: Tensor) -> None:
    if not input.is_floating_point():
        raise NotImplementedError(located(f'"fake_quantize_tensor_cachemask_kernel_type_handling" not implemented for {input.dtype}'))


def _without_gradient(name: str, value: Any) -> Any:
    if value.requires_grad:
        message = "is not differentiable with respect to argument 'scale'. This input cannot have requires_grad True."
        raise RuntimeError(located(f"The function '{name}' {message}"))
    return value


@function("torch")
def fake_quantize_per_tensor_affine(input: Tensor, scale: Any, zero_point: Any, quant_min: int, quant_max: int) -> Tensor:
    """The tensor as its quantized form would give it back: rounded to multiples of `scale`, and cut off at both ends of the range.

    The gradient goes through the rounding as it is, and is zero for what was cut off.

    Args:
        input: a tensor of floats.
        scale: a number, or a tensor of one.
        zero_point: the whole number that stands for 0.0, or a tensor of one, between `quant_min` and `quant_max`.
        quant_min, quant_max: the smallest and the largest whole number.

    >>> torch.fake_quantize_per_tensor_affine(torch.tensor([0.3, 0.6, 9.0]), 0.5, 0, 0, 7)
    tensor([0.5000, 0.5000, 3.5000])
    """
    _check_floats(input)
    several = isinstance(scale, Tensor)
    name = "_fake_quantize_per_tensor_affine_cachemask_tensor_qparams"
    scale = _without_gradient(name, scale).reshape(-1)[:1] if several else constant(np.array([scale], np.float32))
    zero = zero_point.reshape(-1)[:1] if isinstance(zero_point, Tensor) else constant(np.array([zero_point], np.int64))
    if not several:
        _check_range(zero._array, quant_min, quant_max)
    elif quant_min > quant_max:
        raise RuntimeError(located("`quant_min` should be less than or equal to `quant_max`."))
    node = "FakeQuantizePerTensorAffineCachemask" + ("TensorQparams" if several else "") + "Backward0"
    made = fake_quantized(input, scale, zero, quant_min, quant_max)
    return under_name(node, made.reshape(input.shape) if made.ndim != input.ndim else made)  # type: ignore[attr-defined]


@function("torch")
def fake_quantize_per_channel_affine(input: Tensor, scale: Tensor, zero_point: Tensor, axis: int, quant_min: int, quant_max: int) -> Tensor:
    """`fake_quantize_per_tensor_affine` with a scale and a zero point for each index of the dimension `axis`.

    Args:
        input: a tensor of floats.
        scale: a vector of `input.shape[axis]` floats.
        zero_point: a vector of as many int32 numbers, or floats.
        axis: the dimension of the channels.
        quant_min, quant_max: the smallest and the largest whole number.
    """
    _check_floats(input)
    dim = one_dim(axis, input.ndim)
    if axis < 0:
        raise RuntimeError(located(f"`axis` must be between 0 and number of dimensions of input, got {axis}"))
    if zero_point.dtype not in (dtypes.named("int32"), dtypes.named("float32"), dtypes.named("float16")):
        raise RuntimeError(located(f"Zero-point must be Int32, Float or Half, found {zero_point.dtype}"))
    if scale.ndim != 1 or zero_point.ndim != 1 or not len(scale) == len(zero_point) == input.shape[dim]:
        raise RuntimeError(located("dimensions of scale and zero-point are not consistent with input tensor"))
    _check_range(zero_point._array, quant_min, quant_max)
    shape = (-1, *(1,) * (input.ndim - dim - 1))
    made = fake_quantized(input, scale.detach().reshape(shape), zero_point.reshape(shape), quant_min, quant_max)  # type: ignore[attr-defined]
    return under_name("FakeQuantizePerChannelAffineCachemaskBackward0", made)


__all__ = ["fake_quantize_per_channel_affine", "fake_quantize_per_tensor_affine", "fake_quantized"]
