"""Activation functions: what a layer's result goes through, element by element."""

from __future__ import annotations

import math

import numpy as np

from ...core.data import fitting
from ...core.declare import composite, elementwise, function
from ...core.inplace import inplace_form
from ...core.large import FEW, MANY, SEVERAL
from ...core.lifted import Lifted
from ...core.tensor import Tensor, wrap
from ...rng.generator import default_generator
from ..linked import kept, linked
from ..math.exponential import sigmoid
from ..math.special import erf
from ..xp import conj, total
from .reduction import in_dtype_of

SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805


def negative_part(x):
    """The negative elements, zero for the others; its slope at zero is 0."""
    return np.minimum(x, 0) if x.__class__ is np.ndarray else np.where(x >= 0, 0, x)


def logistic(x):
    """1 / (1 + exp(-x)), as one node on Tensors."""
    return sigmoid(x) if isinstance(x, Tensor) else sigmoid.op.forward(x)


def _error_function(x):
    return erf(x) if isinstance(x, Tensor) else erf.op.forward(x)


# Piecewise linear


@elementwise(native_from=FEW, wide=False, real=True, refuses="b")
def relu(x, /):
    """Each element, or zero if it is negative: max(x, 0).

    >>> torch.tensor([-1.0, 2.0]).relu()
    tensor([0., 2.])
    """
    return np.maximum(0, x)  # of two zeros the second: -0.0 stays what it is


@relu.grad("x")
def _(g, out):
    return linked(kept(g, out != 0), out)  # true for nan too


relu_ = inplace_form(relu.op)


@elementwise(native_from=FEW, wide=False, real=True, refuses="b", name="threshold", places="torch", samples=[((2, 3), 0.1, -1.0)])
def thresholded(x, /, threshold, value):
    """Each element that is greater than `threshold`, `value` for the others."""
    if x.dtype.kind == "b":
        raise NotImplementedError('"threshold" not implemented for bool')
    return np.where(x <= threshold, fitting(value, x.dtype) if x.__class__ is np.ndarray else value, x)


@thresholded.grad("x")
def _(g, x, threshold):
    return linked(kept(g, np.logical_not(x <= threshold)), x)


threshold_ = inplace_form(thresholded.op)


@elementwise(native_from=FEW, wide=False, real=True, refuses="b", name="hardtanh", places="", samples=[((2, 3),), ((2, 3), -0.5, 0.25)])
def clipped(x, /, min_val=-1.0, max_val=1.0):
    """Each element, limited to the range from `min_val` to `max_val`."""
    return np.clip(x, min_val, max_val)


@clipped.grad("x")
def _(g, x, min_val, max_val):
    return linked(kept(g, np.logical_and(x > min_val, x < max_val)), x)


clipped_ = inplace_form(clipped.op)


@elementwise(native_from=FEW, real=True, refuses="biu", name="leaky_relu", places="", result="float", samples=[((2, 3),), ((2, 3), 0.3)])
def leaky(x, /, negative_slope=0.01):
    """Each positive element, `negative_slope` times the others."""
    if x.__class__ is np.ndarray and 0 < negative_slope <= 1:  # 0 times infinity is nan
        return np.maximum(x, x * negative_slope)
    return np.where(x > 0, x, x * negative_slope)


@leaky.grad("x")
def _(g, x, negative_slope):
    positive = x > 0
    if g.__class__ is np.ndarray and 0 <= negative_slope <= 1:
        return g * np.maximum(positive.astype(g.dtype), negative_slope)
    return linked(np.where(positive, g, g * negative_slope), x)


leaky_ = inplace_form(leaky.op)


@composite(real=True, name="_prelu_kernel", layout="like", places="", samples=[((2, 3, 4), (3,)), ((2, 3), (1,)), ((3,), (1,)), ((), (1,))])
def sloped(x, weight, /):
    """Each positive element, `weight` times the others; one weight, or one for each index of dimension 1."""
    return np.where(x > 0, x, x * per_channel(weight, x.ndim))


