"""Convolutions and their transposes in one, two and three dimensions.

A convolution is bilinear in its input and its weight, so its two gradients are bilinear too: the three products are ops, and
the rules of each are the other two.
"""

from __future__ import annotations

from ...core.declare import composite, function
from ...core.large import NEVER
from ..linked import linked
from ..xp import conj, total
from .correlation import correlate, input_grad, weight_grad
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
    pads = tuple((p, p) for p in ints(padding, n, "padding"))
    if any(lo < 0 for lo, _ in pads):
        raise RuntimeError("negative padding is not supported")
    return stride, pads, dilation


def _check(x, weight, bias, groups, transposed, name):
    ndim = weight.ndim
    if name[-2:] in ("1d", "2d", "3d") and ndim != int(name[-2]) + 2:
        raise RuntimeError(f"{name}(): expected a weight of {int(name[-2]) + 2} dimensions, got size {list(weight.shape)}")
    if x.ndim not in (ndim, ndim - 1):
        raise RuntimeError(f"Expected {ndim - 1}D (unbatched) or {ndim}D (batched) input to {name}, but got input of size: {list(x.shape)}")
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


# The three products. `stride`, `pads` and `dilation` are tuples already, `sizes` and `kernel` are spatial sizes.

ONE = ((1,), ((0, 0),), (1,))
TWO = ((2, 1), ((1, 1), (0, 1)), (1, 2))


@composite(native_from=NEVER, called="convolution", wide="rules", layout="convolution", places="", node="ConvolutionBackward0", samples=[
    ((2, 3, 5), (4, 3, 2), (4,), *ONE, 1), ((2, 4, 5, 6), (6, 2, 3, 2), None, *TWO, 2), ((2, 1, 4, 4), (1, 1, 2, 2), (1,), *TWO, 1),
])  # fmt: skip
def conv_forward(x, weight, bias=None, /, stride=(), pads=(), dilation=(), groups=1):
    """The convolution of `x` with `weight`, plus `bias` per channel."""
    return correlate(x, weight, bias, geometry(x.shape[2:], weight.shape[2:], stride, pads, dilation), groups)


@composite(native_from=NEVER, wide="rules", layout="convolution", places="", node="ConvolutionBackward0", samples=[
    ((2, 4, 4), (4, 3, 2), (3,), (5,), *ONE, 1), ((2, 6, 3, 3), (6, 2, 3, 2), None, (5, 4), *TWO, 2),
])  # fmt: skip
def conv_input_grad(y, weight, bias=None, /, sizes=(), stride=(), pads=(), dilation=(), groups=1):
    """The adjoint of a convolution of spatial sizes `sizes`: the gradient of its input, or a transposed convolution."""
    out = input_grad(y, weight, geometry(sizes, weight.shape[2:], stride, pads, dilation), groups)
    return out if bias is None else out + bias.reshape(-1, *(1,) * len(sizes))


@composite(native_from=NEVER, wide="rules", places="", node="ConvolutionBackwardBackward0", samples=[
    ((2, 3, 5), (2, 4, 4), (2,), *ONE, 1), ((2, 4, 5, 4), (2, 6, 3, 3), (3, 2), *TWO, 2),
])  # fmt: skip
def conv_weight_grad(x, y, /, kernel, stride, pads, dilation, groups):
    """The gradient of the weight, whose spatial sizes are `kernel`, of a convolution of `x`."""
    return weight_grad(x, y, geometry(x.shape[2:], kernel, stride, pads, dilation), groups)


@conv_forward.grad("x")
def _(g, weight, x_shape, stride, pads, dilation, groups):
    return conv_input_grad(g, conj(weight), None, x_shape[2:], stride, pads, dilation, groups)


@conv_forward.grad("weight")
def _(g, x, weight_shape, stride, pads, dilation, groups):
    return conv_weight_grad(conj(x), g, weight_shape[2:], stride, pads, dilation, groups)


@conv_input_grad.grad("y")
def _(g, weight, stride, pads, dilation, groups):
    return conv_forward(g, conj(weight), None, stride, pads, dilation, groups)


@conv_input_grad.grad("weight")
def _(g, y, weight_shape, stride, pads, dilation, groups):
    return conv_weight_grad(g, conj(y), weight_shape[2:], stride, pads, dilation, groups)


@conv_forward.grad("bias")
def _(g, x, weight):
    return linked(linked(total(g, (0, *range(2, g.ndim))), x), weight)


@conv_input_grad.grad("bias")
def _(g, y, weight):
    return linked(linked(total(g, (0, *range(2, g.ndim))), y), weight)


@conv_weight_grad.grad("x")
def _(g, y, x_shape, stride, pads, dilation, groups):
    return conv_input_grad(conj(y), g, None, x_shape[2:], stride, pads, dilation, groups)


@conv_weight_grad.grad("y")
def _(g, x, stride, pads, dilation, groups):
    return conv_forward(conj(x), g, None, stride, pads, dilation, groups)


# What users call


def _convolution(x, weight, bias, stride, padding, dilation, groups, name):
    _check(x, weight, bias, groups, False, name)
    stride, pads, dilation = _settings(weight.shape[2:], stride, padding, dilation)
    if x.ndim < weight.ndim:
        return conv_forward(x[None], weight, bias, stride, pads, dilation, groups)[0]
    return conv_forward(x, weight, bias, stride, pads, dilation, groups)


