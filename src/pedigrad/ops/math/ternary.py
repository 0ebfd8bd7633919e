"""Choosing, clamping, and products added to a tensor."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.data import element, element_of
from ...core.declare import elementwise, function, kernel
from ...core.inplace import write
from ...core.large import FEW, SEVERAL
from ...core.origin import located, warn_once
from ...core.tensor import Tensor
from ..xp import conj


@elementwise(
    native_from=SEVERAL,
    wide=False,
    name="where",
    places="",
    promote=("x", "y"),
    inplace=False,
    samples=[((3,), (3,), (3,)), ((2, 1), (3,), ())],
)
def choose(condition, x, y, /):
    """Elements of `x` where the condition is true, else of `y`."""
    if condition.dtype.kind not in "bu":
        raise RuntimeError(f"where expected condition to be a boolean tensor, but got a tensor with dtype {condition.dtype}")
    return np.where(condition, x, y)


@choose.grad("x")
def _(g, condition):
    return np.where(condition, g, 0.0)


@choose.grad("y")
def _(g, condition):
    return np.where(condition, 0.0, g)


@kernel(places="", outputs=None)
def places_of(x, /):
    """The indices of the elements that are not zero, one tensor per dimension."""
    return np.nonzero(x if x.ndim else np.reshape(x, (1,)))


@function("torch", common=False)
def where(condition: Tensor, input: Any = None, other: Any = None, *, out: Any = None) -> Any:
    """Elements of `input` where `condition` is true, else of `other`; without them the indices of what is not zero.

    Args:
        condition: a tensor of booleans.
        input: a tensor or a number.
        other: a tensor or a number.

    Shape: that which all three broadcast to.

    >>> x = torch.tensor([-1.0, 2.0])
    >>> torch.where(x > 0, x, 0.1 * x)
    tensor([-0.1000,  2.0000])
    """
    if isinstance(condition, Tensor) and condition._array.dtype == np.uint8:
        warn_once("where received a uint8 condition tensor, which is deprecated: use a boolean condition")
    if input is None and other is None:
        return places_of(condition)
    if input.__class__ is not Tensor and isinstance(other, Tensor):
        element_of(other, input)
    elif other.__class__ is not Tensor and isinstance(input, Tensor):
        element_of(input, other)
    return choose(condition, input, other, out=out)


@function("Tensor", name="where")
def where_method(self: Any, condition: Tensor, other: Any) -> Tensor:
    """The elements where `condition` is true, else those of `other`."""
    element_of(self, other)
    return choose(condition, self, other)


# Maximum and minimum: where two elements are equal, each gets half the gradient


@elementwise(native_from=SEVERAL, real=True, inplace=False)
def maximum(x, y, /):
    """The larger of two elements; nan if one is nan.

    >>> torch.maximum(torch.tensor([1, 5]), torch.tensor([3, 2]))
    tensor([3, 5])
    """
    return np.maximum(x, y)


@maximum.grad("x")
def _(g, x, y):
    return np.where(x == y, g / 2, np.where(x < y, 0.0, g))


@maximum.grad("y")
def _(g, x, y):
    return np.where(x == y, g / 2, np.where(x > y, 0.0, g))


@elementwise(native_from=SEVERAL, real=True, inplace=False)
def minimum(x, y, /):
    """The smaller of two elements; nan if one is nan."""
    return np.minimum(x, y)


@minimum.grad("x")
def _(g, x, y):
    return np.where(x == y, g / 2, np.where(x > y, 0.0, g))


@minimum.grad("y")
def _(g, x, y):
    return np.where(x == y, g / 2, np.where(x < y, 0.0, g))


@elementwise(native_from=SEVERAL, real=True, inplace=False)
def fmax(x, y, /):
    """The larger of two elements; the other one if one is nan."""
    return np.fmax(x, y)


@fmax.grad("x")
def _(g, x, y):
    return np.where((x >= y) | np.isnan(y), g, 0.0)


@fmax.grad("y")
def _(g, x, y):
    return np.where((x >= y) | np.isnan(y), 0.0, g)


@elementwise(native_from=SEVERAL, real=True, inplace=False)
def fmin(x, y, /):
    """The smaller of two elements; the other one if one is nan."""
    return np.fmin(x, y)


@fmin.grad("x")
def _(g, x, y):
    return np.where((x <= y) | np.isnan(y), g, 0.0)


@fmin.grad("y")
def _(g, x, y):
    return np.where((x <= y) | np.isnan(y), 0.0, g)


# Clamping


@elementwise(native_from=FEW, real=True)
def clamp_min(x, min, /):
    """The elements, none below `min`."""
    return np.maximum(x, min)


@clamp_min.grad("x")
def _(g, x, min):
    return np.where(x >= min, g, 0.0)


@clamp_min.grad("min")
def _(g, x, min):
    return np.where(x < min, g, 0.0)


@elementwise(native_from=FEW, real=True)
def clamp_max(x, max, /):
    """The elements, none above `max`."""
    return np.minimum(x, max)


@clamp_max.grad("x")
def _(g, x, max):
    return np.where(x <= max, g, 0.0)


@clamp_max.grad("max")
def _(g, x, max):
    return np.where(x > max, g, 0.0)


@elementwise(
    native_from=FEW, wide=False, real=True, name="clamp", places="", node="ClampBackward1", samples=[((3,), (3,), (3,)), ((2, 1), (3,), ())]
)
def clamp_both(x, min, max, /):
    """The elements, none below `min`, none above `max`; `max` where the two cross."""
    return np.minimum(np.maximum(x, min), max)


@clamp_both.grad("x")
def _(g, x, min, max):
    return np.where((x >= min) & (x <= max), g, 0.0)


@clamp_both.grad("min")
def _(g, x, min, max):
    return np.where((x < min) & (min < max), g, 0.0)


@clamp_both.grad("max")
def _(g, x, min, max):
    return np.where((x > max) | (max < min), g, 0.0)


def _clamp_form(min: Any, max: Any) -> tuple[Any, tuple[Any, ...]]:
    if max is None:
        if min is None:
            raise RuntimeError(located("torch.clamp: At least one of 'min' or 'max' must not be None"))
        return clamp_min, (min,)
    return (clamp_max, (max,)) if min is None else (clamp_both, (min, max))


@function(aliases=("clip",))
def clamp(input: Tensor, min: Any = None, max: Any = None, *, out: Any = None) -> Tensor:
    """The elements brought into the range from `min` to `max`: numbers, tensors, or None for no bound.

    Args:
        min: the lower bound.
        max: the upper bound; it wins where it is the smaller one.

    Shape: that which all three broadcast to; dtypes are promoted to one.

    Raises:
        RuntimeError: neither bound is given.

    >>> torch.tensor([-2.0, 0.5, 3.0]).clamp(0, 1)
    tensor([0.0000, 0.5000, 1.0000])
    """
    element_of(input, min), element_of(input, max)
    form, bounds = _clamp_form(min, max)
    return form(input, *bounds, out=out)


@function("torch Tensor", aliases=("clip_",))
def clamp_(input: Tensor, min: Any = None, max: Any = None) -> Tensor:
    """Clamp in place."""
    element_of(input, min), element_of(input, max)
    form, bounds = _clamp_form(min, max)
    return write(form.op, (input, *bounds), ())


# Interpolation and fused products


@elementwise(native_from=SEVERAL, keeps_numbers=True, domain=(0.1, 0.9))
def lerp(x, end, weight, /):
    """`input + weight * (end - input)`: `input` at weight 0 and `end` at weight 1."""
    if isinstance(weight, (int, float)):
        return x + weight * (end - x) if -0.5 < weight < 0.5 else end - (end - x) * (1 - weight)
    return np.where(np.abs(weight) < 0.5, x + weight * (end - x), end - (end - x) * (1 - weight))


@lerp.grad("x")
def _(g, weight):
    return g * (1 - conj(weight))


@lerp.grad("end")
def _(g, weight):
    return g * conj(weight)


@lerp.grad("weight")
def _(g, x, end):
    return g * conj(end - x)


def _check_value(x, value, name):
    if x.dtype.kind in "biu" and isinstance(value, float):
        raise RuntimeError(f"{name}: for integral tensors, argument value must not be a floating point number.")


@elementwise(native_from=FEW)
def addcmul(x, tensor1, tensor2, /, *, value=1):
    """`input + value * tensor1 * tensor2`."""
    _check_value(x, value, "addcmul")
    if x.dtype.kind == "u":
        value = element(value, x.dtype)
    return x + (tensor1 * tensor2 if value == 1 else tensor1 * value * tensor2)


@addcmul.grad("x")
def _(g):
    return g


@addcmul.grad("tensor1")
def _(g, tensor2, value):
    return g * conj(tensor2 * value)


@addcmul.grad("tensor2")
def _(g, tensor1, value):
    return g * conj(tensor1 * value)


@elementwise(domain=(0.5, 2))
def addcdiv(x, tensor1, tensor2, /, *, value=1):
    """`input + value * tensor1 / tensor2`; floats only."""
    if x.dtype.kind in "biu":
        raise RuntimeError("Integer division with addcdiv is no longer supported, use floats")
    return x + (tensor1 / tensor2 if value == 1 else tensor1 * value / tensor2)


@addcdiv.grad("x")
def _(g):
    return g


@addcdiv.grad("tensor1")
def _(g, tensor2, value):
    return g * conj(value / tensor2)


@addcdiv.grad("tensor2")
def _(g, tensor1, tensor2, value):
    return -g * conj(tensor1 * value / (tensor2 * tensor2))
