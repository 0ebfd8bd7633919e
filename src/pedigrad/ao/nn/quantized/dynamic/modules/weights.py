"""Weights of modules as whole numbers, or in float16, and their products with floats."""

from __future__ import annotations

from typing import Any

import numpy as np

from ......core import dtypes
from ......core.origin import located
from ......core.quantized import QuantizedTensor, per_channel_affine, per_channel_symmetric, per_tensor_symmetric
from ......core.tensor import Tensor, read_elements, wrap
from ......ops.quantized.make import quantize_per_channel, quantize_per_tensor
from ......ops.quantized.products import centred, dynamic_linear


class Symmetric:
    """Observes a weight of which nobody says how it is to be quantized: one scale, zero in the middle."""

    dtype, qscheme = dtypes.named("qint8"), per_tensor_symmetric

    def __call__(self, weight: Tensor) -> None:
        self.largest = float(np.abs(weight._array).max()) if weight.numel() else 0.0

    def calculate_qparams(self) -> tuple[float, int]:
        """The scale and the zero point."""
        return max(self.largest / 127.5, float(np.finfo(np.float32).eps)), 0


def observed(weight: Tensor, observer: Any, looks: bool = True) -> Any:
    """A weight as whole numbers, with the scale that an observer says, which `looks` at it; in float16 if that is the observer's dtype."""
    weight = weight.detach().float()  # type: ignore[attr-defined]
    if observer.dtype is dtypes.float16:
        return weight.half()  # type: ignore[attr-defined]
    if looks:
        observer(weight)
    scale, zero_point = observer.calculate_qparams()
    if observer.qscheme in (per_channel_affine, per_channel_symmetric):
        axis = observer.ch_axis
        return quantize_per_channel(weight, scale.to(dtypes.float64), zero_point.to(dtypes.int64), axis, dtypes.named("qint8"))
    return quantize_per_tensor(weight, float(scale), int(zero_point), dtypes.named("qint8"))


def made_ready(weight: Any) -> Any:
    """A weight as it is multiplied, in float32: for `product`, where that is called with one weight many times."""
    return centred(weight._quantized) if isinstance(weight, QuantizedTensor) else weight._array.astype(np.float32)


def product(x: Tensor, weight: Any, bias: Any, ready: Any = None) -> Tensor:
    """`x @ weight.T + bias` where `weight` is quantized by `observed`; it has no gradient."""
    array = x._array
    if array.dtype != np.float32 or not isinstance(array, np.ndarray):
        raise RuntimeError(located(f"a quantized weight is multiplied by float32 tensors, not by {x.dtype}"))
    if array.shape[-1] != weight.shape[1]:
        sizes = f"{list(array.shape)} and {list(weight.shape)}"
        raise RuntimeError(located(f"the last dimension of the input must be that of the weight: the shapes are {sizes}"))
    read_elements(array, "a product with a quantized weight")
    added = None if bias is None else bias.detach()._array
    if isinstance(weight, QuantizedTensor):
        return wrap(dynamic_linear(array, weight._quantized, added, True, ready))
    out = array @ (made_ready(weight) if ready is None else ready).T
    return wrap(out if added is None else out + added)


def scheme_of(weight: Any) -> str:
    """How a weight is kept, as modules print it."""
    return f", qscheme={weight.qscheme()}" if isinstance(weight, QuantizedTensor) else ""
