"""`torch.utils.data._utils.pin_memory`: there is no device that pages would be held in memory for."""

from __future__ import annotations

from typing import Any


def pin_memory(data: Any, device: Any = None) -> Any:
    """What was given; an object that says itself how it is held is asked."""
    own = getattr(data, "pin_memory", None)
    return own() if own is not None else data
