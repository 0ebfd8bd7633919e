"""Fake quantization in training: modules that observe tensors and round them as quantization will."""

from __future__ import annotations

from typing import Any

from ...core import dtypes
from ...core.quantized import (
    per_channel_affine_float_qparams,
    per_channel_symmetric,
    per_tensor_affine,
    per_tensor_symmetric,
)
from ...core.tensor import Tensor
from ...nn.module import Module
from ...ops.creation import empty, tensor
from ...ops.quantized.fake import fake_quantize_per_channel_affine, fake_quantize_per_tensor_affine
from ...ops.quantized.rounding import parameters_for
from .observer import (
    BY_CHANNEL,
    QINT8,
    QUINT8,
    RANGES,
    SYMMETRIC,
    HistogramObserver,
    MovingAverageMinMaxObserver,
    MovingAveragePerChannelMinMaxObserver,
    default_fixed_qparams_range_0to1_observer,
    default_fixed_qparams_range_neg1to1_observer,
    with_args,
)


class FakeQuantizeBase(Module):
    """What fake quantizations share: switches for observing and for rounding, kept as buffers."""

    fake_quant_enabled: Tensor
    observer_enabled: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("fake_quant_enabled", tensor([1], dtype=dtypes.uint8))
        self.register_buffer("observer_enabled", tensor([1], dtype=dtypes.uint8))

    def forward(self, x: Any) -> Any:
        raise NotImplementedError

    def calculate_qparams(self, **kwargs: Any) -> Any:
        """The scale and the zero point."""
        raise NotImplementedError

    def enable_fake_quant(self, enabled: bool = True) -> None:
        """Round tensors from now on."""
        self.fake_quant_enabled.fill_(1 if enabled else 0)

    def disable_fake_quant(self) -> None:
        """Give tensors back as they are."""
        self.enable_fake_quant(False)

    def enable_observer(self, enabled: bool = True) -> None:
        """Observe tensors from now on."""
        self.observer_enabled.fill_(1 if enabled else 0)

    def disable_observer(self) -> None:
        """Keep scale and zero point as they are."""
        self.enable_observer(False)

    with_args = classmethod(with_args)


class FakeQuantize(FakeQuantizeBase):
    """Gives tensors back rounded to what their quantized form stands for; scale and zero point are those of an observer.

    Args:
        observer: the class of the observer.
        quant_min, quant_max: the smallest and the largest whole number, if they are not those of the dtype.
        is_dynamic: whether the observer looks at one tensor at a time.
        observer_kwargs: further arguments of the observer: `dtype`, `qscheme`, `reduce_range`, ...

    The gradient goes through the rounding, and is zero for what lies beyond the range.
    """

    scale: Tensor
    zero_point: Tensor

    def __init__(
        self, observer: Any = MovingAverageMinMaxObserver, quant_min: int | None = None, quant_max: int | None = None,
        is_dynamic: bool = False, **observer_kwargs: Any,
    ):  # fmt: skip
        super().__init__()
        if quant_min is not None and quant_max is not None:
            if quant_min > quant_max:
                raise AssertionError("quant_min must be less than or equal to quant_max")
            dtype = observer_kwargs.get("dtype", QUINT8)
            if hasattr(observer, "p"):
                dtype = getattr(observer.p, "keywords", {}).get("dtype", dtype)
            low, high = RANGES[dtype]
            if quant_min < low:
                raise AssertionError("quant_min out of bound")
            if quant_max > high:
                raise AssertionError("quant_max out of bound")
            observer_kwargs.update(quant_min=quant_min, quant_max=quant_max)
        observer_kwargs["is_dynamic"] = is_dynamic
        self.activation_post_process = made = observer(**observer_kwargs)
        self.quant_min, self.quant_max, self.is_dynamic = made.quant_min, made.quant_max, is_dynamic
        float_zero = made.qscheme is per_channel_affine_float_qparams
        self.register_buffer("scale", tensor([1.0], dtype=dtypes.float32))
        self.register_buffer("zero_point", tensor([0], dtype=dtypes.float32 if float_zero else dtypes.int32))
        self.dtype, self.qscheme = made.dtype, made.qscheme
        self.ch_axis = getattr(made, "ch_axis", -1)
        if self.qscheme not in (per_tensor_affine, per_tensor_symmetric, *BY_CHANNEL):
            raise AssertionError("Only per channel and per tensor quantization are supported in fake quantize")
        self.is_per_channel = self.qscheme in BY_CHANNEL

    def calculate_qparams(self, **kwargs: Any) -> Any:
        return self.activation_post_process.calculate_qparams()

    def forward(self, X: Tensor) -> Tensor:
        """`X`, rounded if that is enabled, after it was observed if that is."""
        if self.observer_enabled.item() == 1:
            self.activation_post_process(X.detach())
            self._keep(*self._parameters_now())
        if self.fake_quant_enabled.item() != 1:
            return X
        if self.is_per_channel:
            return fake_quantize_per_channel_affine(X, self.scale, self.zero_point, self.ch_axis, self.quant_min, self.quant_max)
        return fake_quantize_per_tensor_affine(X, self.scale, self.zero_point, self.quant_min, self.quant_max)

    def _parameters_now(self) -> Any:
        """The scale and the zero point that follow from what was observed."""
        return self.calculate_qparams()

    def _keep(self, scale: Tensor, zero_point: Tensor) -> None:
        if self.scale.shape != scale.shape:
            self.scale, self.zero_point = empty(tuple(scale.shape)), empty(tuple(scale.shape), dtype=self.zero_point.dtype)
        self.scale.copy_(scale)
        self.zero_point.copy_(zero_point)

    def extra_repr(self) -> str:
        switches = f"fake_quant_enabled={self.fake_quant_enabled}, observer_enabled={self.observer_enabled}"
        limits = f"quant_min={self.activation_post_process.quant_min}, quant_max={self.activation_post_process.quant_max}"
        kept = f"dtype={self.dtype}, qscheme={self.qscheme}, ch_axis={self.ch_axis}, scale={self.scale}, zero_point={self.zero_point}"
        return f"{switches}, {limits}, {kept}"

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *more: Any) -> None:
        for name in ("scale", "zero_point"):
            given = state_dict.get(prefix + name)
            if given is not None and given.shape != getattr(self, name).shape:
                setattr(self, name, empty(tuple(given.shape), dtype=getattr(self, name).dtype))
        super()._load_from_state_dict(state_dict, prefix, *more)


