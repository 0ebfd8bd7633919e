"""Observers: modules that look at tensors, give them back as they are, and say with which scale and zero point to quantize them."""

from __future__ import annotations

import functools
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np

from ...core import dtypes
from ...core.limits import iinfo
from ...core.origin import located, warn
from ...core.quantized import (
    per_channel_affine,
    per_channel_affine_float_qparams,
    per_channel_symmetric,
    per_tensor_affine,
    per_tensor_symmetric,
)
from ...core.tensor import Tensor
from ...nn.module import Module
from ...ops.creation import empty, tensor, zeros
from .histogram import best_bins, counted, in_range

EPS = float(np.finfo(np.float32).eps)
QINT8, QUINT8, QINT32, QUINT4 = (dtypes.named(name) for name in ("qint8", "quint8", "qint32", "quint4x2"))
RANGES: dict[Any, tuple[int, int]] = {QINT8: (-128, 127), QUINT8: (0, 255), QINT32: (-(2**31), 2**31 - 1), QUINT4: (0, 15)}
RANGES |= {d: (iinfo(d).min, iinfo(d).max) for d in (dtypes.int8, dtypes.uint8, dtypes.int16, dtypes.int32, dtypes.uint16)}
SYMMETRIC = (per_tensor_symmetric, per_channel_symmetric)
BY_CHANNEL = (per_channel_affine, per_channel_symmetric, per_channel_affine_float_qparams)


class Partial:
    """A class with some of its arguments given, which may be given further ones, or makers of such."""

    def __init__(self, made: functools.partial[Any]):
        self.p, self.callable_args = made, {}  # type: ignore[var-annotated]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.p(*args, **{n: make() for n, make in self.callable_args.items() if n not in kwargs}, **kwargs)

    def __repr__(self) -> str:
        return repr(self.p) + repr(self.callable_args)

    def with_args(self, **kwargs: Any) -> Partial:
        """The same with further arguments given."""
        return Partial(functools.partial(self, **kwargs))  # type: ignore[arg-type]

    def with_callable_args(self, **kwargs: Any) -> Partial:
        """The same with further arguments, which are made anew for each object."""
        made = self.with_args()
        made.callable_args = {**self.callable_args, **kwargs}
        return made


def with_args(cls: Any, **kwargs: Any) -> Partial:
    """A maker of objects of this class with these arguments."""
    return Partial(functools.partial(cls, **kwargs))


def with_callable_args(cls: Any, **kwargs: Any) -> Partial:
    """A maker of objects of this class with these arguments, which are made anew for each."""
    return with_args(cls).with_callable_args(**kwargs)


class ObserverBase(Module):
    """What observers share: the dtype that the tensors are to be quantized to."""

    def __init__(self, dtype: Any, is_dynamic: bool = False):
        super().__init__()
        self.dtype, self.is_dynamic = dtype, is_dynamic

    def forward(self, x: Any) -> Any:
        raise NotImplementedError

    def calculate_qparams(self, **kwargs: Any) -> Any:
        """The scale and the zero point."""
        raise NotImplementedError

    with_args = classmethod(with_args)
    with_callable_args = classmethod(with_callable_args)


