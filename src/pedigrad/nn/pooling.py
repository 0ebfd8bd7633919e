"""Pooling layers."""

from ..core.shapes import pair
from ..ops.nn import adaptive_pooling as adaptive
from ..ops.nn import pooling
from .module import Module

__all__ = [
    f"{kind}{n}d" for kind in ("AdaptiveAvgPool", "AdaptiveMaxPool", "AvgPool", "LPPool", "MaxPool", "MaxUnpool") for n in (1, 2, 3)
] + ["FractionalMaxPool2d", "FractionalMaxPool3d"]


class _MaxPoolNd(Module):
    """The maxima of windows, with `return_indices` their positions too."""

    def __init__(self, kernel_size, stride=None, padding=0, dilation=1, return_indices=False, ceil_mode=False):
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride if stride is not None else kernel_size
        self.padding, self.dilation = padding, dilation
        self.return_indices, self.ceil_mode = return_indices, ceil_mode

    def forward(self, input):
        """The maxima of the windows of `input`."""
        return self._function(input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode, self.return_indices)

    def extra_repr(self):
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, dilation={self.dilation}, "
            f"ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPoolNd):
    """The maxima of windows along sequences: (N, C, L) gives (N, C, L_out).

    Args:
        kernel_size: the size of a window, a number or one for each dimension.
        stride: how far apart windows are; as `kernel_size` if it is left out.
        padding: what is added on each side; it does not count as a maximum.
        dilation: how far apart the elements of a window are.
        return_indices: whether the places of the maxima are returned too, for `MaxUnpool`.
        ceil_mode: whether windows may go over the edge.

    Shape: (N, C, L) gives (N, C, L_out), both also without N.

    Raises:
        RuntimeError: the padding is more than half a window.

    >>> torch.nn.MaxPool1d(2)(torch.zeros(1, 3, 8)).shape
    torch.Size([1, 3, 4])
    """

    _function = staticmethod(pooling.max_pool1d)


class MaxPool2d(_MaxPoolNd):
    """The maxima of windows over images: (N, C, H, W) gives (N, C, H_out, W_out); see `max_pool2d` for the sizes.

    Args:
        kernel_size: the size of a window, a number or one for each dimension.
        stride: how far apart windows are; as `kernel_size` if it is left out.
        padding: what is added on each side; it does not count as a maximum.
        dilation: how far apart the elements of a window are.
        return_indices: whether the places of the maxima are returned too, for `MaxUnpool`.
        ceil_mode: whether windows may go over the edge.

    Shape: (N, C, H, W) gives (N, C, H_out, W_out), both also without N.

    Raises:
        RuntimeError: the padding is more than half a window.

    >>> torch.nn.MaxPool2d(2)(torch.zeros(1, 3, 8, 8)).shape
    torch.Size([1, 3, 4, 4])
    """

    _function = staticmethod(pooling.max_pool2d)


class MaxPool3d(_MaxPoolNd):
    """The maxima of windows over volumes: (N, C, D, H, W) gives (N, C, D_out, H_out, W_out).

    Args:
        kernel_size: the size of a window, a number or one for each dimension.
        stride: how far apart windows are; as `kernel_size` if it is left out.
        padding: what is added on each side; it does not count as a maximum.
        dilation: how far apart the elements of a window are.
        return_indices: whether the places of the maxima are returned too, for `MaxUnpool`.
        ceil_mode: whether windows may go over the edge.

    Shape: (N, C, D, H, W) gives (N, C, D_out, H_out, W_out), both also without N.

    Raises:
        RuntimeError: the padding is more than half a window.

    >>> torch.nn.MaxPool3d(2)(torch.zeros(1, 3, 8, 8, 8)).shape
    torch.Size([1, 3, 4, 4, 4])
    """

    _function = staticmethod(pooling.max_pool3d)