class FixedQParamsFakeQuantize(FakeQuantize):
    """Rounds by the scale and the zero point that its observer was given."""

    def __init__(self, observer: Any):
        super().__init__(observer=observer)
        self.scale, self.zero_point = (each.clone() for each in self.activation_post_process.calculate_qparams())  # type: ignore[attr-defined]

    def calculate_qparams(self, **kwargs: Any) -> Any:
        return self.scale, self.zero_point

    def extra_repr(self) -> str:
        switches = f"fake_quant_enabled={self.fake_quant_enabled}, observer_enabled={self.observer_enabled}"
        kept = f"scale={self.scale}, zero_point={self.zero_point}, dtype={self.dtype}"
        return f"{switches}, {kept}, quant_min={self.quant_min}, quant_max={self.quant_max}, qscheme={self.qscheme}"


class FusedMovingAvgObsFakeQuantize(FakeQuantize):
    """`FakeQuantize` by a moving average, which PyTorch computes in one kernel."""

    def __init__(self, observer: Any = MovingAverageMinMaxObserver, quant_min: int = 0, quant_max: int = 255, **observer_kwargs: Any):
        super().__init__(observer, quant_min, quant_max, **observer_kwargs)
        if not isinstance(self.activation_post_process, (MovingAverageMinMaxObserver, MovingAveragePerChannelMinMaxObserver)):
            raise AssertionError(
                "Fused observer+fake_quant module only works with MovingAverageMinMaxObserver or MovingAveragePerChannelMinMaxObserver"
            )
        self.register_buffer("fake_quant_enabled", tensor([1], dtype=dtypes.int64))
        self.register_buffer("observer_enabled", tensor([1], dtype=dtypes.int64))
        self.is_symmetric = self.qscheme in SYMMETRIC

    def _parameters_now(self) -> Any:
        made = self.activation_post_process
        limits = zip(made.min_val.reshape(-1).tolist(), made.max_val.reshape(-1).tolist(), strict=True)
        found = [parameters_for(low, high, made.quant_min, made.quant_max, self.is_symmetric) for low, high in limits]
        scales, zeros = zip(*found, strict=True)
        return tensor(list(scales)), tensor(list(zeros), dtype=dtypes.int32)

    def extra_repr(self) -> str:
        switches = f"fake_quant_enabled={self.fake_quant_enabled}, observer_enabled={self.observer_enabled}"
        kept = f"scale={self.scale}, zero_point={self.zero_point}, dtype={self.dtype}"
        made = self.activation_post_process
        return (
            f"{switches}, {kept}, quant_min={made.quant_min}, quant_max={made.quant_max}, qscheme={self.qscheme},"
            f" reduce_range={made.reduce_range}"
        )


