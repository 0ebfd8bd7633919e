"""The safetensors format: a header in JSON that names tensors, and their bytes; nothing in it can run.

The `safetensors` package has a front end for torch of its own, which works where pedigrad stands in for torch. This reads and writes
the same files without it.
"""

from __future__ import annotations

import json
import math
import os
import sys
from typing import Any

import numpy as np

from ..core import dtypes
from ..core.memory import UntypedStorage, laid
from ..core.tensor import Tensor, wrap
from ..ops.shape.fill import rows
from .atomic import replacing

CODES = {
    "bool": "BOOL", "uint8": "U8", "int8": "I8", "uint16": "U16", "int16": "I16", "uint32": "U32", "int32": "I32", "uint64": "U64",
    "int64": "I64", "float16": "F16", "bfloat16": "BF16", "float32": "F32", "float64": "F64", "complex64": "C64",
}  # fmt: skip
_DTYPES = {code: dtypes.named(name) for name, code in CODES.items()}
_LONGEST_HEADER = 100_000_000


def save(tensors: dict[str, Tensor], metadata: dict[str, str] | None = None) -> bytes:
    """The bytes of a file of these tensors."""
    header, arrays = _laid_out(tensors, metadata)
    return b"".join([header, *(array.tobytes() for array in arrays)])


def save_file(tensors: dict[str, Tensor], filename: Any, metadata: dict[str, str] | None = None) -> None:
    """Write these tensors to a path, whose old file stays whole until the new one is."""
    header, arrays = _laid_out(tensors, metadata)
    with replacing(filename) as file:
        file.write(header)
        for array in arrays:
            if array.size:
                file.write(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)


def _laid_out(tensors: dict[str, Tensor], metadata: Any) -> tuple[bytes, list[np.ndarray[Any, Any]]]:
    """The header of a file, and the arrays in its order: those of large elements first, then by name."""
    if sys.byteorder != "little":
        raise NotImplementedError("safetensors files are little-endian, and this machine is not")
    for name, tensor in tensors.items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            raise ValueError(f"safetensors hold tensors under names, not {type(tensor).__name__} under {name!r}: pass a flat dict")
        if tensor.dtype.name not in CODES:
            raise ValueError(f"safetensors have no {tensor.dtype}: convert {name!r} before")
    header: dict[str, Any] = {}
    if metadata is not None:
        if not all(isinstance(each, str) for item in metadata.items() for each in item):
            raise ValueError("the metadata of safetensors are texts under names")
        header["__metadata__"] = dict(metadata)
    arrays, end = [], 0
    for name in sorted(tensors, key=lambda name: (-tensors[name].dtype.itemsize, name)):
        array = tensors[name].detach()._array
        start, end = end, end + array.nbytes
        header[name] = {"dtype": CODES[tensors[name].dtype.name], "shape": list(array.shape), "data_offsets": [start, end]}
        arrays.append(array)
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text, arrays


def load(data: Any) -> dict[str, Tensor]:
    """The tensors in the bytes of a file; RuntimeError if they are not what its header says."""
    return _read(np.frombuffer(data, np.uint8))[0]


def load_file(filename: Any, device: Any = "cpu") -> dict[str, Tensor]:
    """The tensors in a file, each in memory of its own."""
    return load_with_metadata(filename)[0]


def load_with_metadata(filename: Any) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors in a file, and the texts beside them."""
    if not os.path.getsize(filename):
        raise RuntimeError(f"{filename} is empty: it is no file of safetensors")
    return _read(np.memmap(filename, np.uint8, "r"))


def _read(data: np.ndarray[Any, Any]) -> tuple[dict[str, Tensor], dict[str, str]]:
    size = int.from_bytes(data[:8].tobytes(), "little") if data.size >= 8 else -1
    if not 2 <= size <= min(data.size - 8, _LONGEST_HEADER):
        raise RuntimeError(f"the safetensors have {data.size} bytes, and a header of {size}: the file was cut off or is none")
    try:
        header = json.loads(data[8 : 8 + size].tobytes())
    except (ValueError, RecursionError) as error:
        raise RuntimeError(f"the header of the safetensors is damaged: {error}") from error
    if not isinstance(header, dict):
        raise RuntimeError("the header of the safetensors is no table of names")
    metadata = header.pop("__metadata__", None) or {}
    if not isinstance(metadata, dict):
        raise RuntimeError("the metadata of the safetensors are no table of texts")
    body = data[8 + size :]
    entries = {name: _entry(name, entry) for name, entry in header.items()}
    end = 0
    for name, (_, _, start, stop) in sorted(entries.items(), key=lambda item: item[1][2:]):
        if start != end:
            raise RuntimeError(
                f"the tensor {name!r} in the safetensors begins at {start}, where {end} is next: there is a gap, or an overlap"
            )
        end = stop
    if end != body.size:
        raise RuntimeError(f"the tensors in the safetensors have {end} bytes, and the file has {body.size}: it was cut off or changed")
    tensors = {}
    for name, (dtype, shape, start, stop) in entries.items():
        storage = UntypedStorage.on(np.array(body[start:stop], np.uint8))
        tensors[name] = wrap(laid(storage, dtype, 0, shape, rows(shape)))
    return tensors, metadata


def _entry(name: str, entry: Any) -> tuple[dtypes.dtype, tuple[int, ...], int, int]:
    """Dtype, shape, begin and end of a tensor, of what the header says of it."""
    try:
        code, shape, (start, stop) = entry["dtype"], tuple(entry["shape"]), entry["data_offsets"]
    except (TypeError, KeyError, ValueError) as error:
        raise RuntimeError(f"the safetensors do not say dtype, shape and place of {name!r}") from error
    if not isinstance(code, str) or code not in _DTYPES:
        raise RuntimeError(f"the tensor {name!r} in the safetensors is of the dtype {code!r}, which pedigrad has not")
    if any(type(n) is not int or n < 0 for n in (*shape, start, stop)):
        raise RuntimeError(f"the tensor {name!r} in the safetensors has a shape or place that is not of natural numbers")
    dtype = _DTYPES[code]
    if stop - start != math.prod(shape) * dtype.itemsize:
        raise RuntimeError(f"the tensor {name!r} in the safetensors is of {list(shape)} {dtype}, and has {stop - start} bytes")
    return dtype, shape, start, stop
