"""Normalization: tensors brought to mean 0 and variance 1 along some dimensions, then scaled and shifted by parameters."""

from __future__ import annotations

import math

import numpy as np

from ...core import modes
from ...core.declare import composite, function
from ...core.large import MANY, NEVER, SEVERAL
from ...core.precision import is_narrow, widened
from ...eager import native
from ..linked import linked
from ..xp import double_total, less, row_total, total
from .reduction import constant, in_dtype_of
from .running_statistics import Running, channel_dims, count_of, of_channels


def moments(x, dims, count):
    """Mean, deviations from it and their mean square along `dims`, which are kept.

    The mean is of float64: where it is large beside the deviations, float32 would round it to a multiple of them.
    """
    mean = double_total(x, dims, True) / count
    deviation = less(x, mean)
    return mean, deviation, row_total(deviation * deviation, dims, True) / count


def scale_of(variance, eps):
    """What brings deviations to variance 1: nan where the variance has overflowed, where 1 / inf would make zeros of them all."""
    square = variance + eps
    return np.sqrt(square) / square


def centred(g, normal, dims, count):
    """What of `g` is orthogonal along `dims` to a constant and to `normal`: the gradient before it is scaled."""
    add = row_total if dims == -1 else total
    return g - add(g, dims, True) / count - normal * (add(g * normal, dims, True) / count)


def last(ndim, n):
    """The last `n` dimensions; an int for one, which NumPy reduces fastest."""
    return -1 if n == 1 else tuple(range(ndim - n, ndim))


def lead_dims(ndim, n):
    """All dimensions but the last `n`."""
    return tuple(range(ndim - n))


def need_floats(x, name):
    """NotImplementedError for integers."""
    if x.dtype.kind in "biu":
        raise NotImplementedError(f'"{name}" not implemented for {x.dtype.name}')


# Along the last dimensions


@composite(
    native_from=MANY,
    wide="mixed",
    real=True, name="native_layer_norm", places="", outputs=("out", "mean", "scale"), hidden=2, node="NativeLayerNormBackward0",
    samples=[((2, 3), (3,), (3,), 1, 1e-5), ((2, 3, 4), (3, 4), (3, 4), 2, 1e-5), ((2, 3), None, None, 1, 1e-5),
             ((3,), (3,), None, 1, 0.1)],
)  # fmt: skip
def layer_normal(x, weight=None, bias=None, /, n=1, eps=1e-5):
    """`x` normalized along its last `n` dimensions, times `weight`, plus `bias`."""
    need_floats(x, "LayerNormKernelImpl")
    dims = last(x.ndim, n)
    mean, deviation, variance = moments(x, dims, math.prod(x.shape[x.ndim - n :]))
    scale = scale_of(variance, eps)
    out = deviation * scale
    if weight is not None:
        out = out * weight
    return in_dtype_of(x, out if bias is None else out + bias), mean, scale


@layer_normal.grad("x", "weight")
def _(g, x, weight, mean, scale, n, eps, needs):
    normal = less(x, mean) * scale
    dx = dweight = None
    if weight is not None and needs[1]:
        lead = lead_dims(x.ndim, n)
        dweight = total(g * normal, lead) if lead else g * normal
    if needs[0]:
        g = g if weight is None else g * weight
        dx = centred(g, normal, last(x.ndim, n), math.prod(x.shape[x.ndim - n :])) * scale
    return dx, dweight


@layer_normal.grad("bias")
def _(g, x, bias):
    lead = lead_dims(g.ndim, bias.ndim)
    return linked(total(g, lead) if lead else g, x)


def check_normalized_shape(input, normalized_shape, weight, bias=None):
    """The number of dimensions meant by `normalized_shape`; RuntimeError if they are not the last of `input`."""
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    if not shape:
        raise RuntimeError(f"Expected normalized_shape to be at least 1-dimensional, but got normalized_shape = {list(shape)}")
    for name, tensor in (("weight", weight), ("bias", bias)):
        if tensor is not None and tensor._array.shape != shape:
            raise RuntimeError(
                f"Expected {name} to be of same shape as normalized_shape, but got {name} of shape {list(tensor.shape)}"
                f" and normalized_shape = {list(shape)}"
            )
    if input._array.shape[-len(shape) :] != shape:
        sizes = "".join(f", {n}" for n in shape)
        raise RuntimeError(
            f"Given normalized_shape={list(shape)}, expected input with shape [*{sizes}], but got input of size{list(input.shape)}"
        )
    return len(shape)


