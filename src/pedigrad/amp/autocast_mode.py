"""Autocast, and what functions with a backward of their own do about it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from ..core.autocast import autocast, get_autocast_dtype, is_autocast_available, is_autocast_enabled
from ..core.origin import located
from ..core.tensor import Tensor

__all__ = ["autocast", "custom_bwd", "custom_fwd", "is_autocast_available"]


def _cast(value: Any, dtype: Any) -> Any:
    """The float tensors in `value`, whatever holds them, as `dtype`; those of float64 stay."""
    if isinstance(value, Tensor):
        return value.to(dtype) if value.is_floating_point() and value.element_size() < 8 else value  # type: ignore[attr-defined]
    if isinstance(value, Mapping):
        return {_cast(key, dtype): _cast(each, dtype) for key, each in value.items()}
    return type(value)(_cast(each, dtype) for each in value) if isinstance(value, (list, tuple)) else value


def _checked(device_type: Any) -> str:
    if not isinstance(device_type, str):
        raise ValueError(located(f"Expected `device_type` of type `str`, got: `{type(device_type)}`"))
    return device_type


def custom_fwd(fwd: Callable[..., Any] | None = None, *, device_type: str, cast_inputs: Any = None) -> Any:
    """A decorator for `forward` of a Function: its backward runs under the autocast that forward ran under.

    With `cast_inputs` forward is given floats of that dtype, and runs without autocast, where autocast is on.
    """
    device_type = _checked(device_type)
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)

    @functools.wraps(fwd)
    def forward(ctx: Any, *args: Any, **kwargs: Any) -> Any:
        ctx._dtype = get_autocast_dtype(device_type)
        on = is_autocast_enabled(device_type)
        ctx._fwd_used_autocast = on and cast_inputs is None
        if cast_inputs is None or not on:
            return fwd(ctx, *args, **kwargs)
        with autocast(device_type, enabled=False):
            return fwd(ctx, *_cast(args, cast_inputs), **_cast(kwargs, cast_inputs))

    return forward


def custom_bwd(bwd: Callable[..., Any] | None = None, *, device_type: str) -> Any:
    """A decorator for `backward` of a Function whose forward is decorated with `custom_fwd`."""
    device_type = _checked(device_type)
    if bwd is None:
        return functools.partial(custom_bwd, device_type=device_type)

    @functools.wraps(bwd)
    def backward(ctx: Any, *args: Any, **kwargs: Any) -> Any:
        with autocast(device_type, enabled=ctx._fwd_used_autocast, dtype=ctx._dtype):
            return bwd(ctx, *args, **kwargs)

    return backward
