"""Linear layers between quantized tensors."""

from __future__ import annotations

from typing import Any

from .....core import dtypes
from .....nn import linear as floats
from .....ops.creation import zeros
from .....ops.quantized.layers import quantized_linear
from .....ops.quantized.make import _empty_affine_quantized
from ... import intrinsic, qat
from ..dynamic.modules.linear import LinearPackedParams
from ..dynamic.modules.packed import WithPackedWeight
from ..dynamic.modules.weights import scheme_of
from .shared import QINT8, only, quantized_weight, result_parameters


class Linear(WithPackedWeight):
    """`input @ weight.T + bias` of a quint8 tensor and a qint8 weight, as quint8 by `scale` and `zero_point`.

    Shape: (..., in_features) gives (..., out_features). There is no gradient. `torch.ao.quantization.convert` makes such layers.
    """

    _relu = False

    def __init__(self, in_features: int, out_features: int, bias_: bool = True, dtype: Any = QINT8):
        super().__init__()
        if dtype is not QINT8:
            raise RuntimeError(f"Unsupported dtype specified for quantized Linear: {dtype}: it is torch.qint8")
        self.in_features, self.out_features = in_features, out_features
        self.scale, self.zero_point = 1.0, 0
        self._packed_params = LinearPackedParams(dtype)
        weight = _empty_affine_quantized(out_features, in_features, dtype=dtype)
        self._packed_params.set_weight_bias(weight, zeros(out_features, dtype=dtypes.float32) if bias_ else None)

    def forward(self, x: Any) -> Any:
        weight, bias = self._weight_bias()
        return quantized_linear(x, weight, bias, self.scale, self.zero_point, self._relu)

    def _get_name(self) -> str:
        return "QuantizedLinear"

    def extra_repr(self) -> str:
        sizes = f"in_features={self.in_features}, out_features={self.out_features}"
        return f"{sizes}, scale={self.scale}, zero_point={self.zero_point}" + scheme_of(self.weight())

    @classmethod
    def _sources(cls) -> tuple[Any, ...]:
        return floats.Linear, floats.NonDynamicallyQuantizableLinear, qat.Linear

    @classmethod
    def from_float(cls, mod: Any, use_precomputed_fake_quant: bool = False) -> Linear:
        """The layer for one of floats that was observed, or trained with fake quantization."""
        only(mod, cls._sources(), cls.__name__)
        scale, zero_point = result_parameters(mod)
        inner = mod[0] if isinstance(mod, intrinsic._FusedModule) and not hasattr(mod, "weight") else mod
        weight = quantized_weight(inner, inner.weight, use_precomputed_fake_quant)
        made = cls(inner.in_features, inner.out_features, dtype=QINT8)
        made.set_weight_bias(weight, None if inner.bias is None else inner.bias.float())
        made.scale, made.zero_point = scale, zero_point
        return made


__all__ = ["Linear", "LinearPackedParams"]
