"""What modules between quantized tensors share: how they come from modules of floats, and that the scale of their results is saved."""

from __future__ import annotations

from typing import Any

from .....core import dtypes
from .....core.origin import located
from ..dynamic.modules.packed import WithScale
from ..dynamic.modules.weights import observed

QINT8 = dtypes.named("qint8")


def result_parameters(mod: Any) -> tuple[float, int]:
    """The scale and the zero point that the observer of a module's results says; AssertionError if there is none."""
    observer = getattr(mod, "activation_post_process", None)
    if observer is None:
        raise AssertionError("Input QAT or float module must have an observer of its results attached: see torch.ao.quantization.prepare()")
    scale, zero_point = observer.calculate_qparams()
    return float(scale), int(zero_point)


def quantized_weight(mod: Any, weight: Any, use_precomputed: bool = False) -> Any:
    """A module's weight in qint8, as its fake quantization or the observer of its `qconfig` says."""
    fake = getattr(mod, "weight_fake_quant", None)
    if fake is None:
        config = getattr(mod, "qconfig", None)
        if config is None:
            raise AssertionError("Input float module must have qconfig defined")
        fake = config.weight()
    if fake.dtype is not QINT8:
        raise AssertionError(f"Weight observer must have a dtype of qint8, not {fake.dtype}")
    return observed(weight, fake, looks=not use_precomputed)


def only(mod: Any, kinds: Any, name: str) -> None:
    """AssertionError for a module that is none of these classes."""
    if type(mod) not in (kinds if isinstance(kinds, tuple) else (kinds,)):
        raise AssertionError(located(f"nnq.{name}.from_float only works for {kinds}, but got: {type(mod)}"))


__all__ = ["QINT8", "WithScale", "only", "quantized_weight", "result_parameters"]