class UniformQuantizationObserverBase(ObserverBase):
    """What observers of a smallest and a largest value share: the range of whole numbers, and what follows from both.

    Args:
        dtype: a quantized dtype, or one of whole numbers.
        qscheme: affine, or symmetric around zero; by tensor or by channel.
        reduce_range: whether whole numbers have a bit less.
        quant_min, quant_max: the smallest and the largest whole number, if they are not those of `dtype`.
        eps: the smallest scale.
    """

    _version = 3
    eps: Tensor
    quant_min: Any
    quant_max: Any

    def __init__(
        self, dtype: Any = QUINT8, qscheme: Any = per_tensor_affine, reduce_range: bool = False, quant_min: int | None = None,
        quant_max: int | None = None, factory_kwargs: Any = None, eps: float = EPS, is_dynamic: bool = False, **kwargs: Any,
    ):  # fmt: skip
        super().__init__(dtype=dtype, is_dynamic=is_dynamic)
        self.qscheme, self.reduce_range = qscheme, reduce_range
        if reduce_range:
            warn("Please use quant_min and quant_max to specify the range for observers. reduce_range will be deprecated")
        self.register_buffer("eps", tensor([eps], dtype=dtypes.float32))
        if qscheme not in (per_tensor_affine, *SYMMETRIC, *BY_CHANNEL):
            raise AssertionError("Default Observer only works for per tensor and per channel schemes, affine and symmetric")
        if dtype not in RANGES:
            raise AssertionError(f"Default Observer only works for {', '.join(map(str, RANGES))} data type, not for {dtype}")
        self.has_customized_qrange = quant_min is not None and quant_max is not None
        if self.has_customized_qrange:
            self._validate_qmin_qmax(quant_min, quant_max)  # type: ignore[arg-type]
        low, high = (quant_min, quant_max) if self.has_customized_qrange else RANGES[dtype]
        halved = reduce_range and (self.has_customized_qrange or dtype in (QINT8, QUINT8, dtypes.int8, dtypes.uint8))
        self.quant_min, self.quant_max = (low // 2, high // 2) if halved else (low, high)  # type: ignore[operator]

    def _validate_qmin_qmax(self, quant_min: int, quant_max: int) -> None:
        if not quant_min <= 0 <= quant_max:
            raise AssertionError("Used-specified quantization range must include 0.")
        if quant_min >= quant_max:
            raise AssertionError("qmin must be strictly less than qmax for user-specified quantization range.")

    def _calculate_qparams(self, min_val: Tensor, max_val: Tensor) -> tuple[Tensor, Tensor]:
        """The scale and the zero point for values from `min_val` to `max_val`, numbers or vectors of these."""
        low, high = min_val._array, max_val._array
        if not low.size or (low.ndim == 0 and low == np.inf and high == -np.inf):
            warn("must run observer before calling calculate_qparams. Returning default scale and zero point ")
            return tensor([1.0]), tensor([0])
        if (low > high).any():
            raise AssertionError(f"min {low} should be less than max {high}")
        least, most, eps = int(self.quant_min), int(self.quant_max), self.eps._array
        span = np.float32(most - least)
        if self.qscheme is per_channel_affine_float_qparams:
            scale = (high - low) / span
            scale = np.where(scale > eps, scale, np.ones_like(scale))
            return tensor(scale), tensor(-low / scale)
        low, high = np.minimum(low, np.float32(0)), np.maximum(high, np.float32(0))
        if self.qscheme in SYMMETRIC:
            scale = np.maximum(np.maximum(-low, high) / np.float32(float(span) / 2), eps)
            zero = 0
            if self.dtype in (QUINT8, dtypes.uint8):
                zero = (least + most) // 2 if self.has_customized_qrange else 128
            elif self.dtype is dtypes.uint16:
                zero = 2**15
            return tensor(scale), tensor(np.full(scale.shape, zero, np.int64))
        scale = np.maximum((high - low) / span, eps)
        zeros = np.int32(least) - np.rint(low / scale).astype(np.int32)
        return tensor(scale), tensor(np.clip(zeros, least, most).astype(np.int32))

    def reset_min_max_vals(self) -> None:
        """Forget what was seen."""
        raise NotImplementedError


class MinMaxObserver(UniformQuantizationObserverBase):
    """Keeps the smallest and the largest value seen so far, `min_val` and `max_val`.

    >>> observer = torch.ao.quantization.MinMaxObserver()
    >>> _ = observer(torch.tensor([-1.0, 3.0]))
    >>> observer.calculate_qparams()
    (tensor([0.0157]), tensor([64], dtype=torch.int32))
    """

    min_val: Tensor
    max_val: Tensor

    def __init__(
        self, dtype: Any = QUINT8, qscheme: Any = per_tensor_affine, reduce_range: bool = False, quant_min: int | None = None,
        quant_max: int | None = None, factory_kwargs: Any = None, eps: float = EPS, is_dynamic: bool = False, **kwargs: Any,
    ):  # fmt: skip
        if qscheme in BY_CHANNEL:
            raise NotImplementedError(
                located(f"{type(self).__name__}'s qscheme only support torch.per_tensor_symmetric and torch.per_tensor_affine.")
            )
        super().__init__(dtype, qscheme, reduce_range, quant_min, quant_max, factory_kwargs, eps, is_dynamic, **kwargs)
        self.register_buffer("min_val", tensor(float("inf")))
        self.register_buffer("max_val", tensor(float("-inf")))
        if qscheme is per_tensor_symmetric and reduce_range and dtype is QUINT8:
            raise NotImplementedError(located("Cannot reduce range for symmetric quantization for quint8"))

    def forward(self, x_orig: Tensor) -> Tensor:
        """`x_orig`; its smallest and largest element are remembered."""
        if x_orig.numel():
            x = x_orig.detach()._array.astype(np.float32, copy=False)
            self._seen(x.min(), x.max())
        return x_orig

    def _seen(self, low: Any, high: Any) -> None:
        """Take note of the smallest and the largest element of a tensor."""
        self._keep(np.minimum(low, self.min_val._array), np.maximum(high, self.max_val._array))

    def _keep(self, low: Any, high: Any) -> None:
        self.min_val.copy_(tensor(low))
        self.max_val.copy_(tensor(high))

    def calculate_qparams(self, **kwargs: Any) -> tuple[Tensor, Tensor]:
        return self._calculate_qparams(self.min_val, self.max_val)

    def extra_repr(self) -> str:
        return f"min_val={self.min_val.item()}, max_val={self.max_val.item()}"

    def reset_min_max_vals(self) -> None:
        self.min_val.copy_(tensor(float("inf")))
        self.max_val.copy_(tensor(float("-inf")))


class MovingAverageMinMaxObserver(MinMaxObserver):
    """Keeps moving averages of the smallest and the largest value of each tensor; the newest weighs `averaging_constant`."""

    def __init__(
        self, averaging_constant: float = 0.01, dtype: Any = QUINT8, qscheme: Any = per_tensor_affine, reduce_range: bool = False,
        quant_min: int | None = None, quant_max: int | None = None, eps: float = EPS, is_dynamic: bool = False, **kwargs: Any,
    ):  # fmt: skip
        self.averaging_constant = averaging_constant
        super().__init__(dtype, qscheme, reduce_range, quant_min, quant_max, None, eps, is_dynamic, **kwargs)
        if is_dynamic and averaging_constant != 1:
            raise NotImplementedError(
                located(f"MovingAverageMinMaxObserver doesn't support dynamic quantization for averaging constant of {averaging_constant}")
            )

    def _seen(self, low: Any, high: Any) -> None:
        before_low, before_high = self.min_val._array, self.max_val._array
        if not (before_low == np.inf and before_high == -np.inf):
            c = np.float32(self.averaging_constant)
            low, high = before_low + c * (low - before_low), before_high + c * (high - before_high)
        self._keep(low, high)


class PerChannelMinMaxObserver(UniformQuantizationObserverBase):
    """Keeps the smallest and the largest value of each index of the dimension `ch_axis`: vectors `min_val` and `max_val`."""

    min_val: Tensor
    max_val: Tensor

    def __init__(
        self, ch_axis: int = 0, dtype: Any = QUINT8, qscheme: Any = per_channel_affine, reduce_range: bool = False,
        quant_min: int | None = None, quant_max: int | None = None, factory_kwargs: Any = None, eps: float = EPS,
        is_dynamic: bool = False, **kwargs: Any,
    ):  # fmt: skip
        if qscheme not in BY_CHANNEL:
            raise NotImplementedError(located(f"{type(self).__name__}'s qscheme only support the schemes by channel."))
        if is_dynamic:
            raise NotImplementedError(located("PerChannelMinMaxObserver doesn't support dynamic quantization"))
        super().__init__(dtype, qscheme, reduce_range, quant_min, quant_max, factory_kwargs, eps, is_dynamic, **kwargs)
        self.ch_axis = ch_axis
        self.register_buffer("min_val", tensor([]))
        self.register_buffer("max_val", tensor([]))
        if qscheme is per_channel_symmetric and reduce_range and dtype is QUINT8:
            raise NotImplementedError(located("Cannot reduce range for symmetric quantization for quint8"))

    def forward(self, x_orig: Tensor) -> Tensor:
        """`x_orig`; the smallest and largest elements of its channels are remembered."""
        if x_orig.numel():
            x = x_orig.detach()._array.astype(np.float32, copy=False)
            rows = np.moveaxis(x, self.ch_axis, 0).reshape(x.shape[self.ch_axis], -1)
            low, high = rows.min(1), rows.max(1)
            if self.min_val.numel():
                low, high = self._with_before(low, high, self.min_val._array, self.max_val._array)
            self._keep(low, high)
        return x_orig

    def _with_before(self, low: Any, high: Any, before_low: Any, before_high: Any) -> tuple[Any, Any]:
        """What was seen so far and now together."""
        return np.minimum(low, before_low), np.maximum(high, before_high)

    def _keep(self, low: Any, high: Any) -> None:
        self.min_val, self.max_val = tensor(low), tensor(high)

    def calculate_qparams(self, **kwargs: Any) -> tuple[Tensor, Tensor]:
        return self._calculate_qparams(self.min_val, self.max_val)

    def extra_repr(self) -> str:
        return f"min_val={self.min_val}, max_val={self.max_val}"

    def reset_min_max_vals(self) -> None:
        self._keep(np.zeros(0, np.float32), np.zeros(0, np.float32))

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *more: Any) -> None:
        for name in ("min_val", "max_val"):
            if prefix + name in state_dict:
                setattr(self, name, empty(tuple(state_dict[prefix + name].shape)))
        super()._load_from_state_dict(state_dict, prefix, *more)


