"""A linear layer that is trained as it will be quantized."""

from __future__ import annotations

from typing import Any

from .....nn import functional as F
from .....nn import linear as floats


def configured(qconfig: Any) -> Any:
    """The `qconfig`; AssertionError if there is none."""
    if not qconfig:
        raise AssertionError("qconfig must be provided for QAT module")
    return qconfig


class Linear(floats.Linear):
    """`torch.nn.Linear` with a weight that its `weight_fake_quant` rounds as quantization will."""

    _FLOAT_MODULE: Any = floats.Linear

    def __init__(self, in_features: int, out_features: int, bias: bool = True, qconfig: Any = None, device: Any = None, dtype: Any = None):
        super().__init__(in_features, out_features, bias, device=device, dtype=dtype)
        self.qconfig = configured(qconfig)
        self.weight_fake_quant = qconfig.weight()

    def forward(self, input: Any) -> Any:
        return F.linear(input, self.weight_fake_quant(self.weight), self.bias)

    @classmethod
    def from_float(cls, mod: Any, use_precomputed_fake_quant: bool = False) -> Any:
        """The layer with the parameters of one that has a `qconfig`."""
        if type(mod) not in (cls._FLOAT_MODULE, floats.NonDynamicallyQuantizableLinear):
            raise AssertionError(f"qat.{cls.__name__}.from_float only works for {cls._FLOAT_MODULE.__name__}, got {type(mod).__name__}")
        if not getattr(mod, "qconfig", None):
            raise AssertionError("Input float module must have a valid qconfig")
        inner = mod[0] if cls._FLOAT_MODULE is not floats.Linear else mod
        made = cls(inner.in_features, inner.out_features, bias=inner.bias is not None, qconfig=mod.qconfig)
        made.weight, made.bias = inner.weight, inner.bias
        made.train(mod.training)
        return made

    def to_float(self) -> floats.Linear:
        """A `torch.nn.Linear` with the same parameters."""
        made = floats.Linear(self.in_features, self.out_features, self.bias is not None)
        made.weight, made.bias = self.weight, self.bias
        made.train(self.training)
        return made


__all__ = ["Linear"]