class _MaxUnpoolNd(Module):
    """Maxima put back where a pooling layer with `return_indices=True` found them."""

    def __init__(self, kernel_size, stride=None, padding=0):
        super().__init__()
        n = self._n
        self.kernel_size = pair(kernel_size, n)
        self.stride = pair(stride if stride is not None else kernel_size, n)
        self.padding = pair(padding, n)

    def forward(self, input, indices, output_size=None):
        """Zeros with `input` at `indices`."""
        return self._function(input, indices, self.kernel_size, self.stride, self.padding, output_size)

    def extra_repr(self):
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpoolNd):
    """The inverse of `MaxPool1d`, zeros where there was no maximum.

    It is called with values and their indices, and with `output_size` where sizes were rounded.

    Args:
        kernel_size: the size of a window, a number or one for each dimension.
        stride: how far apart windows are; as `kernel_size` if it is left out.
        padding: what the pooling added.

    Shape: (N, C, L_out) twice gives (N, C, L).

    >>> pool = torch.nn.MaxPool1d(2, return_indices=True)
    >>> torch.nn.MaxUnpool1d(2)(*pool(torch.rand(1, 3, 8))).shape
    torch.Size([1, 3, 8])
    """

    _n, _function = 1, staticmethod(adaptive.max_unpool1d)


class MaxUnpool2d(_MaxUnpoolNd):
    """The inverse of `MaxPool2d`, zeros where there was no maximum.

    It is called with values and their indices, and with `output_size` where sizes were rounded.

    Args:
        kernel_size: the size of a window, a number or one for each dimension.
        stride: how far apart windows are; as `kernel_size` if it is left out.
        padding: what the pooling added.

    Shape: (N, C, H_out, W_out) twice gives (N, C, H, W).

    >>> pool = torch.nn.MaxPool2d(2, return_indices=True)
    >>> torch.nn.MaxUnpool2d(2)(*pool(torch.rand(1, 3, 8, 8))).shape
    torch.Size([1, 3, 8, 8])
    """

    _n, _function = 2, staticmethod(adaptive.max_unpool2d)


class MaxUnpool3d(_MaxUnpoolNd):
    """The inverse of `MaxPool3d`, zeros where there was no maximum.

    It is called with values and their indices, and with `output_size` where sizes were rounded.

    Args:
        kernel_size: the size of a window, a number or one for each dimension.
        stride: how far apart windows are; as `kernel_size` if it is left out.
        padding: what the pooling added.

    Shape: (N, C, D_out, H_out, W_out) twice gives (N, C, D, H, W).

    >>> pool = torch.nn.MaxPool3d(2, return_indices=True)
    >>> torch.nn.MaxUnpool3d(2)(*pool(torch.rand(1, 3, 8, 8, 8))).shape
    torch.Size([1, 3, 8, 8, 8])
    """

    _n, _function = 3, staticmethod(adaptive.max_unpool3d)


