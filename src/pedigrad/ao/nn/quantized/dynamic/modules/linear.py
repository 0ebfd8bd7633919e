"""A linear layer of quantized weights."""

from __future__ import annotations

from typing import Any

from ......core import dtypes
from ......core.origin import located
from ......nn import linear as floats
from ......nn.module import Module
from ......ops.creation import zeros
from ......ops.quantized.make import _empty_affine_quantized
from .packed import WithPackedWeight
from .weights import observed, product, scheme_of


class LinearPackedParams(Module):
    """The weight and the bias of a linear layer: no parameters, but saved with it."""

    _version = 3

    def __init__(self, dtype: Any = None):
        super().__init__()
        self.dtype = dtypes.named("qint8") if dtype is None else dtype
        self._packed_params: Any = (None, None)

    def set_weight_bias(self, weight: Any, bias: Any) -> None:
        """Take another weight and bias."""
        self._packed_params = (weight, bias)

    def _weight_bias(self) -> Any:
        return self._packed_params

    def forward(self, x: Any) -> Any:
        return x

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        destination[prefix + "dtype"] = self.dtype
        destination[prefix + "_packed_params"] = self._weight_bias()

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *more: Any) -> None:
        self.dtype = state_dict.pop(prefix + "dtype", self.dtype)
        packed = state_dict.pop(prefix + "_packed_params", None)
        if packed is not None:
            self.set_weight_bias(*packed)
        super()._load_from_state_dict(state_dict, prefix, *more)

    def __repr__(self) -> str:
        return repr(self._weight_bias())


class Linear(WithPackedWeight):
    """`input @ weight.T + bias` with a weight of 8 bits: the input is quantized by its own range, and the result is float32.

    Shape: (..., in_features) gives (..., out_features). There is no gradient. `torch.ao.quantization.quantize_dynamic` makes such
    layers of `torch.nn.Linear`.
    """

    _FLOAT_MODULE = floats.Linear
    version = 4

    def __init__(self, in_features: int, out_features: int, bias_: bool = True, dtype: Any = None):
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        self.scale, self.zero_point = 1.0, 0
        kind = dtypes.named("qint8") if dtype is None else dtype
        half = kind is dtypes.float16
        weight = zeros(out_features, in_features, dtype=kind) if half else _empty_affine_quantized(out_features, in_features, dtype=kind)
        self._packed_params = LinearPackedParams(kind)
        self._packed_params.set_weight_bias(weight, zeros(out_features) if bias_ else None)

    def forward(self, x: Any) -> Any:
        weight, bias = self._weight_bias()
        return product(x, weight, bias)

    def _get_name(self) -> str:
        return "DynamicQuantizedLinear"

    def extra_repr(self) -> str:
        sizes = f"in_features={self.in_features}, out_features={self.out_features}, dtype={self._packed_params.dtype}"
        return sizes + scheme_of(self.weight())

    @classmethod
    def from_float(cls, mod: Any, use_precomputed_fake_quant: bool = False) -> Linear:
        """The layer with the weight of a `torch.nn.Linear` as its `qconfig` says."""
        if not isinstance(mod, floats.Linear):
            raise AssertionError(f"nn.quantized.dynamic.Linear.from_float only works for Linear, not for {type(mod).__name__}")
        config = getattr(mod, "qconfig", None)
        if config is None:
            raise AssertionError("Input float module must have qconfig defined")
        observer = config.weight()
        if observer.dtype not in (dtypes.named("qint8"), dtypes.float16):
            kinds = f"qint8 and float16, not {observer.dtype}"
            raise RuntimeError(located(f"the weight of a dynamically quantized Linear is {kinds}"))
        made = cls(mod.in_features, mod.out_features, dtype=observer.dtype)
        made.set_weight_bias(observed(mod.weight, observer), None if mod.bias is None else mod.bias.float())
        made.train(mod.training)
        return made


__all__ = ["Linear", "LinearPackedParams"]
