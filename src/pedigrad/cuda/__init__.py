"""`torch.cuda` where there is no CUDA: the questions have answers, the rest says so."""

from __future__ import annotations

from typing import Any

from ..core.device import require_cpu
from . import amp as amp


def is_available() -> bool:
    """False."""
    return False


def device_count() -> int:
    """0."""
    return 0


def is_initialized() -> bool:
    """False."""
    return False


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """False."""
    return False


def manual_seed(seed: int) -> None:
    """Nothing: there is no generator to seed."""


manual_seed_all = manual_seed


def empty_cache() -> None:
    """Nothing: there is no cache."""


def synchronize(device: Any = None) -> None:
    """Nothing where no device was named; RuntimeError for one."""
    if device is not None:
        require_cpu(device)


def memory_allocated(device: Any = None) -> int:
    """0."""
    return 0


max_memory_allocated = memory_reserved = max_memory_reserved = memory_allocated


def reset_peak_memory_stats(device: Any = None) -> None:
    """Nothing."""


def current_device() -> int:
    """RuntimeError: there is none."""
    require_cpu("cuda")
    return -1


set_device = get_device_name = get_device_properties = get_device_capability = lambda *_: require_cpu("cuda")