class AvgPool1d(Module):
    """The means of windows along sequences: (N, C, L) gives (N, C, L_out).

    Args:
        kernel_size: the size of a window, a number or one for each dimension.
        stride: how far apart windows are; as `kernel_size` if it is left out.
        padding: zeros on each side.
        ceil_mode: whether windows may go over the edge.
        count_include_pad: whether these zeros count.

    Shape: (N, C, L) gives (N, C, L_out), both also without N; each size becomes floor((size + 2 * padding - kernel_size) / stride) + 1.

    >>> torch.nn.AvgPool1d(2)(torch.zeros(1, 3, 8)).shape
    torch.Size([1, 3, 4])
    """

    def __init__(self, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
        super().__init__()
        self.kernel_size = pair(kernel_size, 1)
        self.stride = pair(stride if stride is not None else kernel_size, 1)
        self.padding = pair(padding, 1)
        self.ceil_mode, self.count_include_pad = ceil_mode, count_include_pad

    def forward(self, input):
        """The means of the windows of `input`."""
        return pooling.avg_pool1d(input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)

    def extra_repr(self):
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class _AvgPoolNd(Module):
    """The means of windows, or their sums over `divisor_override`."""

    def __init__(self, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None):
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride if stride is not None else kernel_size
        self.padding, self.ceil_mode = padding, ceil_mode
        self.count_include_pad, self.divisor_override = count_include_pad, divisor_override

    def forward(self, input):
        """The means of the windows of `input`."""
        return self._function(
            input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad, self.divisor_override
        )

    def extra_repr(self):
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool2d(_AvgPoolNd):
    """The means of windows over images: (N, C, H, W) gives (N, C, H_out, W_out).

    Args:
        kernel_size: the size of a window, a number or one for each dimension.
        stride: how far apart windows are; as `kernel_size` if it is left out.
        padding: zeros on each side.
        ceil_mode: whether windows may go over the edge.
        count_include_pad: whether these zeros count.
        divisor_override: what sums are divided by instead of the number of elements.

    Shape: (N, C, H, W) gives (N, C, H_out, W_out), both also without N; each size becomes floor((size + 2 * padding - kernel_size) /
    stride) + 1.

    >>> torch.nn.AvgPool2d(2)(torch.zeros(1, 3, 8, 8)).shape
    torch.Size([1, 3, 4, 4])
    """

    _function = staticmethod(pooling.avg_pool2d)


class AvgPool3d(_AvgPoolNd):
    """The means of windows over volumes: (N, C, D, H, W) gives (N, C, D_out, H_out, W_out).

    Args:
        kernel_size: the size of a window, a number or one for each dimension.
        stride: how far apart windows are; as `kernel_size` if it is left out.
        padding: zeros on each side.
        ceil_mode: whether windows may go over the edge.
        count_include_pad: whether these zeros count.
        divisor_override: what sums are divided by instead of the number of elements.

    Shape: (N, C, D, H, W) gives (N, C, D_out, H_out, W_out), both also without N; each size becomes floor((size + 2 * padding -
    kernel_size) / stride) + 1.

    >>> torch.nn.AvgPool3d(2)(torch.zeros(1, 3, 8, 8, 8)).shape
    torch.Size([1, 3, 4, 4, 4])
    """

    _function = staticmethod(pooling.avg_pool3d)


class _LPPoolNd(Module):
    """The `norm_type`-norms of windows."""

    def __init__(self, norm_type, kernel_size, stride=None, ceil_mode=False):
        super().__init__()
        self.norm_type, self.kernel_size, self.stride, self.ceil_mode = norm_type, kernel_size, stride, ceil_mode

    def forward(self, input):
        """The norms of the windows of `input`."""
        return self._function(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)

    def extra_repr(self):
        return f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, ceil_mode={self.ceil_mode}"


class LPPool1d(_LPPoolNd):
    """The norms of windows along sequences: (N, C, L) gives (N, C, L_out).

    Args:
        norm_type: the order p: (sum of x^p)^(1/p).
        kernel_size: the size of a window, a number or one for each dimension.
        stride: how far apart windows are; as `kernel_size` if it is left out.
        ceil_mode: whether windows may go over the edge.

    Shape: (N, C, L) gives (N, C, L_out), both also without N.

    >>> torch.nn.LPPool1d(2, 2)(torch.ones(1, 3, 8)).shape
    torch.Size([1, 3, 4])
    """

    _function = staticmethod(adaptive.lp_pool1d)


class LPPool2d(_LPPoolNd):
    """The norms of windows over images: (N, C, H, W) gives (N, C, H_out, W_out).

    Args:
        norm_type: the order p: (sum of x^p)^(1/p).
        kernel_size: the size of a window, a number or one for each dimension.
        stride: how far apart windows are; as `kernel_size` if it is left out.
        ceil_mode: whether windows may go over the edge.

    Shape: (N, C, H, W) gives (N, C, H_out, W_out), both also without N.

    >>> torch.nn.LPPool2d(2, 2)(torch.ones(1, 3, 8, 8)).shape
    torch.Size([1, 3, 4, 4])
    """

    _function = staticmethod(adaptive.lp_pool2d)


class LPPool3d(_LPPoolNd):
    """The norms of windows over volumes: (N, C, D, H, W) gives (N, C, D_out, H_out, W_out).

    Args:
        norm_type: the order p: (sum of x^p)^(1/p).
        kernel_size: the size of a window, a number or one for each dimension.
        stride: how far apart windows are; as `kernel_size` if it is left out.
        ceil_mode: whether windows may go over the edge.

    Shape: (N, C, D, H, W) gives (N, C, D_out, H_out, W_out), both also without N.

    >>> torch.nn.LPPool3d(2, 2)(torch.ones(1, 3, 8, 8, 8)).shape
    torch.Size([1, 3, 4, 4, 4])
    """

    _function = staticmethod(adaptive.lp_pool3d)


class _AdaptiveMaxPoolNd(Module):
    """The maxima of windows as large as the output size needs, with `return_indices` their positions too."""

    def __init__(self, output_size, return_indices=False):
        super().__init__()
        self.output_size, self.return_indices = output_size, return_indices

    def forward(self, input):
        """The maxima of the windows of `input`."""
        return self._function(input, self.output_size, self.return_indices)

    def extra_repr(self):
        return f"output_size={self.output_size}"


class AdaptiveMaxPool1d(_AdaptiveMaxPoolNd):
    """The maxima of `output_size` windows along sequences.

    Args:
        output_size: how many windows there are; None for the size of the input.
        return_indices: whether the places of the maxima are returned too.

    Shape: (N, C, L) gives (N, C, *output_size), both also without N.

    >>> torch.nn.AdaptiveMaxPool1d(2)(torch.zeros(1, 3, 8)).shape
    torch.Size([1, 3, 2])
    """

    _function = staticmethod(adaptive.adaptive_max_pool1d)


class AdaptiveMaxPool2d(_AdaptiveMaxPoolNd):
    """The maxima of a grid of windows over images; sizes of None are the input's.

    Args:
        output_size: how many windows there are: a number, or one for each dimension; None for the size of the input.
        return_indices: whether the places of the maxima are returned too.

    Shape: (N, C, H, W) gives (N, C, *output_size), both also without N.

    >>> torch.nn.AdaptiveMaxPool2d(2)(torch.zeros(1, 3, 8, 8)).shape
    torch.Size([1, 3, 2, 2])
    """

    _function = staticmethod(adaptive.adaptive_max_pool2d)


class AdaptiveMaxPool3d(_AdaptiveMaxPoolNd):
    """The maxima of a grid of windows over volumes; sizes of None are the input's.

    Args:
        output_size: how many windows there are: a number, or one for each dimension; None for the size of the input.
        return_indices: whether the places of the maxima are returned too.

    Shape: (N, C, D, H, W) gives (N, C, *output_size), both also without N.

    >>> torch.nn.AdaptiveMaxPool3d(2)(torch.zeros(1, 3, 8, 8, 8)).shape
    torch.Size([1, 3, 2, 2, 2])
    """

    _function = staticmethod(adaptive.adaptive_max_pool3d)


class _AdaptiveAvgPoolNd(Module):
    """The means of windows as large as the output size needs."""

    def __init__(self, output_size):
        super().__init__()
        self.output_size = output_size

    def forward(self, input):
        """The means of the windows of `input`."""
        return self._function(input, self.output_size)

    def extra_repr(self):
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_AdaptiveAvgPoolNd):
    """The means of `output_size` windows along sequences.

    Args:
        output_size: how many windows there are; None for the size of the input.

    Shape: (N, C, L) gives (N, C, *output_size), both also without N.

    >>> torch.nn.AdaptiveAvgPool1d(2)(torch.zeros(1, 3, 8)).shape
    torch.Size([1, 3, 2])
    """

    _function = staticmethod(adaptive.adaptive_avg_pool1d)