@sloped.grad("x", "weight")
def _(g, x, weight, weight_shape, needs):
    positive = x > 0
    dx = linked(np.where(positive, g, g * per_channel(weight, x.ndim)), x) if needs[0] else None
    if not needs[1]:
        return dx, None
    dims = tuple(i for i in range(x.ndim) if i != 1 or math.prod(weight_shape) == 1)
    low = np.logical_not(positive)
    return dx, linked(np.reshape(total(kept(g * kept(x, low), low), dims), weight_shape), weight)


def per_channel(weight, ndim):
    """`weight` shaped to broadcast along dimension 1 of a tensor of `ndim` dimensions."""
    if math.prod(weight.shape) == 1:
        return np.reshape(weight, (1,) * ndim)
    return weight if ndim <= 1 else np.reshape(weight, (1, -1) + (1,) * (ndim - 2))


@function("torch Tensor F")
def prelu(input, weight):
    """Each positive element of `input`, `weight` times the others; one weight, or one for each index of dimension 1."""
    if weight.ndim > 1:
        raise RuntimeError(f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {weight.ndim}")
    channels = input.shape[1] if input.ndim > 1 else 1
    if input.dtype is not weight.dtype:
        raise RuntimeError(f"prelu: Type promoting not supported. Got {input.dtype} and {weight.dtype}")
    if weight.numel() != 1 and weight.numel() != channels:
        raise RuntimeError(
            f"Mismatch of parameter numbers and input channel size. Found parameter numbers = {weight.numel()}"
            f" and channel size = {channels}."
        )
    return sloped(input, weight)


# Exponential


@elementwise(
    native_from=SEVERAL,
    real=True,
    refuses="biu",
    name="elu",
    places="",
    result="float",
    samples=[((2, 3),), ((2, 3), 0.5), ((2, 3), 1.7, 1.1, 0.5)],
)
def exponential_linear(x, /, alpha=1.0, scale=1.0, input_scale=1.0):
    """`scale` times each positive element, `scale * alpha * (exp(input_scale * x) - 1)` for the others."""
    low = np.expm1(np.minimum(0, x) * input_scale) * (alpha * scale)
    high = np.maximum(0, x)
    return high * scale + low if scale != 1.0 else high + low


@exponential_linear.grad("x")
def _(g, x, alpha, scale, input_scale):
    slope = np.exp(negative_part(x) * input_scale)
    factor = alpha * scale * input_scale
    if factor != 1.0 or scale != 1.0:
        slope = np.where(x > 0, scale, slope * factor)
    return g * slope


exponential_linear_ = inplace_form(exponential_linear.op)


@elementwise(native_from=SEVERAL, refuses="biu", name="silu", places="", result="float")
def silu(x, /):
    """Each element times its sigmoid."""
    return x / (1 + np.exp(-x))


@silu.grad("x")
def _(g, x):
    s = logistic(x)
    return g * (s * (1 + x * (1 - s)))


silu_ = inplace_form(silu.op)


@elementwise(native_from=MANY, real=True, refuses="biu", name="mish", places="", result="float")
def mish(x, /):
    """Each element times the hyperbolic tangent of its softplus."""
    return x * _mish_factor(x)[0]


@mish.grad("x")
def _(g, x):
    factor, rest = _mish_factor(x)
    return g * (factor + x * logistic(x) * rest)


mish_ = inplace_form(mish.op)


def _mish_factor(x):
    """tanh(softplus(x)) and one minus its square, without cancellation: beyond 20 they are 1 and 0 in every dtype."""
    e = np.exp(np.minimum(x, 20))
    w = e * (e + 2)
    return w / (w + 2), np.where(x > 20, 0, 4 * (w + 1) / ((w + 2) * (w + 2)))


@composite(
    native_from=MANY,
    real=True,
    places="F",
    layout="like",
    outputs=("out", "share"),
    hidden=1,
    out=True,
    samples=[((2, 3),), ((2, 3), "tanh"), ((), "none"), ((0, 2), "none")],
)
def gelu(x, /, approximate="none"):
    """Each element times the normal distribution function of it, by `approximate="tanh"` with tanh in its place.

    x * (1 + erf(x / sqrt(2))) / 2 (Hendrycks and Gimpel 2016).

    Args:
        approximate: "none" or "tanh".

    Shape: that of `input`.

    >>> torch.nn.functional.gelu(torch.tensor([-1.0, 0.0, 1.0]))
    tensor([-0.1587,  0.0000,  0.8413])
    """
    if x.dtype.kind in "biu":
        raise NotImplementedError('"GeluKernelImpl" not implemented for integers')
    if approximate == "tanh":
        share = 0.5 * (1 + np.tanh(_gelu_inner(x)))
    elif approximate == "none":
        share = 0.5 * (1 + _error_function(x * math.sqrt(0.5)))
    else:
        raise RuntimeError("approximate argument must be either none or tanh.")
    return in_dtype_of(x, x * share), share[...] if isinstance(share, np.generic) else share  # only arrays are tracked


@gelu.grad("x")
def _(g, x, share, approximate):
    if approximate == "tanh":
        slope = 2 * share * (1 - share) * (math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * (x * x)))
    else:
        slope = np.exp(x * x * -0.5) * (1 / math.sqrt(2 * math.pi))
    return g * (share + x * slope)