class MovingAveragePerChannelMinMaxObserver(PerChannelMinMaxObserver):
    """Keeps moving averages of the smallest and the largest value of each channel; the newest weigh `averaging_constant`."""

    def __init__(
        self, averaging_constant: float = 0.01, ch_axis: int = 0, dtype: Any = QUINT8, qscheme: Any = per_channel_affine,
        reduce_range: bool = False, quant_min: int | None = None, quant_max: int | None = None, eps: float = EPS,
        is_dynamic: bool = False, **kwargs: Any,
    ):  # fmt: skip
        super().__init__(ch_axis, dtype, qscheme, reduce_range, quant_min, quant_max, None, eps, is_dynamic, **kwargs)
        self.averaging_constant = averaging_constant

    def _with_before(self, low: Any, high: Any, before_low: Any, before_high: Any) -> tuple[Any, Any]:
        c = np.float32(self.averaging_constant)
        return before_low + c * (low - before_low), before_high + c * (high - before_high)


class HistogramObserver(UniformQuantizationObserverBase):
    """Keeps a histogram of all values seen; the range that it says has the least squared error, and may leave out the outermost ones.

    Args:
        bins: how many parts the histogram has.
        dtype, qscheme, reduce_range, quant_min, quant_max, eps: as of `MinMaxObserver`.
    """

    min_val: Tensor
    max_val: Tensor
    histogram: Tensor

    def __init__(
        self, bins: int = 2048, dtype: Any = QUINT8, qscheme: Any = per_tensor_affine, reduce_range: bool = False,
        quant_min: int | None = None, quant_max: int | None = None, factory_kwargs: Any = None, eps: float = EPS,
        is_dynamic: bool = False, **kwargs: Any,
    ):  # fmt: skip
        if qscheme in BY_CHANNEL:
            raise NotImplementedError(
                located("HistogramObserver's qscheme only support torch.per_tensor_symmetric and torch.per_tensor_affine.")
            )
        if is_dynamic:
            raise NotImplementedError(located("HistogramObserver doesn't support dynamic quantization"))
        super().__init__(dtype, qscheme, reduce_range, quant_min, quant_max, factory_kwargs, eps, is_dynamic, **kwargs)
        self.bins = bins
        self.register_buffer("histogram", zeros(bins))
        self.register_buffer("min_val", tensor(float("inf")))
        self.register_buffer("max_val", tensor(float("-inf")))
        low, high = RANGES[dtype]
        self.dst_nbins = 2**32 if dtype in (QINT32, dtypes.int32) else high - low + 1

    def forward(self, x_orig: Tensor) -> Tensor:
        """`x_orig`; its elements are counted."""
        x = x_orig.detach()._array.astype(np.float32, copy=False)
        if x.size and np.isinf(x).any():
            warn("torch.inf detected in input tensor, ignoring input")
            x = x[np.isfinite(x)]
        if not x.size:
            return x_orig
        low, high, before = x.min(), x.max(), self.histogram._array
        old_low, old_high = self.min_val._array, self.max_val._array
        if old_low == np.inf:
            found = counted(x, self.bins, low, high)
        else:
            low, high = np.minimum(low, old_low), np.maximum(high, old_high)
            found = counted(x, self.bins, low, high) + in_range(before, old_low, old_high, low, high)
        self.histogram.copy_(tensor(found.astype(np.float32)))
        self.min_val.copy_(tensor(low))
        self.max_val.copy_(tensor(high))
        return x_orig

    def calculate_qparams(self, **kwargs: Any) -> tuple[Tensor, Tensor]:
        low, high = self.min_val, self.max_val
        if low.item() != float("inf"):
            start, end = float(low), float(high)
            width = (end - start) / self.bins
            if width:
                first, last = best_bins(self.histogram._array, width, self.dst_nbins)
                step = (high._array - low._array) / np.float32(self.bins)
                low, high = tensor(low._array + step * np.float32(first)), tensor(low._array + step * np.float32(last + 1))
        return self._calculate_qparams(low, high)

    def extra_repr(self) -> str:
        return f"min_val={self.min_val.item()}, max_val={self.max_val.item()}"

    def reset_min_max_vals(self) -> None:
        self.histogram.copy_(zeros(self.bins))
        self.min_val.copy_(tensor(float("inf")))
        self.max_val.copy_(tensor(float("-inf")))


