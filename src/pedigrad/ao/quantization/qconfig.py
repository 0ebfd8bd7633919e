"""Which observers the weights and the results of modules get."""

from __future__ import annotations

from typing import Any, NamedTuple

from ...core import dtypes
from ...nn.linear import Identity
from ...nn.module import Module
from .fake_quantize import (
    FusedMovingAvgObsFakeQuantize,
    default_dynamic_fake_quant,
    default_fake_quant,
    default_fused_act_fake_quant,
    default_fused_per_channel_wt_fake_quant,
    default_fused_wt_fake_quant,
    default_per_channel_weight_fake_quant,
    default_weight_fake_quant,
)
from .observer import (
    HistogramObserver,
    MovingAverageMinMaxObserver,
    PlaceholderObserver,
    default_debug_observer,
    default_dynamic_quant_observer,
    default_float_qparams_observer,
    default_observer,
    default_per_channel_weight_observer,
    default_placeholder_observer,
    default_weight_observer,
    with_args,
)

ENGINES = ("fbgemm", "x86", "qnnpack", "onednn")


class QConfig(NamedTuple("QConfig", [("activation", Any), ("weight", Any)])):
    """The makers of the observers of a module's results and of its weight."""

    __slots__ = ()

    def __new__(cls, activation: Any, weight: Any) -> Any:
        if isinstance(activation, Module) or isinstance(weight, Module):
            raise ValueError("QConfig received observer instance, please pass observer class instead. Use MyObserver.with_args(x=1)")
        return super().__new__(cls, activation, weight)


QConfigAny = QConfig | None
default_qconfig = QConfig(default_observer, default_weight_observer)
default_debug_qconfig = QConfig(default_debug_observer, default_weight_observer)
default_per_channel_qconfig = QConfig(default_observer, default_per_channel_weight_observer)
default_dynamic_qconfig = QConfig(default_dynamic_quant_observer, default_weight_observer)
float16_dynamic_qconfig = QConfig(
    with_args(PlaceholderObserver, dtype=dtypes.float16, is_dynamic=True), with_args(PlaceholderObserver, dtype=dtypes.float16)
)
float16_static_qconfig = QConfig(with_args(PlaceholderObserver, dtype=dtypes.float16), with_args(PlaceholderObserver, dtype=dtypes.float16))
per_channel_dynamic_qconfig = QConfig(default_dynamic_quant_observer, default_per_channel_weight_observer)
float_qparams_weight_only_qconfig = QConfig(default_placeholder_observer, default_float_qparams_observer)
default_qat_qconfig = QConfig(default_fake_quant, default_weight_fake_quant)
default_dynamic_qat_qconfig = QConfig(default_dynamic_fake_quant, default_weight_fake_quant)
default_weight_only_qconfig = QConfig(Identity, default_weight_fake_quant)
default_activation_only_qconfig = QConfig(default_fake_quant, Identity)
default_qat_qconfig_v2 = QConfig(default_fused_act_fake_quant, default_fused_wt_fake_quant)


def _known(backend: str) -> None:
    if backend not in ENGINES:
        raise AssertionError(f"backend: {backend} not supported. backend must be one of {list(ENGINES)}")


def get_default_qconfig(backend: str = "x86", version: int = 0) -> QConfig:
    """The observers that PyTorch takes for models that are calibrated for this engine."""
    _known(backend)
    reduced = backend in ("fbgemm", "x86")
    weight = default_weight_observer if backend == "qnnpack" else default_per_channel_weight_observer
    return QConfig(with_args(HistogramObserver, reduce_range=reduced), weight)


def get_default_qat_qconfig(backend: str = "x86", version: int = 1) -> QConfig:
    """The fake quantizations that PyTorch takes for models that are trained for this engine."""
    _known(backend)
    reduced = backend in ("fbgemm", "x86")
    if version == 0:
        weight = default_weight_fake_quant if backend == "qnnpack" else default_per_channel_weight_fake_quant
        return QConfig(default_fake_quant.with_args(reduce_range=reduced), weight)
    more = {} if backend == "onednn" else {"reduce_range": reduced}
    activation = with_args(FusedMovingAvgObsFakeQuantize, observer=MovingAverageMinMaxObserver, quant_min=0, quant_max=255, **more)
    return QConfig(activation, default_fused_wt_fake_quant if backend == "qnnpack" else default_fused_per_channel_wt_fake_quant)
