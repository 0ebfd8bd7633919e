"""`torch.types`: names for annotations."""

from __future__ import annotations

import builtins
import os
from collections.abc import Sequence
from typing import IO, Any, TypeAlias

from .core.device import device as _device
from .core.dtypes import dtype as _dtype
from .core.memory import UntypedStorage
from .core.shapes import Size
from .core.tensor import Tensor
from .ops.creation import strided

_int = builtins.int
_float = builtins.float
_bool = builtins.bool
_str = builtins.str
_bytes = builtins.bytes
_complex = builtins.complex
_layout = type(strided)

Number: TypeAlias = int | float | bool
_Number = (int, float, bool)
IntLikeType: TypeAlias = int
FloatLikeType: TypeAlias = float
BoolLikeType: TypeAlias = bool
py_sym_types: tuple[Any, ...] = ()  # there are no symbolic numbers
_size: TypeAlias = Size | list[int] | tuple[int, ...]
_symsize: TypeAlias = Size | Sequence[int]
_dispatchkey: TypeAlias = str
Device: TypeAlias = _device | str | int | None
FileLike: TypeAlias = str | os.PathLike[str] | IO[bytes]
_TensorOrTensors: TypeAlias = Tensor | Sequence[Tensor]
_TensorOrOptionalTensors: TypeAlias = Tensor | Sequence[Tensor | None]

Storage: TypeAlias = UntypedStorage

__all__ = ["BoolLikeType", "Device", "FileLike", "FloatLikeType", "IntLikeType", "Number", "Size", "Tensor", "_dtype", "py_sym_types"]
