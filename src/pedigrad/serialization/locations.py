"""Where storages are and where they go: tags in files, `map_location`, and rules that programs register."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.device import device
from ..core.memory import UntypedStorage

_rules: list[tuple[int, Callable[[Any], str | None], Callable[[Any, str], Any]]] = []


def register_package(priority: int, tagger: Callable[[Any], str | None], deserializer: Callable[[Any, str], Any]) -> None:
    """Have `tagger(storage)` asked for the tags of storages and `deserializer(storage, tag)` for where they go, by rising priority."""
    _rules.append((priority, tagger, deserializer))
    _rules.sort(key=lambda rule: rule[0])


def location_tag(storage: Any) -> str:
    """The tag of the device that a storage is on."""
    for _, tagger, _ in _rules:
        tag = tagger(storage)
        if tag:
            return tag
    raise RuntimeError(f"don't know how to determine data location of {type(storage).__name__}")


def default_restore_location(storage: Any, location: str) -> Any:
    """The storage on the device of that tag; RuntimeError for one that is not there."""
    for _, _, deserializer in _rules:
        found = deserializer(storage, location)
        if found is not None:
            return found
    kind = str(location).partition(":")[0]
    if kind in ("cuda", "mps", "xpu", "hpu"):
        message = f"Attempting to deserialize object on a {kind.upper()} device, and there is none"
        raise RuntimeError(f"{message}: load the file with map_location='cpu' to have its tensors on the CPU")
    raise RuntimeError(f"don't know how to restore data location of a storage (tagged with {location}): use map_location='cpu'")


register_package(10, lambda storage: "cpu", lambda storage, location: storage if location == "cpu" else None)
register_package(22, lambda storage: None, lambda storage, tag: UntypedStorage.nowhere(storage.nbytes()) if tag == "meta" else None)


def restorer(map_location: Any) -> Callable[[UntypedStorage, str], Any]:
    """What `map_location` says of storages: a function of one and its tag."""
    if map_location is None:
        return default_restore_location
    if isinstance(map_location, dict):
        return lambda storage, tag: default_restore_location(storage, map_location.get(tag, tag))
    if isinstance(map_location, (str, device)):
        where = str(map_location)
        device(where)
        return lambda storage, tag: default_restore_location(storage, "cpu" if where.startswith("cpu") else where)
    if not callable(map_location):
        kind = type(map_location).__name__
        raise TypeError(f"load(): map_location must be a device, a string, a dict, a function or None, got {kind}")

    def restore(storage: UntypedStorage, tag: str) -> Any:
        found = map_location(storage, tag)
        return default_restore_location(storage, tag) if found is None else found

    return restore
