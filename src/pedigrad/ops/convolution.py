"""Convolutions and their transposes in one, two and three dimensions.

A convolution is bilinear in its input and its weight, so its two gradients are bilinear too: the three products are ops, and
the rules of each are the other two.
"""

from __future__ import annotations

import numpy as np

from ..op import composite
from .correlation import correlate, spread, weigh
from .language import conj
from .windows import geometry, ints


def _settings(kernel, stride, padding, dilation):
    """Stride, pads and dilation as tuples, one entry per spatial dimension."""
    n = len(kernel)
    stride, dilation = ints(stride, n, "stride"), ints(dilation, n, "dilation")
    if padding == "same":
        if any(s != 1 for s in stride):
            raise RuntimeError("padding='same' is not supported for strided convolutions")
        totals = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        return stride, tuple((t // 2, t - t // 2) for t in totals), dilation
    if isinstance(padding, str):
        if padding != "valid":
            raise RuntimeError(f"Invalid padding string: '{padding}'")
        padding = 0
    return stride, tuple((p, p) for p in ints(padding, n, "padding")), dilation


def _check(x, weight, bias, groups, transposed, name):
    ndim = weight.ndim
    if x.ndim not in (ndim, ndim - 1):
        raise RuntimeError(
            f"Expected {ndim - 1}D (unbatched) or {ndim}D (batched) input to {name}, but got input of size: {list(x.shape)}"
        )
    if groups < 1:
        raise RuntimeError("non-positive groups is not supported")
    channels = x.shape[1 - ndim]
    wanted = weight.shape[0] if transposed else weight.shape[1] * groups
    if channels != wanted or weight.shape[0] % groups:
        if weight.shape[0] % groups:
            what = f"expected weight to be divisible by {groups} at dimension 0"
        else:
            what = f"expected input{list(x.shape)} to have {wanted} channels, but got {channels} channels instead"
        raise RuntimeError(f"Given groups={groups}, weight of size {list(weight.shape)}, {what}")
    if x.dtype != weight.dtype or (bias is not None and bias.dtype != x.dtype):
        raise RuntimeError(
            f"{name}(): input, weight and bias must have one dtype, got {x.dtype}, {weight.dtype}"
            + (f" and {bias.dtype}" if bias is not None else "")
        )
    outputs = weight.shape[1] * groups if transposed else weight.shape[0]
    if bias is not None and bias.shape != (outputs,):
        raise RuntimeError(
            f"Given weight of size {list(weight.shape)}, expected bias to be 1-dimensional with {outputs} elements, "
            f"but got bias of size {list(bias.shape)} instead"
        )


# The three products. `stride`, `pads` and `dilation` are tuples already; x may lack the batch dimension.


@composite(places="", node="ConvolutionBackward0")
def conv_forward(x, weight, bias, /, stride, pads, dilation, groups):
    """The convolution of `x` with `weight`, plus `bias` per channel."""
    if x.ndim < weight.ndim:
        return conv_forward.op.forward(x[None], weight, bias, stride, pads, dilation, groups)[0]
    return correlate(x, weight, bias, geometry(x.shape[2:], weight.shape[2:], stride, pads, dilation), groups)


@composite(places="", node="ConvolutionBackwardBackward0")
def conv_input_grad(g, weight, /, sizes, stride, pads, dilation, groups):
    """The adjoint of the convolution with `weight`, of an input whose spatial sizes are `sizes`."""
    if g.ndim < weight.ndim:
        return conv_input_grad.op.forward(g[None], weight, sizes, stride, pads, dilation, groups)[0]
    return spread(g, weight, geometry(sizes, weight.shape[2:], stride, pads, dilation), groups)


@composite(places="", node="ConvolutionBackwardBackward0")
def conv_weight_grad(x, g, /, kernel, stride, pads, dilation, groups):
    """The gradient of the weight, whose spatial sizes are `kernel`, of a convolution of `x`."""
    if x.ndim < len(kernel) + 2:
        x, g = x[None], g[None]
    return weigh(x, g, geometry(x.shape[2:], kernel, stride, pads, dilation), groups)


def _bias_grad(g, spatial):
    lead = tuple(range(g.ndim - spatial - 1))
    return np.sum(g, axis=(*lead, *range(g.ndim - spatial, g.ndim)))


@conv_input_grad.grad("g")
def _(g, weight, stride, pads, dilation, groups):
    return conv_forward(g, conj(weight), None, stride, pads, dilation, groups)


@conv_input_grad.grad("weight")
def _(g, weight_shape, stride, pads, dilation, groups):
    raise NotImplementedError
