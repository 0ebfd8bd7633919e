"""Activations of quantized tensors."""

from __future__ import annotations

from typing import Any

from .....nn import activation as floats
from .....ops.quantized.layers import limited


class ReLU6(floats.ReLU):
    """Each element of a quint8 tensor between 0 and 6, by its own scale."""

    def forward(self, input: Any) -> Any:
        return limited(input, 0.0, 6.0, self.inplace)

    def _get_name(self) -> str:
        return "QuantizedReLU6"

    @classmethod
    def from_float(cls, mod: Any, use_precomputed_fake_quant: bool = False) -> ReLU6:
        """The same in place or not."""
        return cls(mod.inplace)


__all__ = ["ReLU6"]
