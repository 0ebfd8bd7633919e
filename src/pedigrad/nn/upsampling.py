"""Layers that change the size of images, or move pixels between channels and space."""

from typing import Any

from ..ops.nn.interpolate import channel_shuffle, interpolate, pixel_shuffle, pixel_unshuffle
from .module import Module

__all__ = ["ChannelShuffle", "PixelShuffle", "PixelUnshuffle", "Upsample", "UpsamplingBilinear2d", "UpsamplingNearest2d"]


class Upsample(Module):
    """Interpolation to another spatial size, given as `size` or as `scale_factor`.

    Args:
        size: the spatial sizes of the result, or
        scale_factor: how many times as large they become.
        mode: "nearest", "linear", "bilinear", "bicubic" or "trilinear".
        align_corners: whether the corner elements keep their places.
        recompute_scale_factor: whether the factors follow from the sizes again.

    Shape: (N, C, ...) with other spatial sizes.

    >>> torch.nn.Upsample(scale_factor=2)(torch.zeros(1, 3, 4, 4)).shape
    torch.Size([1, 3, 8, 8])
    """

    def __init__(self, size=None, scale_factor=None, mode="nearest", align_corners=None, recompute_scale_factor=None):
        super().__init__()
        self.name = type(self).__name__
        self.size = size
        self.scale_factor: Any
        if isinstance(scale_factor, tuple):
            self.scale_factor = tuple(float(factor) for factor in scale_factor)
        else:
            self.scale_factor = float(scale_factor) if scale_factor else None
        self.mode, self.align_corners, self.recompute_scale_factor = mode, align_corners, recompute_scale_factor

    def forward(self, input):
        """`input` in the new size."""
        return interpolate(
            input, self.size, self.scale_factor, self.mode, self.align_corners, recompute_scale_factor=self.recompute_scale_factor
        )

    def extra_repr(self):
        what = f"scale_factor={self.scale_factor!r}" if self.scale_factor is not None else f"size={self.size!r}"
        return f"{what}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """Nearest-neighbour interpolation of images.

    Args:
        size: the spatial sizes of the result, or
        scale_factor: how many times as large they become.

    Shape: (N, C, ...) with other spatial sizes.

    >>> torch.nn.UpsamplingNearest2d(scale_factor=2)(torch.zeros(1, 3, 4, 4)).shape
    torch.Size([1, 3, 8, 8])
    """

    def __init__(self, size=None, scale_factor=None):
        super().__init__(size, scale_factor, mode="nearest")


class UpsamplingBilinear2d(Upsample):
    """Bilinear interpolation of images, with aligned corners.

    Args:
        size: the spatial sizes of the result, or
        scale_factor: how many times as large they become.

    Shape: (N, C, ...) with other spatial sizes.

    >>> torch.nn.UpsamplingBilinear2d(scale_factor=2)(torch.zeros(1, 3, 4, 4)).shape
    torch.Size([1, 3, 8, 8])
    """

    def __init__(self, size=None, scale_factor=None):
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)


class PixelShuffle(Module):
    """Channels spread over space: (..., C * r * r, H, W) gives (..., C, H * r, W * r).

    Shi et al. 2016.

    Args:
        upscale_factor: r.

    Shape: (..., C * r * r, H, W) gives (..., C, H * r, W * r).

    >>> torch.nn.PixelShuffle(2)(torch.zeros(1, 8, 3, 3)).shape
    torch.Size([1, 2, 6, 6])
    """

    def __init__(self, upscale_factor):
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, input):
        """`input` with channels moved into space."""
        return pixel_shuffle(input, self.upscale_factor)

    def extra_repr(self):
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """Space gathered into channels: (..., C, H * r, W * r) gives (..., C * r * r, H, W).

    Args:
        downscale_factor: r.

    Shape: (..., C, H * r, W * r) gives (..., C * r * r, H, W).

    >>> torch.nn.PixelUnshuffle(2)(torch.zeros(1, 2, 6, 6)).shape
    torch.Size([1, 8, 3, 3])
    """

    def __init__(self, downscale_factor):
        super().__init__()
        self.downscale_factor = downscale_factor

    def forward(self, input):
        """`input` with space moved into channels."""
        return pixel_unshuffle(input, self.downscale_factor)

    def extra_repr(self):
        return f"downscale_factor={self.downscale_factor}"


class ChannelShuffle(Module):
    """Channels dealt out, so that neighbours come from different groups.

    Zhang et al. 2018.

    Args:
        groups: the number of groups.

    Shape: (N, C, ...); the result has that of the input.

    >>> torch.nn.ChannelShuffle(2)(torch.arange(4.0).reshape(1, 4, 1, 1)).flatten()
    tensor([0., 2., 1., 3.])
    """

    def __init__(self, groups):
        super().__init__()
        self.groups = groups

    def forward(self, input):
        """`input` with its channels in another order."""
        return channel_shuffle(input, self.groups)

    def extra_repr(self):
        return f"groups={self.groups}"
