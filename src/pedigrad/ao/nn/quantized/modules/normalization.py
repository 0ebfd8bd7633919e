"""Normalizations of quantized tensors by their own statistics."""

from __future__ import annotations

from typing import Any

from .....nn import normalization as floats
from .....ops.creation import tensor
from .....ops.quantized.layers import of_floats
from .shared import result_parameters


class LayerNorm(floats.LayerNorm):
    """`torch.nn.LayerNorm` of quint8 tensors, whose results have `scale` and `zero_point`, which are buffers."""

    def __init__(
        self, normalized_shape: Any, weight: Any, bias: Any, scale: float, zero_point: int, eps: float = 1e-5,
        elementwise_affine: bool = True, device: Any = None, dtype: Any = None,
    ):  # fmt: skip
        super().__init__(normalized_shape, eps, elementwise_affine, device=device, dtype=dtype)
        self.weight, self.bias = weight, bias
        self.register_buffer("scale", tensor(scale))
        self.register_buffer("zero_point", tensor(zero_point))

    def forward(self, input: Any) -> Any:
        def normalized(x: Any) -> Any:
            return floats.LayerNorm.forward(self, x).detach()

        return of_floats(normalized, float(self.scale), int(self.zero_point), input)  # type: ignore[arg-type]

    def _get_name(self) -> str:
        return "QuantizedLayerNorm"

    @classmethod
    def from_float(cls, mod: Any, use_precomputed_fake_quant: bool = False) -> LayerNorm:
        """The normalization for one of floats that was observed."""
        return cls(mod.normalized_shape, mod.weight, mod.bias, *result_parameters(mod), mod.eps, mod.elementwise_affine)


class GroupNorm(floats.GroupNorm):
    """`torch.nn.GroupNorm` of quint8 tensors, whose results have `scale` and `zero_point`, which are buffers."""

    def __init__(
        self, num_groups: int, num_channels: int, weight: Any, bias: Any, scale: float, zero_point: int, eps: float = 1e-5,
        affine: bool = True, device: Any = None, dtype: Any = None,
    ):  # fmt: skip
        super().__init__(num_groups, num_channels, eps, affine, device=device, dtype=dtype)
        self.weight, self.bias = weight, bias
        self.register_buffer("scale", tensor(scale))
        self.register_buffer("zero_point", tensor(zero_point))

    def forward(self, input: Any) -> Any:
        def normalized(x: Any) -> Any:
            return floats.GroupNorm.forward(self, x).detach()

        return of_floats(normalized, float(self.scale), int(self.zero_point), input)  # type: ignore[arg-type]

    def _get_name(self) -> str:
        return "QuantizedGroupNorm"

    @classmethod
    def from_float(cls, mod: Any, use_precomputed_fake_quant: bool = False) -> GroupNorm:
        """The normalization for one of floats that was observed."""
        return cls(mod.num_groups, mod.num_channels, mod.weight, mod.bias, *result_parameters(mod), mod.eps, mod.affine)


__all__ = ["GroupNorm", "LayerNorm"]
