"""What a program sets once for all: determinism, precision, warnings, the device and type of new tensors.

Results do not depend on the order of threads here, products are in full precision, and denormal numbers are kept: most of these settings
are kept for whoever asks, and change nothing.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

from . import modes
from .device import device, is_nowhere
from .dtypes import dtype, set_default_dtype
from .origin import warn

_MODES = ("default", "warn", "error")
_deterministic = 0
_precision = "highest"
_warn_always = False
_interop = 0


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Nothing but that `are_deterministic_algorithms_enabled` says so: there are no others."""
    global _deterministic
    if not isinstance(mode, bool):
        raise TypeError(f"use_deterministic_algorithms(): argument 'mode' must be bool, not {type(mode).__name__}")
    _deterministic = 0 if not mode else 1 if warn_only else 2


def are_deterministic_algorithms_enabled() -> bool:
    """What `use_deterministic_algorithms` set."""
    return _deterministic > 0


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """Whether others would only be warned of."""
    return _deterministic == 1


def set_deterministic_debug_mode(debug_mode: int | str) -> None:
    """`use_deterministic_algorithms` by a number or word: 0 or 'default', 1 or 'warn', 2 or 'error'."""
    global _deterministic
    if isinstance(debug_mode, str):
        if debug_mode not in _MODES:
            raise RuntimeError(f"invalid value of debug_mode, expected one of `default`, `warn`, `error`, but got {debug_mode}")
        debug_mode = _MODES.index(debug_mode)
    if debug_mode not in (0, 1, 2):
        raise RuntimeError(f"invalid value of debug_mode, expected 0, 1, or 2, but got {debug_mode}")
    _deterministic = int(debug_mode)


def get_deterministic_debug_mode() -> int:
    """What `set_deterministic_debug_mode` set, as a number."""
    return _deterministic


def set_float32_matmul_precision(precision: str) -> None:
    """Nothing but that `get_float32_matmul_precision` says so: products of float32 are in float32."""
    global _precision
    if not isinstance(precision, str):
        raise RuntimeError(f"set_float32_matmul_precision expects a str, but got {type(precision).__name__}")
    if precision in ("highest", "high", "medium"):
        _precision = precision
    else:  # as in PyTorch no error
        warn(f"{precision!r} is not one of 'highest', 'high', or 'medium'; the setting stays {_precision!r}")


def get_float32_matmul_precision() -> str:
    """What `set_float32_matmul_precision` set."""
    return _precision


def set_warn_always(b: bool, /) -> None:
    """Nothing but that `is_warn_always_enabled` says so: Python's filters decide how often a warning is shown."""
    global _warn_always
    _warn_always = bool(b)


def is_warn_always_enabled() -> bool:
    """What `set_warn_always` set."""
    return _warn_always


def set_flush_denormal(mode: bool) -> bool:
    """False: denormal numbers are computed with."""
    return False


def set_num_interop_threads(n: int, /) -> None:
    """Nothing but that `get_num_interop_threads` says so: operations run one after the other."""
    global _interop
    if n < 1:
        raise RuntimeError(f"set_num_interop_threads expects a positive integer, got {n}")
    _interop = int(n)


def get_num_interop_threads() -> int:
    """What `set_num_interop_threads` set, or 1: operations run one after the other."""
    return _interop or 1


def compiled_with_cxx11_abi() -> bool:
    """True, as of PyTorch; there is nothing to be linked against."""
    return True


def set_default_device(device: Any) -> None:
    """Make new tensors of this thread on a device where none is named: 'cpu', 'meta', or None for no preference."""
    here, where = modes.settings, None if device is None else _device(device)
    if where is not None:
        is_nowhere(where)
    if here.default_device is not None:
        here.devices.remove(here.default_device)
    if where is not None:
        here.devices.insert(0, where)
    here.default_device = where


def get_default_device() -> device:
    """The device of new tensors where none is named."""
    devices = modes.settings.devices
    return devices[-1] if devices else device("cpu")


def get_device_module(device: Any = None) -> ModuleType:
    """The module of a kind of device: `torch.cpu`, or `torch.cuda` for 'cuda'."""
    kind = "cpu" if device is None else _device(device).type
    try:
        return import_module(f"{__package__.partition('.')[0]}.{kind}")
    except ModuleNotFoundError:
        raise RuntimeError(f"Device '{kind}' does not have a corresponding module registered as 'torch.{kind}'.") from None


def set_default_tensor_type(t: Any, /) -> None:
    """Make this type's dtype the one of new floats: `torch.DoubleTensor`, or its name."""
    kind = t
    if isinstance(t, str):
        place, _, name = t.rpartition(".")
        found = sys.modules.get(f"{__package__.partition('.')[0]}{place.removeprefix('torch')}") if place.startswith("torch") else None
        kind = getattr(found, name, None)
    wanted = getattr(kind, "dtype", None)
    if not isinstance(wanted, dtype):
        raise TypeError(f"invalid type object: {t!r} is no type of tensors, such as torch.DoubleTensor; or call torch.set_default_dtype()")
    if not wanted.is_floating_point:
        raise TypeError("only floating-point types are supported as the default type")
    set_default_dtype(wanted)


_device = device
