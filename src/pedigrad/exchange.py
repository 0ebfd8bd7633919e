"""DLPack: arrays from and for other libraries, on the same memory."""

from __future__ import annotations

from typing import Any

import numpy as np


class _Capsule:
    """An exporter made of a capsule, for NumPy, which takes exporters only."""

    def __init__(self, capsule: Any):
        self.capsule = capsule

    def __dlpack__(self, **_: Any) -> Any:
        return self.capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return 1, 0


def imported(exporter: Any, copy: bool | None = None) -> np.ndarray[Any, Any]:
    """The array on the memory of an object with `__dlpack__`, or of a capsule that it returned."""
    source = exporter if hasattr(exporter, "__dlpack__") else _Capsule(exporter)
    return np.from_dlpack(source, copy=copy) if copy is not None else np.from_dlpack(source)
