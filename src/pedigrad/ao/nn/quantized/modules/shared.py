"""What modules between quantized tensors share: how they come from modules of floats, and that the scale of their results is saved."""

from __future__ import annotations

from typing import Any

from .....core import dtypes
from .....core.origin import located
from .....nn.module import Module
from .....ops.creation import tensor
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


class WithScale(Module):
    """A module whose results are quantized by `scale` and `zero_point`, which are numbers and saved with it."""

    scale: float = 1.0
    zero_point: int = 0

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        destination[prefix + "scale"] = tensor(self.scale)
        destination[prefix + "zero_point"] = tensor(self.zero_point)

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *more: Any) -> None:
        for name, kind in (("scale", float), ("zero_point", int)):
            if prefix + name in state_dict:
                setattr(self, name, kind(state_dict.pop(prefix + name)))
        super()._load_from_state_dict(state_dict, prefix, *more)

    def __repr__(self) -> str:
        return f"{self._get_name()}({self.extra_repr()})"


def only(mod: Any, kinds: Any, name: str) -> None:
    """AssertionError for a module that is none of these classes."""
    if type(mod) not in (kinds if isinstance(kinds, tuple) else (kinds,)):
        raise AssertionError(located(f"nnq.{name}.from_float only works for {kinds}, but got: {type(mod)}"))