@function("F")
def layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-05):
    """`input` normalized along its last dimensions, whose sizes are `normalized_shape`, times `weight`, plus `bias`."""
    return layer_normal(input, weight, bias, check_normalized_shape(input, normalized_shape, weight, bias), eps)


@function("torch", name="layer_norm")
def layer_norm_with_switch(input, normalized_shape, weight=None, bias=None, eps=1e-05, cudnn_enable=True):
    """`input` normalized along its last dimensions, whose sizes are `normalized_shape`, times `weight`, plus `bias`."""
    return layer_norm(input, normalized_shape, weight, bias, eps)


@composite(
    native_from=SEVERAL,
    wide="mixed",
    name="rms_norm_scaled", called="rms_norm", places="", outputs=("out", "scale"), hidden=1, node="RmsNormBackward0",
    samples=[((2, 3), (3,), 1, 1e-5), ((2, 3, 4), (3, 4), 2, 1e-5), ((2, 3), None, 1, 1e-5)],
)  # fmt: skip
def rms_normal(x, weight=None, /, n=1, eps=1e-5):
    """`x` divided by its root mean square along its last `n` dimensions, times `weight`."""
    square = row_total(x * x, last(x.ndim, n), True)
    scale = 1 / np.sqrt(square / math.prod(x.shape[x.ndim - n :]) + eps)
    out = x * scale
    return in_dtype_of(x, out if weight is None else out * weight), scale


@rms_normal.grad("x", "weight")
def _(g, x, weight, scale, n, eps, needs):
    normal = x * scale
    dx = dweight = None
    if weight is not None and needs[1]:
        lead = lead_dims(x.ndim, n)
        dweight = total(g * normal, lead) if lead else g * normal
    if needs[0]:
        g = g if weight is None else g * weight
        along = row_total(g * normal, last(x.ndim, n), True) / math.prod(x.shape[x.ndim - n :])
        dx = (g - normal * along) * scale
    return dx, dweight


@function("torch F")
def rms_norm(input, normalized_shape, weight=None, eps=None):
    """`input` divided by its root mean square along its last dimensions, whose sizes are `normalized_shape`, times `weight`.

    `eps`, which is added to the mean square, is the precision of the dtype by default.
    """
    n = check_normalized_shape(input, normalized_shape, weight)
    if eps is None:
        eps = precision(input)
    if input.is_complex():
        out = input * ((input * input).mean(tuple(range(-n, 0)), True) + eps) ** -0.5
        return out if weight is None else out * weight
    return rms_normal(input, weight, n, eps)


def precision(input):
    """The difference between 1 and the next larger number of the dtype that `input` is computed in."""
    return float(np.finfo(np.float64 if input.dtype.name in ("float64", "complex128") else np.float32).eps)


# Along all dimensions but the channels


def _scaled(x, shift, scale, weight, bias):
    """`(x - shift) * scale`, times `weight`, plus `bias`: vectors of the channels."""
    if weight is not None:
        weight = of_channels(weight, x.ndim)
    out = (x - shift) * (scale if weight is None else scale * weight)
    return out if bias is None else out + of_channels(bias, x.ndim)


@composite(
    wide="mixed", layout="channels",
    real=True, name="native_batch_norm", places="", outputs=("out", "mean", "variance"), hidden=2,
    samples=[((4, 3), (3,), (3,), 1e-5), ((2, 3, 4), None, None, 1e-5), ((2, 3, 2, 2), (3,), None, 0.1)],
)  # fmt: skip
def batch_normal(x, weight=None, bias=None, /, eps=1e-5, running=None):
    """Each channel of `x` normalized over the whole batch, times `weight`, plus `bias`; `running` is told the statistics."""
    need_floats(x, "batch_norm")
    out, mean, variance = native.computed(normalized, (x, weight, bias), eps, least=SEVERAL) or normalized(x, weight, bias, eps)
    if running is not None and not hasattr(x, "requires_grad"):  # run again on Tensors for the second derivative, it moves nothing
        running.move(mean, variance, count_of(x, channel_dims(x.ndim)))
    return in_dtype_of(x, out), mean, variance


def normalized(x, weight, bias, eps):
    """Each channel with mean 0 and variance 1, times `weight`, plus `bias`; the mean and the variance."""
    dims = channel_dims(x.ndim)
    mean, deviation, variance = moments(x, dims, count_of(x, dims))
    scale = scale_of(variance, eps)
    out = deviation * (scale if weight is None else scale * of_channels(weight, x.ndim))
    return out if bias is None else out + of_channels(bias, x.ndim), mean, variance


