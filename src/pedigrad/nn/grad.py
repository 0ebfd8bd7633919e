"""`torch.nn.grad`: the gradients of convolutions with respect to input and weight, as functions."""

from ..core.origin import located
from ..ops.nn.convolution import _settings, conv_input_grad, conv_weight_grad
from ..ops.nn.windows import geometry, ints
from ..ops.xp import conj


def _checked(sizes, kernel, grad_output, stride, padding, dilation, name):
    """The settings as tuples; RuntimeError unless `grad_output` is of the convolution's spatial size."""
    n = len(kernel)
    if not isinstance(sizes, (tuple, list)):
        raise TypeError(located(f"{name}(): sizes must be a tuple of ints, not {type(sizes).__name__}"))
    stride, pads, dilation = _settings(kernel, stride, ints(padding, n, "padding"), dilation)
    expected = geometry(tuple(sizes), kernel, stride, pads, dilation).out
    if tuple(grad_output.shape[2:]) != tuple(expected):
        given = f"expected spatial sizes {tuple(expected)} of grad_output, but got {tuple(grad_output.shape[2:])}"
        raise RuntimeError(located(f"{name}(): {given}"))
    return stride, pads, dilation


def _input_grad(name):
    def gradient(input_size, weight, grad_output, stride=1, padding=0, dilation=1, groups=1):
        sizes = input_size[2:] if isinstance(input_size, (tuple, list)) else input_size
        stride, pads, dilation = _checked(sizes, tuple(weight.shape[2:]), grad_output, stride, padding, dilation, name)
        return conv_input_grad(grad_output, conj(weight), None, tuple(sizes), stride, pads, dilation, groups)

    gradient.__name__ = gradient.__qualname__ = name
    gradient.__doc__ = f"The gradient of `{name[:6]}` with respect to its input, of shape `input_size`, for a gradient of its output."
    return gradient


def _weight_grad(name):
    def gradient(input, weight_size, grad_output, stride=1, padding=0, dilation=1, groups=1):
        kernel = tuple(weight_size[2:])
        stride, pads, dilation = _checked(tuple(input.shape[2:]), kernel, grad_output, stride, padding, dilation, name)
        return conv_weight_grad(conj(input), grad_output, kernel, stride, pads, dilation, groups)

    gradient.__name__ = gradient.__qualname__ = name
    gradient.__doc__ = f"The gradient of `{name[:6]}` with respect to its weight, of shape `weight_size`, for a gradient of its output."
    return gradient


conv1d_input, conv2d_input, conv3d_input = map(_input_grad, ("conv1d_input", "conv2d_input", "conv3d_input"))
conv1d_weight, conv2d_weight, conv3d_weight = map(_weight_grad, ("conv1d_weight", "conv2d_weight", "conv3d_weight"))

__all__ = ["conv1d_input", "conv1d_weight", "conv2d_input", "conv2d_weight", "conv3d_input", "conv3d_weight"]
