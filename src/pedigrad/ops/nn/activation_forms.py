"""Activation functions as `torch.nn.functional` has them: with an argument `inplace`, and with names that end in `_`."""

from __future__ import annotations

from ...core.declare import function, publish
from ...core.dispatch import under_name
from ...core.dtypes import uint8
from ..math.arithmetic import mul
from . import activation as ops


@function("F")
def relu(input, inplace=False):
    """Each element, or zero if it is negative.

    Shape: that of `input`.

    >>> torch.nn.functional.relu(torch.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    return ops.relu_(input) if inplace else ops.relu(input)


@function("F")
def relu6(input, inplace=False):
    """Each element, limited to the range from 0 to 6."""
    return ops.clipped_(input, 0, 6) if inplace else ops.clipped(input, 0, 6)


@function("F")
def hardtanh(input, min_val=-1.0, max_val=1.0, inplace=False):
    """Each element, limited to the range from `min_val` to `max_val`."""
    if input.dtype is uint8 and (min_val < 0 or max_val < 0):
        raise RuntimeError("cannot do hardtanh on an unsigned type with negative limits")
    if min_val > max_val:
        raise ValueError("min_val cannot be greater than max_val")
    return ops.clipped_(input, min_val, max_val) if inplace else ops.clipped(input, min_val, max_val)


@function("F")
def threshold(input, threshold, value, inplace=False):
    """Each element that is greater than `threshold`, `value` for the others."""
    return ops.threshold_(input, threshold, value) if inplace else ops.thresholded(input, threshold, value)


@function("F")
def leaky_relu(input, negative_slope=0.01, inplace=False):
    """Each positive element, `negative_slope` times the others."""
    return ops.leaky_(input, negative_slope) if inplace else ops.leaky(input, negative_slope)


@function("F")
def rrelu(input, lower=1.0 / 8, upper=1.0 / 3, training=False, inplace=False, *, generator=None):
    """Each positive element, the others times a slope drawn from [lower, upper); its mean if not `training`."""
    if lower > upper:
        message = "Lower bound should be less than or equal to the upper bound"
        raise RuntimeError(f"{message}, but found lower={lower} and upper={upper}")
    input = input if inplace else input.contiguous()  # as PyTorch's, the result lies in rows
    if not training or not (input.is_floating_point() or input.is_complex()):
        return leaky_relu(input, (lower + upper) / 2, inplace)
    slopes = ops.random_slopes(input._array, lower, upper, generator)
    return input.mul_(slopes) if inplace else mul(input, slopes)


@function("F")
def elu(input, alpha=1.0, inplace=False):
    """Each positive element, `alpha * (exp(x) - 1)` for the others."""
    return ops.exponential_linear_(input, alpha) if inplace else ops.exponential_linear(input, alpha)


@function("torch F")
def celu(input, alpha=1.0, inplace=False):
    """Each positive element, `alpha * (exp(x / alpha) - 1)` for the others."""
    if alpha == 0:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    form = ops.exponential_linear_ if inplace else ops.exponential_linear
    return under_name("CeluBackward0", form(input, alpha, 1.0, 1.0 / alpha))


@function("torch F")
def selu(input, inplace=False):
    """As `elu`, with the two constants that keep the mean at 0 and the variance at 1 from layer to layer."""
    form = ops.exponential_linear_ if inplace else ops.exponential_linear
    return form(input, ops.SELU_ALPHA, ops.SELU_SCALE)


@function("F")
def silu(input, inplace=False):
    """Each element times its sigmoid.

    Shape: that of `input`.

    >>> torch.nn.functional.silu(torch.tensor([0.0, 1.0]))
    tensor([0.0000, 0.7311])
    """
    return ops.silu_(input) if inplace else ops.silu(input)


@function("F")
def mish(input, inplace=False):
    """Each element times the hyperbolic tangent of its softplus."""
    return ops.mish_(input) if inplace else ops.mish(input)


@function("F")
def hardsigmoid(input, inplace=False):
    """`x / 6 + 1 / 2` for each element, limited to the range from 0 to 1."""
    return ops.linear_sigmoid_(input) if inplace else ops.linear_sigmoid(input)


@function("F")
def softsign(input):
    """`x / (1 + |x|)` for each element."""
    return input / (1 + input.abs()) if input.is_complex() else ops.bounded(input)


@function("F")
def hardswish(input, inplace=False):
    """Each element times `x / 6 + 1 / 2`, which is limited to the range from 0 to 1."""
    return ops.linear_swish_(input) if inplace else ops.linear_swish(input)


@function("torch F")
def threshold_(input, threshold, value):
    """In-place form of `threshold`."""
    return ops.threshold_(input, threshold, value)


@function("F")
def hardtanh_(input, min_val=-1.0, max_val=1.0):
    """In-place form of `hardtanh`."""
    return hardtanh(input, min_val, max_val, True)


@function("F")
def leaky_relu_(input, negative_slope=0.01):
    """In-place form of `leaky_relu`."""
    return ops.leaky_(input, negative_slope)


@function("torch F")
def rrelu_(input, lower=1.0 / 8, upper=1.0 / 3, training=False, generator=None):
    """In-place form of `rrelu`."""
    return rrelu(input, lower, upper, training, True, generator=generator)


@function("torch", name="rrelu")
def rrelu_drawn(input, lower=1.0 / 8, upper=1.0 / 3, training=False, generator=None):
    """Each positive element, the others times a slope drawn from [lower, upper); its mean if not `training`."""
    return rrelu(input, lower, upper, training, generator=generator)


@function("F")
def elu_(input, alpha=1.0, scale=1.0, input_scale=1.0):
    """In-place form of `elu`, its results times `scale` and what goes into the exponential times `input_scale`."""
    return ops.exponential_linear_(input, alpha, scale, input_scale)


@function("torch F")
def celu_(input, alpha=1.0):
    """In-place form of `celu`."""
    return celu(input, alpha, True)


@function("torch F")
def selu_(input):
    """In-place form of `selu`."""
    return selu(input, True)


publish(ops.relu_, "relu_", ["F"])
