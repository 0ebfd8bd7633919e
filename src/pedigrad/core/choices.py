"""What programs choose for the whole process: determinism, precision of products, the device and the dtype of new tensors."""

from __future__ import annotations

from typing import Any

from . import dtypes
from .device import CPU, device, require_cpu
from .op import publish
from .origin import located
from .tensor import Tensor

_chosen: dict[str, Any] = {"deterministic": 0, "precision": "highest", "warn": False, "device": None, "interop": 1}
_DEBUG = ("default", "warn", "error")


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Ask for operations that give the same each time: all do, so it is only remembered."""
    _chosen["deterministic"] = (1 if warn_only else 2) if mode else 0


def are_deterministic_algorithms_enabled() -> bool:
    """Whether `use_deterministic_algorithms` asked for them."""
    return _chosen["deterministic"] > 0


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """Whether it asked for warnings only."""
    return _chosen["deterministic"] == 1


def get_deterministic_debug_mode() -> int:
    """The same as a number: 0, 1 for warnings, 2 for errors."""
    return _chosen["deterministic"]


def set_deterministic_debug_mode(debug_mode: int | str) -> None:
    """Set it by a number, or by "default", "warn" or "error"."""
    if isinstance(debug_mode, str):
        if debug_mode not in _DEBUG:
            text = "expected one of `default`, `warn`, `error`"
            raise RuntimeError(located(f"invalid value of debug_mode, {text}, but got {debug_mode}"))
        debug_mode = _DEBUG.index(debug_mode)
    if debug_mode not in (0, 1, 2):
        raise RuntimeError(located(f"invalid value of debug_mode, expected 0, 1, or 2, but got {debug_mode}"))
    _chosen["deterministic"] = debug_mode


def set_float32_matmul_precision(precision: str) -> None:
    """Choose "highest", "high" or "medium" for products of float32: all are computed in float32, so it is only remembered."""
    if precision not in ("highest", "high", "medium"):
        known = "it is one of 'highest', 'high', 'medium'"
        raise RuntimeError(located(f"{precision} is not one of the precisions of float32 products: {known}"))
    _chosen["precision"] = precision


def get_float32_matmul_precision() -> str:
    """What `set_float32_matmul_precision` chose."""
    return _chosen["precision"]


def set_warn_always(b: bool) -> None:
    """Remember whether warnings are to be repeated: Python's filters decide that."""
    _chosen["warn"] = bool(b)


def is_warn_always_enabled() -> bool:
    """What `set_warn_always` said."""
    return _chosen["warn"]


def set_flush_denormal(mode: bool) -> bool:
    """False: denormal numbers are computed with."""
    return False


def set_num_interop_threads(num: int) -> None:
    """Remember a number of threads for operations side by side: they run one after the other."""
    if num <= 0:
        raise RuntimeError(located("set_num_interop_threads expects a positive integer"))
    _chosen["interop"] = int(num)


def get_num_interop_threads() -> int:
    """What `set_num_interop_threads` said, 1 by default."""
    return _chosen["interop"]


def set_default_device(device: Any) -> None:
    """Choose where tensors are made: RuntimeError for anything but the CPU; None for the default."""
    require_cpu(device)
    _chosen["device"] = None if device is None else _as_device(device)


def _as_device(where: Any) -> device:
    return device(where)


def get_default_device() -> device:
    """Where tensors are made: the CPU."""
    return _chosen["device"] or CPU


def set_default_tensor_type(t: Any) -> None:
    """Choose the default dtype by a type of tensors, `torch.DoubleTensor` or its name."""
    name = (t if isinstance(t, str) else getattr(t, "legacy_name", "torch.FloatTensor" if t is Tensor else "")).rpartition(".")[2]
    known = {"FloatTensor": "float32", "DoubleTensor": "float64", "HalfTensor": "float16", "BFloat16Tensor": "bfloat16"}
    if "cuda" in str(t):
        require_cpu("cuda")
    if name not in known:
        raise TypeError(located(f"only floating-point types are supported as the default type, not {t}"))
    dtypes.set_default_dtype(dtypes.named(known[name]))


def _assert(condition: Any, message: str) -> None:
    """AssertionError with this message unless the condition, maybe a tensor of one, is true."""
    if not condition:
        raise AssertionError(message)


def _check(cond: Any, message: Any = None) -> None:
    """RuntimeError, with what `message()` says, unless the condition is true."""
    _check_with(RuntimeError, cond, message)


def _check_with(error_type: Any, cond: Any, message: Any = None) -> None:
    """An error of that type, with what `message()` says, unless the condition is true."""
    if not cond:
        raise error_type(located(str(message()) if callable(message) else str(message or "Expected cond to be True")))


def _check_index(cond: Any, message: Any = None) -> None:
    """IndexError, with what `message()` says, unless the condition is true."""
    _check_with(IndexError, cond, message)


def _check_value(cond: Any, message: Any = None) -> None:
    """ValueError, with what `message()` says, unless the condition is true."""
    _check_with(ValueError, cond, message)


def _check_type(cond: Any, message: Any = None) -> None:
    """TypeError, with what `message()` says, unless the condition is true."""
    _check_with(TypeError, cond, message)


def _check_is_size(i: Any, message: Any = None, *, max: Any = None) -> None:
    """RuntimeError unless the number is not negative."""
    _check(i >= 0, message)


def _check_tensor_all(cond: Tensor, message: Any = None) -> None:
    """RuntimeError, with what `message()` says, unless all elements are true."""
    _check_with(RuntimeError, bool(cond.all()), message)  # type: ignore[attr-defined]


def compiled_with_cxx11_abi() -> bool:
    """True."""
    return True


for _each in list(globals().values()):
    if getattr(_each, "__module__", None) == __name__ and callable(_each) and _each.__name__ not in ("_as_device",):
        publish(_each, _each.__name__, ["torch"])