class FixedQParamsObserver(ObserverBase):
    """Says the scale and the zero point that it was given."""

    scale: Tensor
    zero_point: Tensor

    def __init__(
        self, scale: float, zero_point: int, dtype: Any = QUINT8, qscheme: Any = per_tensor_affine, quant_min: int = 0,
        quant_max: int = 255, is_dynamic: bool = False, **kwargs: Any,
    ):  # fmt: skip
        if is_dynamic:
            raise NotImplementedError(located("FixedQParamsObserver doesn't support dynamic quantization"))
        super().__init__(dtype=dtype, is_dynamic=is_dynamic)
        self.quant_min, self.quant_max, self.qscheme = quant_min, quant_max, qscheme
        self.register_buffer("scale", tensor([scale], dtype=dtypes.float32))
        self.register_buffer("zero_point", tensor([zero_point], dtype=dtypes.int32))

    def forward(self, X: Tensor) -> Tensor:
        return X

    def calculate_qparams(self, **kwargs: Any) -> tuple[Tensor, Tensor]:
        return self.scale, self.zero_point


class PlaceholderObserver(ObserverBase):
    """Looks at nothing; it says to what dtype tensors are to be converted when the model runs."""

    def __init__(
        self, dtype: Any = dtypes.float32, custom_op_name: str = "", compute_dtype: Any = None, quant_min: int | None = None,
        quant_max: int | None = None, qscheme: Any = None, eps: float | None = None, is_dynamic: bool = False,
    ):  # fmt: skip
        super().__init__(dtype=dtype, is_dynamic=is_dynamic)
        self.qscheme = per_tensor_affine if qscheme is None else qscheme
        self.quant_min, self.quant_max, self.eps = quant_min, quant_max, eps
        self.custom_op = custom_op_name
        if compute_dtype:
            self.is_dynamic = True

    def forward(self, x: Tensor) -> Tensor:
        return x

    def extra_repr(self) -> str:
        return f"dtype={self.dtype}, is_dynamic={self.is_dynamic}"

    def calculate_qparams(self, **kwargs: Any) -> Any:
        raise Exception("calculate_qparams should not be called for PlaceholderObserver")


