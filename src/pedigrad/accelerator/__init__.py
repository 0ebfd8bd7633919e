"""`torch.accelerator`: there is none."""

from __future__ import annotations

from typing import Any

from ..core.accelerators import NoDevice
from ..core.refused import lazily, refused

_WHY = "Cannot access accelerator device when none is available: tensors live on 'cpu'. Guard it with torch.accelerator.is_available()."

globals().update(
    refused(
        __name__,
        _WHY,
        functions="current_device_index current_device_idx set_device_index set_device_idx current_stream set_stream synchronize"
        " get_device_capability empty_cache empty_host_cache memory_stats memory_allocated max_memory_allocated memory_reserved"
        " max_memory_reserved reset_accumulated_memory_stats reset_peak_memory_stats get_memory_info",
        classes="Graph",
    )
)


def is_available() -> bool:
    """False."""
    return False


def device_count() -> int:
    """0."""
    return 0


def current_accelerator(check_available: bool = False) -> Any:
    """None."""
    return None


class device_index(NoDevice):
    """A context in which a device would be the current one; it can be entered for None."""

    def __enter__(self) -> None:
        if self.idx >= 0:
            raise RuntimeError(_WHY)


__getattr__ = lazily(__name__, __path__)
