"""Which observers the weights and the results of modules get."""

from __future__ import annotations

from typing import Any, NamedTuple

from ...core import dtypes
from ...nn.linear import Identity
from ...nn.module import Module
from .fake_quantize import (
    FusedMovingAvgObsFakeQuantize,
    default_dynamic_fake_quant,
    default_embedding_fake_quant,
    default_fake_quant,
    default_fused_act_fake_quant,
    default_fused_per_channel_wt_fake_quant,
    default_fused_wt_fake_quant,
    default_per_channel_weight_fake_quant,
    default_weight_fake_quant,
    fused_per_channel_wt_fake_quant_range_neg_127_to_127,
    fused_wt_fake_quant_range_neg_127_to_127,
)
from .observer import (
    QINT8,
    HistogramObserver,
    MinMaxObserver,
    MovingAverageMinMaxObserver,
    NoopObserver,
    PlaceholderObserver,
    default_debug_observer,
    default_dynamic_quant_observer,
    default_float_qparams_observer,
    default_observer,
    default_per_channel_weight_observer,
    default_placeholder_observer,
    default_reuse_input_observer,
    default_weight_observer,
    per_channel_weight_observer_range_neg_127_to_127,
    weight_observer_range_neg_127_to_127,
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
default_reuse_input_qconfig = QConfig(default_reuse_input_observer, NoopObserver)
default_quint8_weight_qconfig = QConfig(HistogramObserver, MinMaxObserver)
default_embedding_qat_qconfig = QConfig(with_args(NoopObserver, dtype=dtypes.float32), default_embedding_fake_quant)
_SYMMETRIC = with_args(HistogramObserver, dtype=QINT8, reduce_range=False, eps=2**-12)
_SYMMETRIC_FAKE = with_args(
    FusedMovingAvgObsFakeQuantize, observer=MovingAverageMinMaxObserver, quant_min=-128, quant_max=127, dtype=QINT8, reduce_range=False,
    eps=2**-12,
)  # fmt: skip
default_symmetric_qnnpack_qconfig = QConfig(_SYMMETRIC, weight_observer_range_neg_127_to_127)
default_per_channel_symmetric_qnnpack_qconfig = QConfig(_SYMMETRIC, per_channel_weight_observer_range_neg_127_to_127)
default_symmetric_qnnpack_qat_qconfig = QConfig(_SYMMETRIC_FAKE, fused_wt_fake_quant_range_neg_127_to_127)
default_per_channel_symmetric_qnnpack_qat_qconfig = QConfig(_SYMMETRIC_FAKE, fused_per_channel_wt_fake_quant_range_neg_127_to_127)
default_qat_qconfig_v2 = QConfig(default_fused_act_fake_quant, default_fused_wt_fake_quant)


def qconfig_equals(q1: Any, q2: Any) -> bool:
    """Whether two configurations have the same makers of observers, with the same arguments."""
    return repr(q1) == repr(q2)


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