class NoopObserver(ObserverBase):
    """Looks at nothing: for what is converted to float16 without a scale."""

    def __init__(self, dtype: Any = dtypes.float16, custom_op_name: str = ""):
        super().__init__(dtype=dtype, is_dynamic=False)
        self.custom_op = custom_op_name

    def forward(self, x: Tensor) -> Tensor:
        return x

    def calculate_qparams(self, **kwargs: Any) -> Any:
        raise Exception("calculate_qparams should not be called for NoopObserver")


class RecordingObserver(ObserverBase):
    """Keeps a copy of each tensor that it is given."""

    def __init__(self, dtype: Any = QUINT8):
        super().__init__(dtype=dtype, is_dynamic=False)
        self.tensor_val: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        self.tensor_val.append(x.clone())  # type: ignore[attr-defined]
        return x

    def calculate_qparams(self, **kwargs: Any) -> Any:
        raise Exception("calculate_qparams should not be called for RecordingObserver")

    def get_tensor_value(self) -> list[Tensor]:
        """The copies."""
        return self.tensor_val


class ReuseInputObserver(ObserverBase):
    """Looks at nothing: for what has the scale of what it was given."""

    def __init__(self) -> None:
        super().__init__(dtype=QUINT8, is_dynamic=False)

    def forward(self, x: Tensor) -> Tensor:
        return x

    def calculate_qparams(self, **kwargs: Any) -> Any:
        raise Exception("calculate_qparams should not be called for ReuseInputObserver")


