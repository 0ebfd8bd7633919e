"""Normalizations with their statistics, and the gradient of softmax, under the names that programs written for PyTorch's core use."""

from __future__ import annotations

import numpy as np

from ...core import dtypes, meta
from ...core.declare import function
from ...core.lifted import Lifted
from ...core.origin import located
from ...core.precision import widened
from ...core.tensor import Tensor, wrap
from ..destination import deliver
from .normalization import batch_norm, batch_normal, check_normalized_shape, group_norm, layer_norm, layer_normal, scale_of
from .softmax import log_softmax, softmax


def _statistic(array, shape, like):
    if isinstance(array, Lifted):
        return wrap(array.reshape(shape).astype(like._array.dtype))
    return wrap(meta.following(np.ascontiguousarray(np.asarray(array).reshape(shape)).astype(like._array.dtype), like._array))


def _constant(array):
    """The array of an operand, without tangents: its statistics are constants."""
    return widened(array.detached() if isinstance(array, Lifted) else array)


@function("torch")
def native_layer_norm(input, normalized_shape, weight, bias, eps):
    """What `layer_norm` gives, the means, and the factors that brought the deviations to variance 1."""
    n = check_normalized_shape(input, normalized_shape, weight, bias)
    out = layer_norm(input, normalized_shape, weight, bias, eps)
    _, mean, scale = layer_normal.op.forward(_constant(input._array), None, None, n, eps)
    shape = (*input.shape[: input.ndim - n], *(1,) * n)
    return out, _statistic(mean, shape, input), _statistic(scale, shape, input)


@function("torch")
def native_group_norm(input, weight, bias, N, C, HxW, group, eps):
    """What `group_norm` gives, the means of the groups, and the factors that brought the deviations to variance 1."""
    if input.numel() != N * C * HxW:
        raise RuntimeError(located(f"native_group_norm: N * C * HxW is {N * C * HxW}, but the input has {input.numel()} elements"))
    out = group_norm(input, group, weight, bias, eps)
    groups = widened(input).reshape(N, group, input.shape[1] // group * HxW)
    return out, groups.mean(-1).to(input.dtype), ((groups.var(-1, correction=0) + eps) ** -0.5).to(input.dtype)


@function("torch")
def native_batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps, *, out=None):
    """What `batch_norm` gives; in training also the means, and the factors that brought the deviations to variance 1."""
    result = batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)
    mean = scale = np.empty(0)
    if training:
        _, mean, variance = batch_normal.op.forward(_constant(input._array), None, None, eps)
        scale = scale_of(variance, eps)
    return deliver((result, *(_statistic(each, (-1,), input) for each in (mean, scale))), out)


@function("torch")
def _native_batch_norm_legit(input, weight, bias, *statistics_and_options, out=None):
    """As `native_batch_norm`; the running statistics may be left out."""
    if len(statistics_and_options) == 3:
        statistics_and_options = (None, None, *statistics_and_options)
    return native_batch_norm(input, weight, bias, *statistics_and_options, out=out)


def _back(op, name):
    def backward(grad_output, output, dim, input_dtype):
        if not isinstance(output, Tensor) or output.shape != grad_output.shape:
            raise RuntimeError(located(f"{name}: grad_output and output must be tensors of one shape"))
        if grad_output.dtype != output.dtype:
            raise RuntimeError(located(f"{name}: grad_output is {grad_output.dtype} and output {output.dtype}: they must be of one dtype"))
        (rule,) = op.op.rules
        narrows = input_dtype is dtypes.float16 and output.dtype is dtypes.float32  # a softmax that was asked for in float32
        return rule.function(grad_output, output, dim, dtypes.to_numpy(input_dtype if narrows else output.dtype))

    backward.__name__ = backward.__qualname__ = name
    backward.__doc__ = f"The gradient of the operand of `{op.op.name}` along `dim`, from that of its `output`, in their dtype."
    function("torch")(backward)


_back(softmax, "_softmax_backward_data")
_back(log_softmax, "_log_softmax_backward_data")