def _transposed(x, weight, bias, stride, padding, output_padding, groups, dilation, name):
    _check(x, weight, bias, groups, True, name)
    kernel = tuple(weight.shape[2:])
    stride, pads, dilation = _settings(kernel, stride, padding, dilation)
    extra = ints(output_padding, len(kernel), "output_padding")
    if any(e >= s and e >= d for e, s, d in zip(extra, stride, dilation, strict=True)):
        raise RuntimeError(
            f"output padding must be smaller than either stride or dilation, but got output_padding: {extra}, "
            f"stride: {stride}, dilation: {dilation}"
        )
    sizes = tuple(
        (n - 1) * s - 2 * lo + d * (k - 1) + e + 1
        for n, s, (lo, _), d, k, e in zip(x.shape[1 - weight.ndim + 1 :], stride, pads, dilation, kernel, extra, strict=True)
    )
    if min(sizes) < 1:
        raise RuntimeError(f"{name}(): the calculated output size {sizes} is too small")
    pads = tuple((lo, hi - e) for (lo, hi), e in zip(pads, extra, strict=True))
    if x.ndim < weight.ndim:
        return conv_input_grad(x[None], weight, bias, sizes, stride, pads, dilation, groups)[0]
    return conv_input_grad(x, weight, bias, sizes, stride, pads, dilation, groups)


@function("torch F")
def conv1d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """The convolution of `input` (N, C, L) with `weight` (O, C/groups, K), plus `bias` (O,): (N, O, L_out).

    Args:
        bias: of shape (O,).
        stride: how many elements apart windows are.
        padding: zeros on each side; "same" or "valid".
        dilation: how far apart the elements of a window are.

    Shape: (N, C, L) by (O, C / groups, K) gives (N, O, L_out).

    Raises:
        RuntimeError: channels or sizes do not fit.

    >>> torch.nn.functional.conv1d(torch.ones(1, 1, 5), torch.ones(2, 1, 3)).shape
    torch.Size([1, 2, 3])
    """
    return _convolution(input, weight, bias, stride, padding, dilation, groups, "conv1d")


@function("torch F")
def conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """The convolution of `input` (N, C, H, W) with `weight` (O, C/groups, KH, KW), plus `bias` (O,): (N, O, H_out, W_out).

    Kernels are not flipped. Each of `stride`, `padding` and `dilation` is a number or a pair, and

        H_out = floor((H + 2 * padding - dilation * (KH - 1) - 1) / stride) + 1

    Args:
        stride: how many elements apart windows are.
        padding: zeros on each side; "same" keeps the size (with a stride of 1), "valid" is none.
        dilation: how far apart the elements of a window are.
        groups: parts of the channels that do not see one another; C and O must be divisible by it.

    Shape: (N, C, H, W) by (O, C / groups, KH, KW) gives (N, O, H_out, W_out).

    Raises:
        RuntimeError: channels or sizes do not fit.

    >>> torch.nn.functional.conv2d(torch.ones(1, 3, 8, 8), torch.ones(4, 3, 3, 3), stride=2, padding=1).shape
    torch.Size([1, 4, 4, 4])
    """
    return _convolution(input, weight, bias, stride, padding, dilation, groups, "conv2d")


@function("torch F")
def conv3d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """The convolution of `input` (N, C, D, H, W) with `weight` (O, C/groups, KD, KH, KW), plus `bias` (O,).

    Args:
        bias: of shape (O,).
        stride: how many elements apart windows are.
        padding: zeros on each side; "same" or "valid".
        dilation: how far apart the elements of a window are.
        groups: parts of the channels that do not see one another.

    Shape: (N, C, D, H, W) gives (N, O, D_out, H_out, W_out).

    Raises:
        RuntimeError: channels or sizes do not fit.

    >>> torch.nn.functional.conv3d(torch.ones(1, 1, 4, 4, 4), torch.ones(2, 1, 3, 3, 3)).shape
    torch.Size([1, 2, 2, 2, 2])
    """
    return _convolution(input, weight, bias, stride, padding, dilation, groups, "conv3d")


@function("torch F")
def conv_transpose1d(input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """The transposed convolution of `input` (N, C, L) with `weight` (C, O/groups, K), plus `bias` (O,): (N, O, L_out)."""
    return _transposed(input, weight, bias, stride, padding, output_padding, groups, dilation, "conv_transpose1d")


@function("torch F")
def conv_transpose2d(input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """The transposed convolution of `input` (N, C, H, W) with `weight` (C, O/groups, KH, KW), plus `bias` (O,)."""
    return _transposed(input, weight, bias, stride, padding, output_padding, groups, dilation, "conv_transpose2d")


@function("torch F")
def conv_transpose3d(input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """The transposed convolution of `input` (N, C, D, H, W) with `weight` (C, O/groups, KD, KH, KW), plus `bias` (O,)."""
    return _transposed(input, weight, bias, stride, padding, output_padding, groups, dilation, "conv_transpose3d")


@function("torch")
def convolution(input, weight, bias, stride, padding, dilation, transposed, output_padding, groups):
    """The convolution, or with `transposed` the transposed one, of any number of dimensions."""
    if transposed:
        return _transposed(input, weight, bias, stride, padding, output_padding, groups, dilation, "convolution")
    return _convolution(input, weight, bias, stride, padding, dilation, groups, "convolution")
