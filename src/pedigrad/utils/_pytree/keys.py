"""Keys: how to come from a container to what is in it."""

from __future__ import annotations

import dataclasses
from typing import Any

__all__ = ["GetAttrKey", "KeyPath", "MappingKey", "SequenceKey", "key_get", "keystr"]


@dataclasses.dataclass(frozen=True)
class MappingKey:
    """The way to the value of a key."""

    key: Any

    def __str__(self) -> str:
        return f"[{self.key!r}]"

    def get(self, mapping: Any) -> Any:
        """The value in a mapping."""
        return mapping[self.key]


@dataclasses.dataclass(frozen=True)
class SequenceKey:
    """The way to the item at an index."""

    idx: int

    def __str__(self) -> str:
        return f"[{self.idx!r}]"

    def get(self, sequence: Any) -> Any:
        """The item of a sequence."""
        return sequence[self.idx]


@dataclasses.dataclass(frozen=True)
class GetAttrKey:
    """The way to an attribute."""

    name: str

    def __str__(self) -> str:
        return f".{self.name}"

    def get(self, obj: Any) -> Any:
        """The attribute of an object."""
        return getattr(obj, self.name)


KeyPath = tuple[Any, ...]


def keystr(kp: KeyPath) -> str:
    """A path as it is written after a name: `[0]['a'].x`."""
    return "".join(map(str, kp))


def key_get(obj: Any, kp: KeyPath) -> Any:
    """What a path leads to."""
    for key in kp:
        obj = key.get(obj)
    return obj