def get_observer_state_dict(mod: Module) -> dict[str, Any]:
    """The buffers of the observers of a prepared model."""
    return OrderedDict((name, value) for name, value in mod.state_dict().items() if "activation_post_process" in name)


def load_observer_state_dict(mod: Module, obs_dict: Any) -> None:
    """Give the observers of a prepared model what `get_observer_state_dict` gave; those that it says nothing of stay as they are."""
    mod.load_state_dict({name: value for name, value in obs_dict.items() if "activation_post_process" in name}, strict=False)


def _weights(cls: Callable[..., Any], scheme: Any, **more: Any) -> Partial:
    return with_args(cls, dtype=QINT8, qscheme=scheme, **more)


_ZERO_TO_ONE = with_args(FixedQParamsObserver, scale=1.0 / 256.0, zero_point=0, dtype=QUINT8, quant_min=0, quant_max=255)
_ONE_TO_ONE = with_args(FixedQParamsObserver, scale=2.0 / 256.0, zero_point=128, dtype=QUINT8, quant_min=0, quant_max=255)
default_fixed_qparams_range_0to1_observer = default_affine_fixed_qparams_observer = _ZERO_TO_ONE
default_fixed_qparams_range_neg1to1_observer = default_symmetric_fixed_qparams_observer = _ONE_TO_ONE
default_reuse_input_observer = ReuseInputObserver
default_observer = with_args(MinMaxObserver, quant_min=0, quant_max=127)
default_placeholder_observer = PlaceholderObserver
default_histogram_observer = with_args(HistogramObserver, quant_min=0, quant_max=127)
default_debug_observer = RecordingObserver
default_weight_observer = _weights(MinMaxObserver, per_tensor_symmetric)
weight_observer_range_neg_127_to_127 = _weights(MinMaxObserver, per_tensor_symmetric, quant_min=-127, quant_max=127, eps=2**-12)
default_per_channel_weight_observer = _weights(PerChannelMinMaxObserver, per_channel_symmetric)
per_channel_weight_observer_range_neg_127_to_127 = _weights(
    PerChannelMinMaxObserver, per_channel_symmetric, quant_min=-127, quant_max=127, eps=2**-12
)
default_dynamic_quant_observer = with_args(PlaceholderObserver, dtype=QUINT8, quant_min=0, quant_max=255, is_dynamic=True)
default_float_qparams_observer = with_args(PerChannelMinMaxObserver, dtype=QUINT8, qscheme=per_channel_affine_float_qparams, ch_axis=0)