class AdaptiveAvgPool2d(_AdaptiveAvgPoolNd):
    """The means of a grid of windows over images; sizes of None are the input's.

    Args:
        output_size: how many windows there are: a number, or one for each dimension; None for the size of the input.

    Shape: (N, C, H, W) gives (N, C, *output_size), both also without N.

    >>> torch.nn.AdaptiveAvgPool2d(2)(torch.zeros(1, 3, 8, 8)).shape
    torch.Size([1, 3, 2, 2])
    """

    _function = staticmethod(adaptive.adaptive_avg_pool2d)


class AdaptiveAvgPool3d(_AdaptiveAvgPoolNd):
    """The means of a grid of windows over volumes; sizes of None are the input's.

    Args:
        output_size: how many windows there are: a number, or one for each dimension; None for the size of the input.

    Shape: (N, C, D, H, W) gives (N, C, *output_size), both also without N.

    >>> torch.nn.AdaptiveAvgPool3d(2)(torch.zeros(1, 3, 8, 8, 8)).shape
    torch.Size([1, 3, 2, 2, 2])
    """

    _function = staticmethod(adaptive.adaptive_avg_pool3d)


class _FractionalMaxPoolNd(Module):
    """The maxima of windows that start at random: `output_size` of them, or `output_ratio` times as many as there are elements."""

    def __init__(self, kernel_size, output_size=None, output_ratio=None, return_indices=False, _random_samples=None):
        super().__init__()
        n = self._n
        self.kernel_size, self.return_indices = pair(kernel_size, n), return_indices
        self.register_buffer("_random_samples", _random_samples)
        self.output_size = None if output_size is None else pair(output_size, n)
        self.output_ratio = None if output_ratio is None else pair(output_ratio, n)
        if output_size is None and output_ratio is None:
            raise ValueError(f"FractionalMaxPool{n}d requires specifying either an output size, or a pooling ratio")
        if output_size is not None and output_ratio is not None:
            raise ValueError("only one of output_size and output_ratio may be specified")
        if self.output_ratio is not None and not all(0 < ratio < 1 for ratio in self.output_ratio):
            raise ValueError(f"output_ratio must be between 0 and 1 (got {output_ratio})")

    def forward(self, input):
        """The maxima of the windows of `input`."""
        return self._function(input, self.kernel_size, self.output_size, self.output_ratio, self.return_indices, self._random_samples)