@batch_normal.grad("x", "weight", "bias")
def _(g, x, weight, mean, variance, eps, needs):
    arrays, rest = (g, x, weight, mean, variance), (eps, tuple(needs))
    return native.computed(batch_normal_grads, arrays, *rest, least=SEVERAL) or batch_normal_grads(*arrays, *rest)


def batch_normal_grads(g, x, weight, mean, variance, eps, needs):
    """The gradients of what is normalized, of the weight and of the bias, as far as `needs` says; the others are None."""
    dims = channel_dims(x.ndim)
    along = total(g, dims)
    dbias = along if needs[2] else None
    if not (needs[0] or needs[1]):
        return None, None, dbias
    scale = scale_of(variance, eps)
    normal = less(x, mean) * scale
    across = total(g * normal, dims)
    if not needs[0]:
        return None, across, dbias
    count = count_of(x, dims)
    drift = of_channels(along / count, x.ndim) + normal * of_channels(across / count, x.ndim)
    return (g - drift) * (scale if weight is None else scale * of_channels(weight, x.ndim)), across, dbias


@composite(
    wide="mixed", layout="channels",
    real=True, name="batch_norm_inference", called="batch_norm", places="", node="NativeBatchNormBackward0",
    samples=[((4, 3), (3,), lambda rng: rng.uniform(0.5, 2, 3), (3,), (3,), 1e-5),
             ((2, 3, 2, 2), (3,), lambda rng: rng.uniform(0.5, 2, 3), None, None, 0.1)],
)  # fmt: skip
def known_normal(x, mean, variance, weight=None, bias=None, /, eps=1e-5):
    """`x` less `mean`, divided by the root of `variance + eps`, times `weight`, plus `bias`; all are vectors of the channels."""
    need_floats(x, "batch_norm")
    scale = 1 / np.sqrt(of_channels(variance, x.ndim) + eps)
    return in_dtype_of(x, _scaled(x, of_channels(mean, x.ndim), scale, weight, bias))


@known_normal.grad("x")
def _(g, variance, weight, eps):
    scale = 1 / np.sqrt(variance + eps)
    return g * of_channels(scale if weight is None else scale * weight, g.ndim)


@known_normal.grad("weight")
def _(g, x, mean, variance, eps):
    normal = (x - of_channels(mean, x.ndim)) / np.sqrt(of_channels(variance, x.ndim) + eps)
    return total(g * normal, channel_dims(g.ndim))


@known_normal.grad("bias")
def _(g):
    return total(g, channel_dims(g.ndim))


def check_dtypes(input, *vectors):
    """RuntimeError unless the vectors have the dtype of `input`, or float32 beside one of 16 bits."""
    dtype = input._array.dtype
    others = [v._array.dtype for v in vectors if v is not None and v._array.dtype != dtype]
    if others and not (is_narrow(dtype) and all(v is None or v._array.dtype == np.float32 for v in vectors)):
        raise RuntimeError(f"batch_norm(): expected statistics, weight and bias of {input.dtype}, but found {others[0]}")


def check_channels(input, **vectors):
    """RuntimeError for vectors that do not have one element for each channel."""
    shape = input._array.shape
    channels = shape[1] if len(shape) > 1 else 0
    for name, tensor in vectors.items():
        if tensor is not None and tensor._array.size != channels:
            layer = f"the input {tuple(shape)} has {channels} channels, the layer {tensor.numel()} features"
            raise RuntimeError(f"{name} should contain {channels} elements not {tensor.numel()}: {layer}")


def _without_gradient(running_mean, running_var):
    """RuntimeError if running statistics need a gradient that would be recorded."""
    if modes.settings.grad:
        constant("native_batch_norm", "running_mean", running_mean)
        constant("native_batch_norm", "running_var", running_var)


