"""DLPack: arrays from and for other libraries, on the same memory."""

from __future__ import annotations

from typing import Any

import numpy as np

from .origin import located
from .storage import Between
from .tensor import Tensor, read

CPU = (1, 0)  # DLPack's name of it


class _Capsule:
    """An exporter made of a capsule, for NumPy, which takes exporters only."""

    def __init__(self, capsule: Any):
        self.capsule = capsule

    def __dlpack__(self, **_: Any) -> Any:
        return self.capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return CPU


def imported(exporter: Any, copy: bool | None = None) -> np.ndarray[Any, Any]:
    """The array on the memory of an object with `__dlpack__`, or of a capsule that it returned."""
    if isinstance(exporter, Tensor):
        array = exported(exporter)
        return np.array(array) if copy else array
    if not hasattr(exporter, "__dlpack__"):
        if type(exporter).__name__ != "PyCapsule":
            message = "from_dlpack received an invalid capsule: it takes an object with __dlpack__, or what that returned"
            raise RuntimeError(located(f"{message}, not {type(exporter).__name__}"))
        array = np.from_dlpack(_Capsule(exporter))
        if array.flags.writeable or copy:
            return np.array(array) if copy else array
        # A capsule of the old kind cannot say whether its memory may be written to, so NumPy forbids it.
        return np.asarray(Between(array.__array_interface__ | {"data": (array.__array_interface__["data"][0], False)}, array))
    return np.from_dlpack(exporter) if copy is None else np.from_dlpack(exporter, copy=copy)


def exported(tensor: Tensor) -> np.ndarray[Any, Any]:
    """The array of a tensor that is handed to another library; BufferError if it needs a gradient."""
    if tensor.requires_grad:
        raise BufferError(located("Can't export tensors that require gradient, use tensor.detach()"))
    read(tensor._array, "__dlpack__()")
    return tensor._array


def _dlpack(self: Tensor, *, stream: Any = None, max_version: Any = None, dl_device: Any = None, copy: bool | None = None) -> Any:
    """A DLPack capsule of its memory."""
    if stream not in (None, -1):
        raise AssertionError(located("stream should be None on cpu."))
    array = exported(self)
    if array.dtype.kind == "V":
        raise BufferError(located(f"NumPy exports no {self.dtype}: convert it to float32 first"))
    return array.__dlpack__(max_version=max_version, dl_device=dl_device, copy=copy)


def _dlpack_device(self: Tensor) -> tuple[int, int]:
    """The device as DLPack names it: the CPU."""
    return CPU


Tensor.__dlpack__ = _dlpack  # type: ignore[attr-defined]
Tensor.__dlpack_device__ = _dlpack_device  # type: ignore[attr-defined]
