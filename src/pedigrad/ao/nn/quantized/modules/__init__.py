"""The modules of `torch.ao.nn.quantized`, under the names that PyTorch files them by; and those that make tensors quantized or floats."""

from __future__ import annotations

from typing import Any

from .....nn.module import Module
from .....nn.pooling import MaxPool2d
from .....ops.creation import tensor
from .....ops.quantized.make import dequantize, quantize_per_tensor
from .activation import ELU, Hardswish, LeakyReLU, ReLU6, Sigmoid
from .batchnorm import BatchNorm2d, BatchNorm3d
from .conv import Conv1d, Conv2d, Conv3d
from .dropout import Dropout
from .functional_modules import FloatFunctional, QFunctional
from .linear import Linear, LinearPackedParams
from .normalization import GroupNorm, LayerNorm
from .shared import result_parameters


class Quantize(Module):
    """Quantizes what it is given, by one scale and zero point, which are buffers.

    >>> torch.ao.nn.quantized.Quantize(0.5, 2, torch.quint8)(torch.tensor([1.0])).int_repr()
    tensor([4], dtype=torch.uint8)
    """

    scale: Any
    zero_point: Any

    def __init__(self, scale: float, zero_point: int, dtype: Any, factory_kwargs: Any = None):
        super().__init__()
        self.register_buffer("scale", tensor([scale]))
        self.register_buffer("zero_point", tensor([zero_point]))
        self.dtype = dtype

    def forward(self, X: Any) -> Any:
        return quantize_per_tensor(X, float(self.scale), int(self.zero_point), self.dtype)

    @classmethod
    def from_float(cls, mod: Any, use_precomputed_fake_quant: bool = False) -> Quantize:
        """By the scale that was observed at a `QuantStub`."""
        return cls(*result_parameters(mod), mod.activation_post_process.dtype)

    def extra_repr(self) -> str:
        return f"scale={self.scale}, zero_point={self.zero_point}, dtype={self.dtype}"


class DeQuantize(Module):
    """Makes floats of what it is given."""

    def forward(self, Xq: Any) -> Any:
        return dequantize(Xq)

    @classmethod
    def from_float(cls, mod: Any, use_precomputed_fake_quant: bool = False) -> DeQuantize:
        """For a `DeQuantStub`."""
        return cls()


__all__ = [
    "ELU",
    "BatchNorm2d",
    "BatchNorm3d",
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "DeQuantize",
    "Dropout",
    "FloatFunctional",
    "GroupNorm",
    "Hardswish",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LinearPackedParams",
    "MaxPool2d",
    "QFunctional",
    "Quantize",
    "ReLU6",
    "Sigmoid",
]  # fmt: skip
