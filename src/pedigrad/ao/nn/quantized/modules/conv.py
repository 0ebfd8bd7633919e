"""Convolutions between quantized tensors."""

from __future__ import annotations

from typing import Any

from .....core import dtypes
from .....core.origin import located
from .....core.shapes import pair
from .....nn import convolution as floats
from .....nn.utils.fusion import fuse_conv_bn_weights
from .....ops.creation import zeros
from .....ops.quantized.layers import quantized_conv
from .....ops.quantized.make import _empty_affine_quantized
from ... import intrinsic, qat
from .shared import QINT8, WithScale, only, quantized_weight, result_parameters


class _ConvNd(WithScale):
    """What convolutions share; the weight is no parameter, but saved."""

    _relu = False
    _dims = 2

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1,
        bias: bool = True, padding_mode: str = "zeros", device: Any = None, dtype: Any = None,
    ):  # fmt: skip
        super().__init__()
        if padding_mode != "zeros":
            raise ValueError(f"'padding_mode' {padding_mode} is not supported by quantized convolution")
        if in_channels % groups:
            raise ValueError("in_channels must be divisible by groups")
        if out_channels % groups:
            raise ValueError("out_channels must be divisible by groups")
        if isinstance(padding, str):
            raise ValueError(located(f"padding={padding!r} is not supported by quantized convolution: write it in numbers"))
        n = self._dims
        self.in_channels, self.out_channels, self.groups, self.padding_mode = in_channels, out_channels, groups, padding_mode
        self.kernel_size, self.stride = pair(kernel_size, n), pair(stride, n)
        self.padding, self.dilation = pair(padding, n), pair(dilation, n)
        self.transposed, self.output_padding = False, pair(0, n)
        self.scale, self.zero_point = 1.0, 0
        weight = _empty_affine_quantized(out_channels, in_channels // groups, *self.kernel_size, dtype=QINT8)
        self.set_weight_bias(weight, zeros(out_channels, dtype=dtypes.float32) if bias else None)

    def set_weight_bias(self, w: Any, b: Any) -> None:
        """Take another weight and bias."""
        self._held = (w, b)

    def _weight_bias(self) -> Any:
        return self._held

    def weight(self) -> Any:
        """The weight, in qint8."""
        return self._held[0]

    def bias(self) -> Any:
        """The bias, in float32; None if there is none."""
        return self._held[1]

    def forward(self, input: Any) -> Any:
        (weight, bias), result = self._held, (self.scale, self.zero_point, self._relu)
        return quantized_conv(input, weight, bias, self.stride, self.padding, self.dilation, self.groups, *result)

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        destination[prefix + "weight"], destination[prefix + "bias"] = self._held
        super()._save_to_state_dict(destination, prefix, keep_vars)

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *more: Any) -> None:
        if prefix + "weight" in state_dict:
            self.set_weight_bias(state_dict.pop(prefix + "weight"), state_dict.pop(prefix + "bias", None))
        super()._load_from_state_dict(state_dict, prefix, *more)

    def _get_name(self) -> str:
        return f"QuantizedConv{self._dims}d"

    def extra_repr(self) -> str:
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        text += f", scale={self.scale}, zero_point={self.zero_point}"
        if any(self.padding):
            text += f", padding={self.padding}"
        if any(d != 1 for d in self.dilation):
            text += f", dilation={self.dilation}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        return text + (", bias=False" if self.bias() is None else "")

    @classmethod
    def _sources(cls) -> tuple[Any, ...]:
        raise NotImplementedError

    @classmethod
    def from_float(cls, mod: Any, use_precomputed_fake_quant: bool = False) -> Any:
        """The layer for one of floats that was observed, or trained with fake quantization; of a normalization after it too."""
        only(mod, cls._sources(), cls.__name__)
        scale, zero_point = result_parameters(mod)
        inner = mod[0] if isinstance(mod, intrinsic._FusedModule) and not hasattr(mod, "weight") else mod
        weight, bias, bn = inner.weight, inner.bias, getattr(inner, "bn", None)
        if bn is not None:
            weight, bias = fuse_conv_bn_weights(weight, bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias)
        quantized = quantized_weight(inner, weight, use_precomputed_fake_quant)
        settings = (inner.kernel_size, inner.stride, inner.padding, inner.dilation, inner.groups, bias is not None, inner.padding_mode)
        made = cls(inner.in_channels, inner.out_channels, *settings)
        made.set_weight_bias(quantized, None if bias is None else bias.float())
        made.scale, made.zero_point = scale, zero_point
        return made


class Conv1d(_ConvNd):
    """A convolution of quint8 tensors (N, C, L) with a qint8 weight, as quint8 by `scale` and `zero_point`; there is no gradient."""

    _dims = 1

    @classmethod
    def _sources(cls) -> tuple[Any, ...]:
        return (floats.Conv1d,)


class Conv2d(_ConvNd):
    """A convolution of quint8 tensors (N, C, H, W) with a qint8 weight, as quint8 by `scale` and `zero_point`; there is no gradient."""

    @classmethod
    def _sources(cls) -> tuple[Any, ...]:
        return floats.Conv2d, qat.Conv2d, intrinsic.qat.ConvBn2d


class Conv3d(_ConvNd):
    """A convolution of quint8 tensors (N, C, D, H, W) with a qint8 weight, as quint8 by `scale` and `zero_point`; there is no gradient."""

    _dims = 3

    @classmethod
    def _sources(cls) -> tuple[Any, ...]:
        return (floats.Conv3d,)


__all__ = ["Conv1d", "Conv2d", "Conv3d"]
