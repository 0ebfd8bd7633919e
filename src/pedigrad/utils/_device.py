"""`torch.utils._device`: the device on which tensors are made, as a mode and as a decorator."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..core.device import device as _device
from ..core.override import TorchFunctionMode


class DeviceContext(TorchFunctionMode):
    """A context within which tensors are made on `device`, as within that device itself: functions need not be taken over for it."""

    def __init__(self, device: Any):
        self.device = _device(device)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        with self.device:
            return func(*args, **(kwargs or {}))

    def __enter__(self) -> Any:
        self.device.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self.device.__exit__(*exc)


def device_decorator(device: Any, func: Callable[..., Any]) -> Callable[..., Any]:
    """`func`, whose calls make tensors on `device`, or within the context that it gives if it is a function."""

    @functools.wraps(func)
    def decorated(*args: Any, **kwargs: Any) -> Any:
        with device() if callable(device) else device:
            return func(*args, **kwargs)

    return decorated


def set_device(device: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator: the function makes tensors on `device`."""
    return functools.partial(device_decorator, _device(device))