@function("F")
def batch_norm(input, running_mean, running_var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-05):
    """`input` of shape (N, C, ...), each channel normalized, times `weight`, plus `bias`.

    In `training` by the mean and variance of the batch, which the running ones are moved towards in place by the fraction
    `momentum`; otherwise by the running ones.
    """
    shape = input._array.shape
    if len(shape) < 2 and not input.numel():
        return input.clone()
    check_channels(input, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    check_dtypes(input, running_mean, running_var, weight, bias)
    if training:
        constant("batch_norm", "running_mean", running_mean)
        constant("batch_norm", "running_var", running_var)
    else:
        if running_mean is None or running_var is None:
            name = "running_mean" if running_mean is None else "running_var"
            raise RuntimeError(f"{name} must be defined in evaluation mode")
        _without_gradient(running_mean, running_var)
        return known_normal(input, running_mean, running_var, weight, bias, eps)
    if math.prod(shape) == shape[1]:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {input.size()}")
    if (running_mean is None and running_var is None) or 0 in shape:  # no elements move nothing
        return batch_normal(input, weight, bias, eps, None)
    _without_gradient(running_mean, running_var)
    running = Running(running_mean, running_var, momentum)
    if running.lies_under(weight, bias):  # which are read when it has been moved
        running.move_by_ops(input)
        return batch_normal(input, weight, bias, eps, None)
    if modes.settings.recorder is None:
        return batch_normal(input, weight, bias, eps, running)
    out = batch_normal(input, weight, bias, eps, None)
    running.move_by_ops(input)
    return out


@function("torch", name="batch_norm")
def batch_norm_in_order(input, weight, bias, running_mean, running_var, training, momentum, eps, cudnn_enabled=True):
    """`batch_norm` of `torch.nn.functional` with another order of arguments."""
    return batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)


# Along groups of channels


@composite(
    native_from=NEVER,
    wide="mixed", layout="channels",
    real=True, name="native_group_norm", places="", outputs=("out", "mean", "scale"), hidden=2,
    samples=[((2, 4, 3), (4,), (4,), 2, 1e-5), ((2, 4), None, None, 2, 1e-5), ((2, 3, 2, 2), (3,), None, 3, 1e-5)],
)  # fmt: skip
def group_normal(x, weight=None, bias=None, /, groups=1, eps=1e-5):
    """`x` normalized along each of `groups` equal groups of its channels, times `weight`, plus `bias`."""
    need_floats(x, "GroupNormKernelImpl")
    arrays = by_group(x, groups), of_group(weight, groups), of_group(bias, groups)
    out, mean, scale = native.computed(group_normalized, arrays, eps, least=MANY) or group_normalized(*arrays, eps)
    return in_dtype_of(x, np.reshape(out, x.shape)), mean, scale


@group_normal.grad("x", "weight", "bias")
def _(g, x, weight, mean, scale, groups, eps, needs):
    arrays = by_group(g, groups), by_group(x, groups), of_group(weight, groups), mean, scale
    rest = tuple(needs)
    dx, *vectors = native.computed(group_normal_grads, arrays, rest, least=MANY) or group_normal_grads(*arrays, rest)
    return None if dx is None else np.reshape(dx, x.shape), *(None if d is None else np.reshape(d, (x.shape[1],)) for d in vectors)


def by_group(x, groups):
    """`x` of shape (N, C, ...) as (N, groups, channels of a group, elements of a channel)."""
    channels = x.shape[1] // groups
    return np.reshape(x, (x.shape[0], groups, channels, math.prod(x.shape[2:])))


def of_group(vector, groups):
    """A vector of the channels as (groups, channels of a group, 1)."""
    return None if vector is None else np.reshape(vector, (groups, -1, 1))


def group_normalized(x, weight, bias, eps):
    """Each group with mean 0 and variance 1, times `weight`, plus `bias`; the mean and the scale, of shape (N, groups, 1)."""
    rows = np.reshape(x, (*x.shape[:2], x.shape[2] * x.shape[3]))
    mean, deviation, variance = moments(rows, -1, rows.shape[-1])
    scale = scale_of(variance, eps)
    out = np.reshape(deviation * scale, x.shape)
    if weight is not None:
        out = out * weight
    return out if bias is None else out + bias, mean, scale


def group_normal_grads(g, x, weight, mean, scale, needs):
    """The gradients of what is normalized, of the weight and of the bias, as far as `needs` says; the others are None."""
    shape = (*x.shape[:2], x.shape[2] * x.shape[3])
    normal = less(np.reshape(x, shape), mean) * scale
    dx = None
    dweight = total(g * np.reshape(normal, x.shape), (0, 3)) if needs[1] else None
    dbias = total(g, (0, 3)) if needs[2] else None
    if needs[0]:
        g = g if weight is None else g * weight
        dx = np.reshape(centred(np.reshape(g, shape), normal, -1, shape[-1]) * scale, x.shape)
    return dx, dweight, dbias