class FractionalMaxPool2d(_FractionalMaxPoolNd):
    """The maxima of windows over images that start at random.

    Graham 2014.

    Args:
        kernel_size: the size of a window, a number or one for each dimension.
        output_size: the sizes of the result, or
        output_ratio: what they are as parts of the input's, between 0 and 1.
        return_indices: whether the places of the maxima are returned too, for `MaxUnpool`.

    Shape: (N, C, H, W) gives (N, C, H_out, W_out), both also without N.

    >>> torch.nn.FractionalMaxPool2d(2, output_size=3)(torch.zeros(1, 3, 8, 8)).shape
    torch.Size([1, 3, 3, 3])
    """

    _n, _function = 2, staticmethod(adaptive.fractional_max_pool2d)


class FractionalMaxPool3d(_FractionalMaxPoolNd):
    """The maxima of windows over volumes that start at random.

    Graham 2014.

    Args:
        kernel_size: the size of a window, a number or one for each dimension.
        output_size: the sizes of the result, or
        output_ratio: what they are as parts of the input's, between 0 and 1.
        return_indices: whether the places of the maxima are returned too, for `MaxUnpool`.

    Shape: (N, C, D, H, W) gives (N, C, D_out, H_out, W_out), both also without N.

    >>> torch.nn.FractionalMaxPool3d(2, output_size=3)(torch.zeros(1, 3, 8, 8, 8)).shape
    torch.Size([1, 3, 3, 3, 3])
    """

    _n, _function = 3, staticmethod(adaptive.fractional_max_pool3d)