def _activations(cls: Any, observer: Any, **more: Any) -> Any:
    return with_args(cls, observer=observer, quant_min=0, quant_max=255, dtype=QUINT8, **more)


def _weights(cls: Any, observer: Any, scheme: Any, low: int = -128, **more: Any) -> Any:
    return with_args(cls, observer=observer, quant_min=low, quant_max=127, dtype=QINT8, qscheme=scheme, **more)


_AVERAGE, _BY_CHANNEL = MovingAverageMinMaxObserver, MovingAveragePerChannelMinMaxObserver
_AFFINE = {"qscheme": per_tensor_affine, "reduce_range": True}
default_fake_quant = _activations(FakeQuantize, _AVERAGE, **_AFFINE)
default_weight_fake_quant = _weights(FakeQuantize, _AVERAGE, per_tensor_symmetric, reduce_range=False)
default_dynamic_fake_quant = with_args(
    FakeQuantize, observer=_AVERAGE, quant_min=0, quant_max=255, is_dynamic=True, dtype=QUINT8, averaging_constant=1
)
default_fixed_qparams_range_0to1_fake_quant = with_args(FixedQParamsFakeQuantize, observer=default_fixed_qparams_range_0to1_observer)
default_fixed_qparams_range_neg1to1_fake_quant = with_args(FixedQParamsFakeQuantize, observer=default_fixed_qparams_range_neg1to1_observer)
default_affine_fixed_qparams_fake_quant = default_fixed_qparams_range_0to1_fake_quant
default_symmetric_fixed_qparams_fake_quant = default_fixed_qparams_range_neg1to1_fake_quant
default_per_channel_weight_fake_quant = _weights(FakeQuantize, _BY_CHANNEL, per_channel_symmetric, reduce_range=False, ch_axis=0)
default_histogram_fake_quant = _activations(FakeQuantize, HistogramObserver, **_AFFINE)
default_fused_act_fake_quant = _activations(FusedMovingAvgObsFakeQuantize, _AVERAGE)
default_fused_wt_fake_quant = _weights(FusedMovingAvgObsFakeQuantize, _AVERAGE, per_tensor_symmetric)
default_fused_per_channel_wt_fake_quant = _weights(FusedMovingAvgObsFakeQuantize, _BY_CHANNEL, per_channel_symmetric)
fused_wt_fake_quant_range_neg_127_to_127 = _weights(FusedMovingAvgObsFakeQuantize, _AVERAGE, per_tensor_symmetric, -127, eps=2**-12)
fused_per_channel_wt_fake_quant_range_neg_127_to_127 = _weights(
    FusedMovingAvgObsFakeQuantize, _BY_CHANNEL, per_channel_symmetric, -127, eps=2**-12
)
default_embedding_fake_quant = with_args(
    FakeQuantize, observer=_BY_CHANNEL, qscheme=per_channel_affine_float_qparams, dtype=QUINT8, quant_min=0, quant_max=255, ch_axis=0,
    averaging_constant=1,
)  # fmt: skip


def _each(module: Any, method: str) -> None:
    if isinstance(module, FakeQuantizeBase):
        getattr(module, method)()


def enable_fake_quant(mod: Any) -> None:
    """Round from now on, if the module is a fake quantization: for `model.apply(...)`."""
    _each(mod, "enable_fake_quant")


def disable_fake_quant(mod: Any) -> None:
    """Do not round, if the module is a fake quantization: for `model.apply(...)`."""
    _each(mod, "disable_fake_quant")


def enable_observer(mod: Any) -> None:
    """Observe from now on, if the module is a fake quantization: for `model.apply(...)`."""
    _each(mod, "enable_observer")


def disable_observer(mod: Any) -> None:
    """Do not observe, if the module is a fake quantization: for `model.apply(...)`."""
    _each(mod, "disable_observer")