def _gelu_inner(x):
    return (x + 0.044715 * (x * x * x)) * math.sqrt(2 / math.pi)


@elementwise(
    native_from=SEVERAL,
    real=True,
    refuses="biu",
    places="F",
    result="float",
    inplace=False,
    samples=[((2, 3),), ((2, 3), 2.0), ((2, 3), 3.0, 1.5)],
)
def softplus(x, /, beta=1, threshold=20):
    """log(1 + exp(beta * x)) / beta; where `beta * x` exceeds `threshold`, the element itself.

    >>> torch.nn.functional.softplus(torch.tensor([0.0, 30.0]))
    tensor([ 0.6931, 30.0000])
    """
    z = x if beta == 1 else x * beta
    y = np.log1p(np.exp(np.minimum(z, threshold)))
    return np.where(z > threshold, x, y if beta == 1 else y / beta)


@softplus.grad("x")
def _(g, x, beta, threshold):
    z = x if beta == 1 else x * beta
    return np.where(z > threshold, g, g * logistic(z))


@elementwise(
    native_from=SEVERAL, real=True, refuses="biu", places="F", result="float", inplace=False, layout="rows", node="LogSigmoidBackward0"
)
def logsigmoid(x, /):
    """The logarithm of the sigmoid of each element.

    >>> torch.nn.functional.logsigmoid(torch.tensor([0.0]))
    tensor([-0.6931])
    """
    return np.minimum(x, 0) - np.log1p(np.exp(-np.abs(x)))


@logsigmoid.grad("x")
def _(g, x):
    return g * logistic(-x)


# Others


@elementwise(native_from=SEVERAL, real=True, refuses="biu", name="hardsigmoid", places="", result="float")
def linear_sigmoid(x, /):
    """`x / 6 + 1 / 2`, limited to the range from 0 to 1."""
    return np.clip(x + 3, 0, 6) / 6


@linear_sigmoid.grad("x")
def _(g, x):
    return kept(g * (1 / 6), np.logical_and(x > -3, x < 3))


linear_sigmoid_ = inplace_form(linear_sigmoid.op)


@elementwise(native_from=SEVERAL, real=True, refuses="biu", name="hardswish", places="", result="float")
def linear_swish(x, /):
    """Each element times `x / 6 + 1 / 2`, which is limited to the range from 0 to 1."""
    return x * np.clip(x + 3, 0, 6) / 6


