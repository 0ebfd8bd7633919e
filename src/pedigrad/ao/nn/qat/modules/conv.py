"""A convolution that is trained as it will be quantized."""

from __future__ import annotations

from typing import Any

from .....nn import convolution as floats
from .linear import configured


def settings_of(mod: Any) -> dict[str, Any]:
    """How a convolution was made, but for its sizes."""
    names = ("stride", "padding", "dilation", "groups", "padding_mode")
    return {n: getattr(mod, n) for n in names} | {"bias": mod.bias is not None}


class Conv2d(floats.Conv2d):
    """`torch.nn.Conv2d` with a weight that its `weight_fake_quant` rounds as quantization will."""

    _FLOAT_MODULE: Any = floats.Conv2d

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1,
        bias: bool = True, padding_mode: str = "zeros", qconfig: Any = None, device: Any = None, dtype: Any = None,
    ):  # fmt: skip
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode, device, dtype)
        self.qconfig = configured(qconfig)
        self.weight_fake_quant = qconfig.weight()

    def forward(self, input: Any) -> Any:
        return self._conv_forward(input, self.weight_fake_quant(self.weight), self.bias)

    @classmethod
    def from_float(cls, mod: Any, use_precomputed_fake_quant: bool = False) -> Any:
        """The layer with the parameters of one that has a `qconfig`."""
        if type(mod) is not cls._FLOAT_MODULE:
            raise AssertionError(f"qat.{cls.__name__}.from_float only works for {cls._FLOAT_MODULE.__name__}, got {type(mod).__name__}")
        if not getattr(mod, "qconfig", None):
            raise AssertionError("Input float module must have a valid qconfig")
        inner = mod[0] if cls._FLOAT_MODULE is not floats.Conv2d else mod
        made = cls(inner.in_channels, inner.out_channels, inner.kernel_size, **settings_of(inner), qconfig=mod.qconfig)
        made.weight, made.bias = inner.weight, inner.bias
        made.train(mod.training)
        return made

    def to_float(self) -> floats.Conv2d:
        """A `torch.nn.Conv2d` with the same parameters."""
        made = floats.Conv2d(self.in_channels, self.out_channels, self.kernel_size, **settings_of(self))
        made.weight, made.bias = self.weight, self.bias
        made.train(self.training)
        return made


__all__ = ["Conv2d"]
