"""torch.serialization: save and load, in PyTorch's format."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, TypeAlias

from ..core.device import device
from ..ops.creation import LEGACY_TYPES
from ..storage import TypedStorage, UntypedStorage
from .allowed import add_safe_globals, clear_safe_globals, get_safe_globals, safe_globals
from .loading import get_unsafe_globals_in_checkpoint, load
from .locations import default_restore_location, location_tag, register_package
from .rebuild import _get_layout
from .saving import DEFAULT_PROTOCOL, save

MAP_LOCATION: TypeAlias = Callable[[Any, str], Any] | device | str | dict[str, str] | None
StorageType: TypeAlias = TypedStorage | UntypedStorage


class LoadEndianness(Enum):
    """The byte order that is taken for that of files which do not say."""

    NATIVE = 1
    LITTLE = 2
    BIG = 3


class SourceChangeWarning(Warning):
    """A warning of PyTorch's first releases; nothing gives it."""


_options: dict[str, Any] = {"crc32": True, "endianness": None, "mmap": 2}


def get_crc32_options() -> bool:
    """Whether files have checksums; here they always do."""
    return _options["crc32"]


def set_crc32_options(compute_crc32: bool) -> None:
    """Say whether files shall have checksums; they have, whatever is said."""
    _options["crc32"] = bool(compute_crc32)


def get_default_load_endianness() -> LoadEndianness | None:
    """What `set_default_load_endianness` was given."""
    return _options["endianness"]


def set_default_load_endianness(endianness: LoadEndianness | None) -> None:
    """Only the order of this machine can be taken for that of files that do not say theirs."""
    if endianness not in (None, LoadEndianness.NATIVE, LoadEndianness.LITTLE):
        raise NotImplementedError("set_default_load_endianness(): files that do not say their byte order are taken for little-endian")
    _options["endianness"] = endianness


def get_default_mmap_options() -> int:
    """The flag with which `load(mmap=True)` maps files: MAP_PRIVATE."""
    return _options["mmap"]


def set_default_mmap_options(flags: int) -> None:
    """Say how `load(mmap=True)` maps files; NotImplementedError for MAP_SHARED, with which writes would reach the file."""
    if flags != _options["mmap"]:
        raise NotImplementedError("set_default_mmap_options(): files are mapped with MAP_PRIVATE only, so that writes do not reach them")


def normalize_storage_type(storage_type: Any) -> Any:
    """The class of storages itself."""
    return storage_type


def storage_to_tensor_type(storage: Any) -> Any:
    """The legacy class of tensors that goes with a storage: `FloatTensor` for `FloatStorage`."""
    return LEGACY_TYPES[storage.pickle_storage_type().replace("Storage", "Tensor")]


__all__ = [
    "DEFAULT_PROTOCOL",
    "LoadEndianness",
    "SourceChangeWarning",
    "StorageType",
    "_get_layout",
    "add_safe_globals",
    "clear_safe_globals",
    "default_restore_location",
    "get_crc32_options",
    "get_default_load_endianness",
    "get_default_mmap_options",
    "get_safe_globals",
    "get_unsafe_globals_in_checkpoint",
    "load",
    "location_tag",
    "normalize_storage_type",
    "register_package",
    "safe_globals",
    "save",
    "set_crc32_options",
    "set_default_load_endianness",
    "set_default_mmap_options",
    "storage_to_tensor_type",
]
