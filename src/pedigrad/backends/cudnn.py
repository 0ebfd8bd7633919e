"""`torch.backends.cudnn`: NVIDIA's library, which is not here; its switches are kept, and change nothing."""

from __future__ import annotations

from typing import Any

from ..core.switches import switches

enabled = True
benchmark = False
benchmark_limit: Any = None
deterministic = False
allow_tf32 = True
fp32_precision = "none"

set_flags, flags = switches(__name__, "enabled benchmark benchmark_limit deterministic allow_tf32 fp32_precision")


def is_available() -> bool:
    """False."""
    return False


def version() -> Any:
    """None."""
    return None


def is_acceptable(tensor: Any) -> bool:
    """False: no tensor is on a GPU."""
    return False
