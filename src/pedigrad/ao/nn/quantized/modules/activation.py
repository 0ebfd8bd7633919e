"""Activations of quantized tensors."""

from __future__ import annotations

from typing import Any

from .....nn import activation as floats
from .....ops.creation import tensor
from .....ops.quantized.layers import limited, of_floats
from .shared import result_parameters


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


class ELU(floats.ELU):
    """`torch.nn.ELU` of quint8 tensors, whose results have `scale` and `zero_point`."""

    def __init__(self, scale: float, zero_point: int, alpha: float = 1.0):
        super().__init__(alpha)
        self.scale, self.zero_point = scale, zero_point

    def forward(self, input: Any) -> Any:
        return of_floats(super().forward, self.scale, self.zero_point, input)

    def _get_name(self) -> str:
        return "QuantizedELU"

    @classmethod
    def from_float(cls, mod: Any, use_precomputed_fake_quant: bool = False) -> ELU:
        """The activation for one of floats that was observed."""
        return cls(*result_parameters(mod), mod.alpha)


class Hardswish(floats.Hardswish):
    """`torch.nn.Hardswish` of quint8 tensors, whose results have `scale` and `zero_point`, which are buffers."""

    def __init__(self, scale: float, zero_point: int, device: Any = None, dtype: Any = None):
        super().__init__()
        self.register_buffer("scale", tensor(scale))
        self.register_buffer("zero_point", tensor(zero_point))

    def forward(self, input: Any) -> Any:
        return of_floats(super().forward, float(self.scale), int(self.zero_point), input)  # type: ignore[arg-type]

    def _get_name(self) -> str:
        return "QuantizedHardswish"

    @classmethod
    def from_float(cls, mod: Any, use_precomputed_fake_quant: bool = False) -> Hardswish:
        """The activation for one of floats that was observed."""
        return cls(*result_parameters(mod))


class LeakyReLU(floats.LeakyReLU):
    """`torch.nn.LeakyReLU` of quint8 tensors, whose results have `scale` and `zero_point`, which are buffers."""

    def __init__(
        self, scale: float, zero_point: int, negative_slope: float = 0.01, inplace: bool = False, device: Any = None, dtype: Any = None
    ):  # fmt: skip
        super().__init__(negative_slope, inplace)
        self.register_buffer("scale", tensor(scale))
        self.register_buffer("zero_point", tensor(zero_point))

    def forward(self, input: Any) -> Any:
        return of_floats(super().forward, float(self.scale), int(self.zero_point), input)  # type: ignore[arg-type]

    def _get_name(self) -> str:
        return "QuantizedLeakyReLU"

    @classmethod
    def from_float(cls, mod: Any, use_precomputed_fake_quant: bool = False) -> LeakyReLU:
        """The activation for one of floats that was observed."""
        return cls(*result_parameters(mod), mod.negative_slope, mod.inplace)


class Sigmoid(floats.Sigmoid):
    """`torch.nn.Sigmoid` of quint8 tensors, whose results have `output_scale` and `output_zero_point`."""

    def __init__(self, output_scale: float, output_zero_point: int):
        super().__init__()
        self.output_scale, self.output_zero_point = output_scale, output_zero_point

    def forward(self, input: Any) -> Any:
        return of_floats(super().forward, self.output_scale, self.output_zero_point, input)

    @classmethod
    def from_float(cls, mod: Any, use_precomputed_fake_quant: bool = False) -> Sigmoid:
        """The activation for one of floats that was observed."""
        return cls(*result_parameters(mod))


__all__ = ["ELU", "Hardswish", "LeakyReLU", "ReLU6", "Sigmoid"]
