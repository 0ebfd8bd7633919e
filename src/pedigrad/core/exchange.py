"""Tensors and other libraries: DLPack, by which arrays are handed over on the same memory, and the array API."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from . import dtypes, signatures
from .origin import located
from .storage import Between
from .tensor import Tensor, read

CPU = (1, 0)  # DLPack's name of it
UNSIGNED, BFLOAT = 1, 4  # DLPack's codes of kinds of numbers
_CODES = {b"dltensor": 20, b"dltensor_versioned": 52}  # where a capsule of this name has that code


def _code(capsule: Any) -> Any:
    """The byte of a DLPack capsule that says of what kind its numbers are, and the next, how many bits they have."""
    import ctypes

    api = ctypes.pythonapi
    api.PyCapsule_GetName.restype, api.PyCapsule_GetName.argtypes = ctypes.c_char_p, [ctypes.py_object]
    api.PyCapsule_GetPointer.restype, api.PyCapsule_GetPointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    name = api.PyCapsule_GetName(capsule)
    if name not in _CODES:
        return None
    return (ctypes.c_uint8 * 2).from_address(api.PyCapsule_GetPointer(capsule, name) + _CODES[name])


class _Capsule:
    """An exporter made of a capsule, for NumPy, which takes exporters only."""

    def __init__(self, capsule: Any):
        self.capsule = capsule

    def __dlpack__(self, **_: Any) -> Any:
        return self.capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return CPU


def _capsule_of(exporter: Any) -> Any:
    """What it exports, by the newest of DLPack's versions that both know."""
    try:
        return exporter.__dlpack__(max_version=(1, 0))
    except TypeError:  # it is older than that argument
        return exporter.__dlpack__()


def imported(exporter: Any, copy: bool | None = None) -> np.ndarray[Any, Any]:
    """The array on the memory of an object with `__dlpack__`, or of a capsule that it returned."""
    if isinstance(exporter, Tensor):
        array = exported(exporter)
        return np.array(array) if copy else array
    if not hasattr(exporter, "__dlpack__"):
        if type(exporter).__name__ != "PyCapsule":
            message = "from_dlpack received an invalid capsule: it takes an object with __dlpack__, or what that returned"
            raise RuntimeError(located(f"{message}, not {type(exporter).__name__}"))
        exporter = _Capsule(exporter)
    elif tuple(exporter.__dlpack_device__()) == CPU and not isinstance(exporter, np.ndarray):
        exporter = _Capsule(_capsule_of(exporter))
    bfloat = False
    if isinstance(exporter, _Capsule):  # NumPy knows no bfloat16: it is given them as whole numbers of as many bits
        code = _code(exporter.capsule)
        bfloat = code is not None and tuple(code) == (BFLOAT, 16)
        if bfloat:
            code[0] = UNSIGNED
    array = np.from_dlpack(exporter) if copy is None else np.from_dlpack(exporter, copy=copy)
    if isinstance(exporter, _Capsule) and not array.flags.writeable:
        # A capsule of the old kind cannot say whether its memory may be written to, so NumPy forbids it.
        address = array.__array_interface__["data"][0]
        array = np.array(array) if copy else np.asarray(Between(array.__array_interface__ | {"data": (address, False)}, array))
    return array.view(dtypes.to_numpy(dtypes.bfloat16)) if bfloat else array


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
    if self.dtype is dtypes.bfloat16:
        capsule = array.view(np.uint16).__dlpack__(max_version=max_version, dl_device=dl_device, copy=copy)
        _code(capsule)[0] = BFLOAT
        return capsule
    return array.__dlpack__(max_version=max_version, dl_device=dl_device, copy=copy)


def _dlpack_device(self: Tensor) -> tuple[int, int]:
    """The device as DLPack names it: the CPU."""
    return CPU


def _array_namespace(self: Tensor, *, api_version: str | None = None) -> Any:
    """The functions of the array API standard for tensors: those of `array_api_compat.torch`, which work on what `import torch` gives.

    Raises:
        ImportError: array_api_compat is not installed.
        RuntimeError: `torch` is not pedigrad.
        ValueError: it follows another version of the standard than the one asked for.
    """
    if getattr(sys.modules.get("torch"), "Tensor", None) is not Tensor:
        raise RuntimeError(located("the array API works on torch: call pedigrad.install_as_torch() first, or use `pedigrad run`"))
    try:
        import array_api_compat
        import array_api_compat.torch as found
    except ImportError as error:
        raise ImportError(located("the array API for tensors is that of array_api_compat: pip install array-api-compat")) from error
    if api_version not in (None, found.__array_api_version__):
        followed = f"array_api_compat {array_api_compat.__version__} follows version {found.__array_api_version__} of the standard"
        raise ValueError(located(f"{followed}, not {api_version!r}"))
    return found


def _to_device(self: Tensor, device: Any, /, *, stream: Any = None) -> Any:
    """The tensor on a device; itself where it is there. The array API's name for `to`."""
    if stream is not None:
        raise ValueError(located(f"there are no streams here: stream must be None, not {stream!r}"))
    return self.to(device)  # type: ignore[attr-defined]


for _name, _method in (
    ("__array_namespace__", _array_namespace), ("__dlpack__", _dlpack), ("__dlpack_device__", _dlpack_device), ("to_device", _to_device)
):  # fmt: skip
    setattr(Tensor, _name, signatures.known_as(_method, _name, "Tensor"))
