"""Normalization of quantized images by the statistics that were kept."""

from __future__ import annotations

from typing import Any

from .....nn import normalization as floats
from .....ops.creation import tensor
from .....ops.quantized.layers import of_floats
from .shared import result_parameters


class _BatchNorm(floats._BatchNorm):
    """What normalizations of images and of volumes share."""

    _relu = False
    _dims = 2

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1, device: Any = None, dtype: Any = None):
        super().__init__(num_features, eps, momentum, device=device, dtype=dtype)
        self.register_buffer("scale", tensor(1.0))
        self.register_buffer("zero_point", tensor(0))

    def _get_name(self) -> str:
        return f"QuantizedBatchNorm{self._dims}d"

    def forward(self, input: Any) -> Any:
        def normalized(x: Any) -> Any:
            sizes = (-1, *(1,) * self._dims)
            factor = self.weight * (self.running_var + self.eps).rsqrt()
            out = (x - self.running_mean.reshape(sizes)) * factor.reshape(sizes) + self.bias.reshape(sizes)
            return (out.relu() if self._relu else out).detach()

        return of_floats(normalized, float(self.scale), int(self.zero_point), input)

    @classmethod
    def from_float(cls, mod: Any, use_precomputed_fake_quant: bool = False) -> Any:
        """The layer for one of floats that was observed."""
        scale, zero_point = result_parameters(mod)
        inner = mod[0] if cls._relu else mod
        made = cls(inner.num_features, inner.eps)
        made.weight, made.bias = inner.weight, inner.bias
        made.running_mean, made.running_var = inner.running_mean, inner.running_var
        made.scale, made.zero_point = tensor(scale), tensor(zero_point)
        return made


class BatchNorm2d(_BatchNorm):
    """`torch.nn.BatchNorm2d` in evaluation, between quint8 tensors (N, C, H, W); results have `scale` and `zero_point`."""


class BatchNorm3d(_BatchNorm):
    """`torch.nn.BatchNorm3d` in evaluation, between quint8 tensors (N, C, D, H, W); results have `scale` and `zero_point`."""

    _dims = 3


__all__ = ["BatchNorm2d", "BatchNorm3d"]