@linear_swish.grad("x")
def _(g, x):
    below = x <= -3
    return np.where(below, 0, g * np.where(x >= 3, 1, np.where(below, 0, x / 3 + 0.5)))


linear_swish_ = inplace_form(linear_swish.op)


@elementwise(native_from=FEW, refuses="b", name="softsign", places="", result="float", inplace=False)
def bounded(x, /):
    """`x / (1 + |x|)` for each element of a real tensor."""
    return x / (1 + np.abs(x))


@bounded.grad("x")
def _(g, x):
    d = 1 + np.abs(x)
    return np.where(np.isinf(x), np.nan, g / (d * d))


@elementwise(native_from=FEW, refuses="b", places="F", result="float", inplace=False)
def tanhshrink(x, /):
    """Each element less its hyperbolic tangent."""
    return x - np.tanh(x)


@tanhshrink.grad("x")
def _(g, x):
    t = np.tanh(x)
    return g * conj(t * t)


@elementwise(native_from=FEW, real=True, refuses="biu", places="F", result="float", inplace=False, samples=[((2, 3),), ((2, 3), 0.1)])
def softshrink(x, /, lambd=0.5):
    """Each element moved by `lambd` towards zero, and no further than zero."""
    if lambd < 0:
        raise RuntimeError(f"lambda must be greater or equal to 0, but found to be {lambd:g}.")
    return x - np.clip(x, -lambd, lambd)


@softshrink.grad("x")
def _(g, x, lambd):
    return linked(kept(g, np.abs(x) > lambd), x)


@elementwise(
    native_from=FEW,
    wide=False,
    real=True,
    refuses="biu",
    places="torch Tensor F",
    result="float",
    inplace=False,
    samples=[((2, 3),), ((2, 3), 0.1)],
)
def hardshrink(x, /, lambd=0.5):
    """Each element whose absolute value exceeds `lambd`, zero for the others."""
    if x.dtype.kind in "biu":
        raise NotImplementedError(f'"hardshrink" not implemented for {x.dtype.name}')
    return kept(x, np.logical_not(np.abs(x) <= lambd))


@hardshrink.grad("x")
def _(g, x, lambd):
    return linked(kept(g, np.abs(x) > lambd), x)


@composite(real=True, places="F", layout="like", samples=[((2, 4),), ((4, 3), 0), ((2, 6, 3), 1)])
def glu(x, /, dim=-1):
    """The first half of `x` along `dim`, times the sigmoid of the second half."""
    if x.dtype.kind in "biu":
        raise NotImplementedError(f'"glu" not implemented for {x.dtype.name}')
    a, b = halves(x, dim)
    return in_dtype_of(x, a * logistic(b))


@glu.grad("x")
def _(g, x, dim):
    a, b = halves(x, dim)
    s = logistic(b)
    gs = g * s
    return np.concatenate((gs, gs * (1 - s) * a), axis=dim)


def halves(x, dim):
    """The two halves of `x` along `dim`."""
    if x.ndim == 0:
        raise RuntimeError("glu does not support 0-dimensional tensors")
    size = x.shape[dim]
    if size % 2:
        raise RuntimeError(f"Halving dimension must be even, but dimension {dim} is size {size}")
    lead = (slice(None),) * (dim % x.ndim)
    return x[(*lead, slice(size // 2))], x[(*lead, slice(size // 2, None))]


def random_slopes(x, lower, upper, generator=None):
    """A slope for each element: 1 for the positive ones, a random one from [lower, upper) for the others."""
    low = x <= 0
    if isinstance(low, Lifted):  # how many are not positive is another number for each sample
        drawn = (generator or default_generator).uniform(x.shape, lower, upper, np.float64)
        return wrap(np.where(low, drawn, 1.0).astype(x.dtype))
    slopes = np.ones_like(x)
    slopes[low] = (generator or default_generator).uniform((int(np.count_nonzero(low)),), lower, upper, np.float64)
    return wrap(slopes)
