"""The format of before 2020: pickles one after the other, then the elements of the storages."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.memory import UntypedStorage
from ..storage import TypedStorage, storage_dtype

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001


class _Storages:
    """The storages that the object's pickle refers to; their bytes come after it."""

    def __init__(self, room: int, restore: Callable[[Any, str], Any]):
        self.room = room  # how many bytes are left in the file: more are not reserved
        self.restore = restore
        self.known: dict[str, tuple[TypedStorage, UntypedStorage]] = {}
        self.parts: dict[str, TypedStorage] = {}

    def load(self, identity: Any) -> TypedStorage:
        """The storage that a pickle means, with room for its bytes."""
        if not isinstance(identity, tuple) or len(identity) not in (5, 6) or identity[0] != "storage":
            raise pickle.UnpicklingError("the pickle refers to something by what is no description of a storage")
        _, kind, key, location, count, *view = identity
        dtype = storage_dtype(kind)
        key = str(key) if isinstance(key, int) else key
        if not isinstance(key, str) or not isinstance(location, str) or type(count) is not int or count < 0:
            raise pickle.UnpicklingError("the pickle refers to a storage whose key, location or size is of a wrong type")
        if key not in self.known:
            self.room -= count * dtype.itemsize
            if self.room < 0:
                raise RuntimeError(f"the storage {key} should have {count} elements of {dtype}, and the file has not as many bytes")
            raw = UntypedStorage(count * dtype.itemsize)
            placed = self.restore(raw, location)
            placed = placed._untyped_storage if isinstance(placed, TypedStorage) else placed
            self.known[key] = TypedStorage(wrap_storage=placed, dtype=dtype), raw
        whole = self.known[key][0]
        if whole.dtype is not dtype:
            raise pickle.UnpicklingError(f"the pickle has the storage {key} as {whole.dtype} and as {dtype}")
        return whole if not view or view[0] is None else self._part(whole, view[0])

    def _part(self, whole: TypedStorage, view: Any) -> TypedStorage:
        """A part of a storage, as very old files have it for views."""
        if not isinstance(view, tuple) or len(view) != 3 or type(view[1]) is not int or type(view[2]) is not int:
            raise pickle.UnpicklingError("the pickle has a part of a storage that is not described by key, offset and size")
        key, offset, size = view
        if not isinstance(key, (str, int)):
            raise pickle.UnpicklingError("the pickle has a part of a storage whose key is neither a text nor a number")
        if str(key) not in self.parts:
            if not 0 <= offset <= offset + size <= whole.size():
                raise pickle.UnpicklingError(f"the pickle has a part {offset}:{offset + size} of a storage of {whole.size()} elements")
            step = whole.dtype.itemsize
            part = UntypedStorage.lent(whole._untyped_storage.array, offset * step, size * step) if size else UntypedStorage(0)
            self.parts[str(key)] = TypedStorage(wrap_storage=part, dtype=whole.dtype)
        return self.parts[str(key)]


def load_legacy(file: Any, unpickle: Any, restore: Callable[[Any, str], Any]) -> Any:
    """The object in a file of the old format; RuntimeError or UnpicklingError for what is none."""
    start = file.tell()
    data = file.read()
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise TypeError("load(): the file is open in text mode: open it with 'rb'")
    if not len(data):
        raise EOFError("load(): the file is empty, or was read to its end already: seek(0) first")
    magic, end = _magic(data, unpickle)
    if magic != MAGIC:
        raise pickle.UnpicklingError("load(): this is no file that torch.save has written: it begins otherwise")
    version, end = unpickle(data, end, None)
    if version != PROTOCOL:
        shown = version if isinstance(version, int) else type(version).__name__
        raise RuntimeError(f"load(): the file is of the protocol {shown}, and {PROTOCOL} is known")
    about, end = unpickle(data, end, None)
    if isinstance(about, dict) and about.get("little_endian") is False:
        raise RuntimeError("load(): the file is of the old format and from a big-endian machine: save it anew there, in the new one")
    storages = _Storages(len(data) - end, restore)
    found, end = unpickle(data, end, storages.load)
    keys, end = unpickle(data, end, None)
    if not isinstance(keys, list) or not all(isinstance(key, (str, int)) for key in keys):
        raise pickle.UnpicklingError("the file has no list of its storages")
    missing = set(storages.known)
    for key in map(str, keys):
        if key not in missing:
            raise RuntimeError(f"the file has the bytes of a storage {key[:50]} that nothing refers to, or has them twice")
        missing.remove(key)
        end = _fill(data, end, *storages.known[key])
    if missing:
        raise RuntimeError(f"the file lacks the bytes of {len(missing)} storages: it was cut off. Make it anew")
    file.seek(start + end)  # more may follow
    return found


def _magic(data: Any, unpickle: Any) -> tuple[Any, int]:
    try:
        return unpickle(data, 0, None)
    except (pickle.UnpicklingError, RuntimeError) as error:
        if "Unsupported global" in str(error):
            raise
        message = "load(): this is no file that torch.save has written"
        if bytes(data[257:262]) == b"ustar":
            message += ", but one of its first format (tar): load and save it with a PyTorch that reads it"
        raise pickle.UnpicklingError(f"{message}: {error}") from None


def _fill(data: Any, start: int, typed: TypedStorage, raw: UntypedStorage) -> int:
    """Write the bytes of a storage into it, and return where they end in the file."""
    size = raw.nbytes()
    count = int.from_bytes(data[start : start + 8], "little")
    end = start + 8 + size
    if end > len(data):
        raise RuntimeError(f"the file ends {end - len(data)} bytes too early: it was cut off. Make it anew")
    if count * typed.dtype.itemsize != size:
        raise RuntimeError(f"a storage has {count} elements where the pickle says {size // typed.dtype.itemsize}: the file is damaged")
    raw.array[...] = np.frombuffer(data, np.uint8, size, start + 8)
    if typed._untyped_storage is not raw:
        typed._untyped_storage.array[...] = raw.array
    return end