def message_size(size, groups):
    """The sizes that PyTorch's message names: the batch and the groups together first."""
    return [size[0] * size[1] // groups, groups, *size[2:]]


@function("F")
def group_norm(input, num_groups, weight=None, bias=None, eps=1e-05):
    """`input` of shape (N, C, ...), normalized along each of `num_groups` equal groups of channels, scaled and shifted."""
    if input.ndim < 2:
        raise RuntimeError(f"Expected at least 2 dimensions for input tensor but received {input.ndim}")
    channels = input.shape[1]
    if num_groups <= 0:
        raise RuntimeError(f"Expected num groups to be greater than 0, got {num_groups}")
    if channels % num_groups:
        raise RuntimeError(
            "Expected number of channels in input to be divisible by num_groups, but got input of shape "
            f"{list(input.shape)} and num_groups={num_groups}"
        )
    size = input._array.shape
    if size[0] * channels // num_groups * math.prod(size[2:]) == 1:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {message_size(size, num_groups)}")
    check_channels(input, weight=weight, bias=bias)
    return group_normal(input, weight, bias, num_groups, eps)


@function("torch", name="group_norm")
def group_norm_with_switch(input, num_groups, weight=None, bias=None, eps=1e-05, cudnn_enabled=True):
    """`group_norm` of `torch.nn.functional`."""
    return group_norm(input, num_groups, weight, bias, eps)


@function("F")
def instance_norm(
    input,
    running_mean=None,
    running_var=None,
    weight=None,
    bias=None,
    use_input_stats=True,
    momentum=0.1,
    eps=1e-05,
):
    """`input` of shape (N, C, ...), each channel of each of the N normalized by itself, times `weight`, plus `bias`.

    Without `use_input_stats` by the running statistics; else these are moved by the fraction `momentum`.
    """
    shape = input._array.shape
    if not use_input_stats:
        if running_mean is None or running_var is None:
            raise RuntimeError("Expected running_mean and running_var to be defined when use_input_stats is false")
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    if math.prod(shape[2:]) == 1:
        raise ValueError(f"Expected more than 1 spatial element when training, got input size {input.size()}")
    check_dtypes(input, running_mean, running_var, weight, bias)
    constant("instance_norm", "running_mean", running_mean)
    constant("instance_norm", "running_var", running_var)
    if running_mean is not None or running_var is not None:
        _without_gradient(running_mean, running_var)
        running = Running(running_mean, running_var, momentum)
        if running.lies_under(weight, bias):  # which are read before it is moved
            weight, bias = (None if each is None else each.clone() for each in (weight, bias))
        with modes.no_grad():
            flat = widened(input).flatten(2)
            count = flat.shape[-1]
            means, variances = flat.mean(-1), flat.var(-1, correction=0)
            means, variances = means.mean(0)._array, variances.mean(0)._array
            apart = Running(running_mean, None, momentum)
            before = running_var.clone() if running_var is not None and apart.lies_under(running_var) else None
        running.move(means, variances, count)
        if before is not None:  # both follow from what there was, and the variance is written last
            Running(None, before, momentum).move(None, variances, count)
            with modes.no_grad():
                running_var.copy_(before)
    check_channels(input, weight=weight, bias=bias)
    return group_normal(input.contiguous(), weight, bias, shape[1], eps)


@function("torch", name="instance_norm")
def instance_norm_in_order(input, weight, bias, running_mean, running_var, use_input_stats, momentum, eps, cudnn_enabled=True):
    """`instance_norm` of `torch.nn.functional` with another order of arguments."""
    return instance_norm(input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps)


@function("F")
def local_response_norm(input, size, alpha=1e-4, beta=0.75, k=1.0):
    """`input` of shape (N, C, ...) divided by `(k + alpha * s) ** beta`, s the mean square of `size` channels around."""
    if input.ndim < 3:
        raise ValueError(f"Expected 3D or higher dimensionality input (got {input.ndim} dimensions)")
    if not input.numel():
        return input
    channels = input.shape[1]
    squares = input * input
    below = size // 2
    around = None
    for shift in range(-below, size - below):
        low, high = max(shift, 0), channels + min(shift, 0)
        if low >= high:
            continue
        gap = (channels - (high - low), *input.shape[2:])
        zeros = np.zeros((input.shape[0], *gap), input._array.dtype)
        parts = (squares[:, low:high], zeros) if shift > 0 else (zeros, squares[:, low:high])
        moved = np.concatenate(parts, axis=1) if shift else squares
        around = moved if around is None else around + moved
    whole = not (input.is_floating_point() or input.is_complex())  # means of integers are integers
    return input / ((around // size * alpha if whole else around * (alpha / size)) + k) ** beta
