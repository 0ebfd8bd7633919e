"""Convolution layers, their transposes, and patches as columns."""

import math

from ..core.shapes import pair
from ..ops import creation
from ..ops.nn.convolution import conv1d, conv2d, conv3d, conv_transpose1d, conv_transpose2d, conv_transpose3d
from ..ops.shape.padding import pad
from ..ops.shape.patches import fold, unfold
from . import init
from .module import Module
from .parameter import Parameter

__all__ = [
    "Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d", "Fold", "Unfold",
]  # fmt: skip

FUNCTIONS = {  # by the number of spatial dimensions, and whether it is transposed
    (1, False): conv1d, (2, False): conv2d, (3, False): conv3d,
    (1, True): conv_transpose1d, (2, True): conv_transpose2d, (3, True): conv_transpose3d,
}  # fmt: skip
PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


class _ConvNd(Module):
    """What convolution layers share: weight, bias, how both are drawn, and what is shown of the settings."""

    def __init__(
        self, in_channels, out_channels, kernel_size, stride, padding, dilation, transposed, output_padding, groups, bias,
        padding_mode, device=None, dtype=None,
    ):  # fmt: skip
        super().__init__()
        n = len(kernel_size)
        if groups <= 0:
            raise ValueError("groups must be a positive integer")
        if in_channels % groups != 0:
            raise ValueError("in_channels must be divisible by groups")
        if out_channels % groups != 0:
            raise ValueError("out_channels must be divisible by groups")
        if padding_mode not in PADDING_MODES:
            raise ValueError(f"padding_mode must be one of {set(PADDING_MODES)}, but got padding_mode='{padding_mode}'")
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_size, self.stride, self.dilation = pair(kernel_size, n), pair(stride, n), pair(dilation, n)
        self.padding = padding if isinstance(padding, str) else pair(padding, n)
        self.transposed, self.output_padding = transposed, pair(output_padding, n)
        self.groups, self.padding_mode = groups, padding_mode
        self._check_padding()
        self._reversed_padding_repeated_twice = self._around()
        shape = (in_channels, out_channels // groups) if transposed else (out_channels, in_channels // groups)
        self.weight = Parameter(creation.empty((*shape, *self.kernel_size), device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(creation.empty(out_channels, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def _check_padding(self):
        if isinstance(self.padding, str):
            if self.padding not in ("same", "valid"):
                raise ValueError(f"Invalid padding string '{self.padding}', should be one of {{'same', 'valid'}}")
            if self.padding == "same" and any(s != 1 for s in self.stride):
                raise ValueError("padding='same' is not supported for strided convolutions")

    def _around(self):
        """The padding in the form that `pad` takes: last dimension first, each side."""
        if self.padding == "valid":
            return [0] * (2 * len(self.kernel_size))
        if self.padding == "same":
            totals = [d * (k - 1) for d, k in zip(self.dilation, self.kernel_size, strict=True)]
            return [side for t in reversed(totals) for side in (t // 2, t - t // 2)]
        return [p for p in reversed(self.padding) for _ in range(2)]

    def reset_parameters(self):
        """Draw weight and bias uniformly within 1 / sqrt(fan_in)."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in, _ = init._calculate_fan_in_and_fan_out(self.weight)
            if fan_in:
                bound = 1 / math.sqrt(fan_in)
                init.uniform_(self.bias, -bound, bound)

    def extra_repr(self):
        n = len(self.kernel_size)
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        if self.padding != (0,) * n:
            text += f", padding={self.padding}"
        if self.dilation != (1,) * n:
            text += f", dilation={self.dilation}"
        if self.output_padding != (0,) * n:
            text += f", output_padding={self.output_padding}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        if self.padding_mode != "zeros":
            text += f", padding_mode={self.padding_mode}"
        return text

    def __getstate__(self):
        state = super().__getstate__()
        state.pop("_function", None)  # PyTorch's have none
        return state

    def __setstate__(self, state):
        super().__setstate__(state)
        self._function = FUNCTIONS[len(self.kernel_size), self.transposed]


class _Conv(_ConvNd):
    """A convolution layer."""

    def _conv_forward(self, input, weight, bias):
        if self.padding_mode == "zeros":
            return self._function(input, weight, bias, self.stride, self.padding, self.dilation, self.groups)
        padded = pad(input, self._reversed_padding_repeated_twice, self.padding_mode)
        return self._function(padded, weight, bias, self.stride, 0, self.dilation, self.groups)

    def forward(self, input):
        """The convolution of `input` with the layer's weight, plus its bias."""
        return self._conv_forward(input, self.weight, self.bias)


class Conv1d(_Conv):
    """A convolution along sequences: (N, in_channels, L) gives (N, out_channels, L_out).

    Args:
        in_channels: channels of the input.
        out_channels: channels of the result.
        kernel_size: the size of a window, a number or one for each dimension.
        stride: how far apart windows are.
        padding: zeros on each side; also "same" or "valid".
        dilation: how far apart the elements of a window are.
        groups: parts of the channels that do not see one another.
        bias: whether a number is added to each channel.
        padding_mode: what stands around the input: "zeros", "reflect", "replicate" or "circular".
        device: where its parameters are made: "cpu", or "meta" for none of their memory.
        dtype: the dtype of its parameters.

    Shape: (N, in_channels, L) gives (N, out_channels, L_out), both also without N; each size becomes floor((size + 2 * padding - dilation *
    (kernel_size - 1) - 1) / stride) + 1.

    Raises:
        RuntimeError: the channels do not fit, or a window is larger than the padded input.
        ValueError: `groups` does not divide the channels.

    >>> torch.nn.Conv1d(2, 4, kernel_size=3)(torch.zeros(1, 2, 9)).shape
    torch.Size([1, 4, 7])
    """

    _function = staticmethod(conv1d)

    def __init__(
        self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1, bias=True,
        padding_mode="zeros", device=None, dtype=None,
    ):  # fmt: skip
        super().__init__(
            in_channels, out_channels, pair(kernel_size, 1), stride, padding, dilation, False, 0, groups, bias, padding_mode,
            device, dtype,
        )  # fmt: skip


class Conv2d(_Conv):
    """A convolution over images: (N, in_channels, H, W) gives (N, out_channels, H_out, W_out).

    Its `weight` has the shape (out_channels, in_channels / groups, kernel height, kernel width). The sizes of the result:

        H_out = floor((H + 2 * padding - dilation * (kernel_size - 1) - 1) / stride) + 1

    Args:
        in_channels: channels of the input.
        out_channels: channels of the result.
        kernel_size, stride, padding, dilation: numbers, or pairs for height and width; padding also "same" or "valid".
        groups: parts of the channels that do not see one another.
        bias: whether a number is added to each channel.
        padding_mode: what stands around the image: "zeros", "reflect", "replicate" or "circular".
        device: where its parameters are made: "cpu", or "meta" for none of their memory.
        dtype: the dtype of its parameters.

    Shape: (N, in_channels, H, W) gives (N, out_channels, H_out, W_out), both also without N; each size becomes floor((size + 2 * padding -
    dilation * (kernel_size - 1) - 1) / stride) + 1.

    Raises:
        RuntimeError: the channels do not fit, or a window is larger than the padded input.
        ValueError: `groups` does not divide the channels.

    >>> torch.nn.Conv2d(3, 8, kernel_size=3, stride=2, padding=1)(torch.zeros(1, 3, 32, 32)).shape
    torch.Size([1, 8, 16, 16])
    """

    _function = staticmethod(conv2d)

    def __init__(
        self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1, bias=True,
        padding_mode="zeros", device=None, dtype=None,
    ):  # fmt: skip
        super().__init__(
            in_channels, out_channels, pair(kernel_size, 2), stride, padding, dilation, False, 0, groups, bias, padding_mode,
            device, dtype,
        )  # fmt: skip


class Conv3d(_Conv):
    """A convolution over volumes: (N, in_channels, D, H, W) gives (N, out_channels, D_out, H_out, W_out).

    Args:
        in_channels: channels of the input.
        out_channels: channels of the result.
        kernel_size: the size of a window, a number or one for each dimension.
        stride: how far apart windows are.
        padding: zeros on each side; also "same" or "valid".
        dilation: how far apart the elements of a window are.
        groups: parts of the channels that do not see one another.
        bias: whether a number is added to each channel.
        padding_mode: what stands around the input: "zeros", "reflect", "replicate" or "circular".
        device: where its parameters are made: "cpu", or "meta" for none of their memory.
        dtype: the dtype of its parameters.

    Shape: (N, in_channels, D, H, W) gives (N, out_channels, D_out, H_out, W_out), both also without N; each size becomes floor((size + 2 *
    padding - dilation * (kernel_size - 1) - 1) / stride) + 1.

    Raises:
        RuntimeError: the channels do not fit, or a window is larger than the padded input.
        ValueError: `groups` does not divide the channels.

    >>> torch.nn.Conv3d(2, 4, kernel_size=3)(torch.zeros(1, 2, 9, 9, 9)).shape
    torch.Size([1, 4, 7, 7, 7])
    """

    _function = staticmethod(conv3d)

    def __init__(
        self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1, bias=True,
        padding_mode="zeros", device=None, dtype=None,
    ):  # fmt: skip
        super().__init__(
            in_channels, out_channels, pair(kernel_size, 3), stride, padding, dilation, False, 0, groups, bias, padding_mode,
            device, dtype,
        )  # fmt: skip


class _ConvTransposeNd(_ConvNd):
    """A transposed convolution layer: the shapes of a convolution's gradient."""

    def __init__(
        self, in_channels, out_channels, kernel_size, stride, padding, dilation, transposed, output_padding, groups, bias,
        padding_mode, device=None, dtype=None,
    ):  # fmt: skip
        if padding_mode != "zeros":
            raise ValueError(f'Only "zeros" padding mode is supported for {type(self).__name__}')
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, transposed, output_padding, groups, bias,
            padding_mode, device, dtype,
        )  # fmt: skip

    def _output_padding(self, input, output_size):
        """The output padding that gives spatial sizes `output_size`."""
        n = len(self.kernel_size)
        if len(output_size) == input.ndim:
            output_size = output_size[2:] if input.ndim == n + 2 else output_size[1:]
        if len(output_size) != n:
            raise ValueError(
                f"ConvTranspose{n}D: for {input.ndim}D input, output_size must have {n} or {input.ndim} elements (got {len(output_size)})"
            )
        settings = zip(input.shape[-n:], self.stride, self.padding, self.dilation, self.kernel_size, strict=True)
        least = [(size - 1) * s - 2 * p + d * (k - 1) + 1 for size, s, p, d, k in settings]
        most = [m + s - 1 for m, s in zip(least, self.stride, strict=True)]
        for size, low, high in zip(output_size, least, most, strict=True):
            if not low <= size <= high:
                raise ValueError(
                    f"requested an output size of {output_size}, but valid sizes range from {least} to {most} "
                    f"(for an input of {list(input.shape[-n:])})"
                )
        return tuple(size - low for size, low in zip(output_size, least, strict=True))

    def forward(self, input, output_size=None):
        """The transposed convolution of `input` with the layer's weight, plus its bias."""
        extra = self.output_padding if output_size is None else self._output_padding(input, tuple(output_size))
        return self._function(input, self.weight, self.bias, self.stride, self.padding, extra, self.groups, self.dilation)


class ConvTranspose1d(_ConvTransposeNd):
    """A transposed convolution along sequences: (N, in_channels, L) gives (N, out_channels, L_out).

    Args:
        in_channels: channels of the input.
        out_channels: channels of the result.
        kernel_size: the size of a window, a number or one for each dimension.
        stride: how far apart windows are in the result.
        padding: by how much the edges of the result are cut off.
        output_padding: what is added to one side of the result, to choose among the sizes it could have.
        groups: parts of the channels that do not see one another.
        bias: whether a number is added to each channel.
        dilation: how far apart the elements of a window are.
        padding_mode: "zeros".
        device: where its parameters are made: "cpu", or "meta" for none of their memory.
        dtype: the dtype of its parameters.

    Shape: (N, in_channels, L) gives (N, out_channels, L_out), both also without N; each size becomes (size - 1) * stride - 2 * padding +
    dilation * (kernel_size - 1) + output_padding + 1.

    Raises:
        RuntimeError: the channels do not fit, or `output_padding` is not smaller than stride or dilation.
        ValueError: the padding mode is another.

    >>> torch.nn.ConvTranspose1d(2, 4, kernel_size=2, stride=2)(torch.zeros(1, 2, 4)).shape
    torch.Size([1, 4, 8])
    """

    _function = staticmethod(conv_transpose1d)

    def __init__(
        self, in_channels, out_channels, kernel_size, stride=1, padding=0, output_padding=0, groups=1, bias=True, dilation=1,
        padding_mode="zeros", device=None, dtype=None,
    ):  # fmt: skip
        super().__init__(
            in_channels, out_channels, pair(kernel_size, 1), stride, padding, dilation, True, output_padding, groups, bias,
            padding_mode, device, dtype,
        )  # fmt: skip


class ConvTranspose2d(_ConvTransposeNd):
    """A transposed convolution over images: (N, in_channels, H, W) gives (N, out_channels, H_out, W_out).

    Args:
        in_channels: channels of the input.
        out_channels: channels of the result.
        kernel_size: the size of a window, a number or one for each dimension.
        stride: how far apart windows are in the result.
        padding: by how much the edges of the result are cut off.
        output_padding: what is added to one side of the result, to choose among the sizes it could have.
        groups: parts of the channels that do not see one another.
        bias: whether a number is added to each channel.
        dilation: how far apart the elements of a window are.
        padding_mode: "zeros".
        device: where its parameters are made: "cpu", or "meta" for none of their memory.
        dtype: the dtype of its parameters.

    Shape: (N, in_channels, H, W) gives (N, out_channels, H_out, W_out), both also without N; each size becomes (size - 1) * stride - 2 *
    padding + dilation * (kernel_size - 1) + output_padding + 1.

    Raises:
        RuntimeError: the channels do not fit, or `output_padding` is not smaller than stride or dilation.
        ValueError: the padding mode is another.

    >>> torch.nn.ConvTranspose2d(2, 4, kernel_size=2, stride=2)(torch.zeros(1, 2, 4, 4)).shape
    torch.Size([1, 4, 8, 8])
    """

    _function = staticmethod(conv_transpose2d)

    def __init__(
        self, in_channels, out_channels, kernel_size, stride=1, padding=0, output_padding=0, groups=1, bias=True, dilation=1,
        padding_mode="zeros", device=None, dtype=None,
    ):  # fmt: skip
        super().__init__(
            in_channels, out_channels, pair(kernel_size, 2), stride, padding, dilation, True, output_padding, groups, bias,
            padding_mode, device, dtype,
        )  # fmt: skip


class ConvTranspose3d(_ConvTransposeNd):
    """A transposed convolution over volumes: (N, in_channels, D, H, W) gives (N, out_channels, D_out, H_out, W_out).

    Args:
        in_channels: channels of the input.
        out_channels: channels of the result.
        kernel_size: the size of a window, a number or one for each dimension.
        stride: how far apart windows are in the result.
        padding: by how much the edges of the result are cut off.
        output_padding: what is added to one side of the result, to choose among the sizes it could have.
        groups: parts of the channels that do not see one another.
        bias: whether a number is added to each channel.
        dilation: how far apart the elements of a window are.
        padding_mode: "zeros".
        device: where its parameters are made: "cpu", or "meta" for none of their memory.
        dtype: the dtype of its parameters.

    Shape: (N, in_channels, D, H, W) gives (N, out_channels, D_out, H_out, W_out), both also without N; each size becomes (size - 1) *
    stride - 2 * padding + dilation * (kernel_size - 1) + output_padding + 1.

    Raises:
        RuntimeError: the channels do not fit, or `output_padding` is not smaller than stride or dilation.
        ValueError: the padding mode is another.

    >>> torch.nn.ConvTranspose3d(2, 4, kernel_size=2, stride=2)(torch.zeros(1, 2, 4, 4, 4)).shape
    torch.Size([1, 4, 8, 8, 8])
    """

    _function = staticmethod(conv_transpose3d)

    def __init__(
        self, in_channels, out_channels, kernel_size, stride=1, padding=0, output_padding=0, groups=1, bias=True, dilation=1,
        padding_mode="zeros", device=None, dtype=None,
    ):  # fmt: skip
        super().__init__(
            in_channels, out_channels, pair(kernel_size, 3), stride, padding, dilation, True, output_padding, groups, bias,
            padding_mode, device, dtype,
        )  # fmt: skip


class Unfold(Module):
    """The windows of images as columns: (N, C, H, W) gives (N, C * KH * KW, windows).

    Args:
        kernel_size: the size of a window.
        dilation: how far apart the elements of a window are.
        padding: zeros on each side.
        stride: how far apart windows are.

    Shape: (N, C, H, W) gives (N, C * KH * KW, windows).

    >>> torch.nn.Unfold(2)(torch.ones(1, 3, 4, 4)).shape
    torch.Size([1, 12, 9])
    """

    def __init__(self, kernel_size, dilation=1, padding=0, stride=1):
        super().__init__()
        self.kernel_size, self.dilation, self.padding, self.stride = kernel_size, dilation, padding, stride

    def forward(self, input):
        """The columns of `input`."""
        return unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self):
        return f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, stride={self.stride}"


class Fold(Module):
    """Columns added up into images: (N, C * KH * KW, windows) gives (N, C, *output_size).

    Args:
        output_size: the sizes of the images.
        kernel_size: the size of a window.
        dilation: how far apart the elements of a window are.
        padding: zeros on each side.
        stride: how far apart windows are.

    Shape: (N, C * KH * KW, windows) gives (N, C, *output_size).

    >>> torch.nn.Fold((4, 4), 2, stride=2)(torch.ones(1, 12, 4)).shape
    torch.Size([1, 3, 4, 4])
    """

    def __init__(self, output_size, kernel_size, dilation=1, padding=0, stride=1):
        super().__init__()
        self.output_size = output_size
        self.kernel_size, self.dilation, self.padding, self.stride = kernel_size, dilation, padding, stride

    def forward(self, input):
        """The images that the columns `input` add up to."""
        return fold(input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self):
        return (
            f"output_size={self.output_size}, kernel_size={self.kernel_size}, dilation={self.dilation}, "
            f"padding={self.padding}, stride={self.stride}"
        )
