"""`torch.cpu`: the device there is."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from ..codegen.emit.llvm import host
from ..core.accelerators import NoStream
from ..core.refused import lazily


class Stream:
    """The order in which work is done: there is one, and it waits for nothing."""

    def __init__(self, priority: int = -1):
        pass

    def wait_stream(self, stream: Any) -> None:
        """Nothing: all work before is done."""

    def record_event(self) -> None:
        """Nothing."""

    def wait_event(self, event: Any) -> None:
        """Nothing: all work before is done."""


class Event:
    """A point in the order of work, which has always been reached."""

    def query(self) -> bool:
        """True."""
        return True

    def record(self, stream: Any = None) -> None:
        """Nothing."""

    def synchronize(self) -> None:
        """Nothing."""

    def wait(self, stream: Any = None) -> None:
        """Nothing."""


class StreamContext(NoStream):
    """A context that changes nothing."""


_stream = Stream()


def is_available() -> bool:
    """True."""
    return True


def is_initialized() -> bool:
    """True."""
    return True


def device_count() -> int:
    """1."""
    return 1


def current_device() -> str:
    """'cpu'."""
    return "cpu"


def set_device(device: Any) -> None:
    """Nothing."""


def current_stream(device: Any = None) -> Stream:
    """The one stream there is."""
    return _stream


def stream(stream: Any) -> StreamContext:
    """A context that changes nothing."""
    return StreamContext(stream)


def synchronize(device: Any = None) -> None:
    """Nothing: all work is done when a function returns."""


def get_capabilities() -> Mapping[str, bool]:
    """What the processor can do, by LLVM's names of it."""
    return MappingProxyType({each[1:]: each[0] == "+" for each in host()[1].split(",") if each})


def _has(*features: str) -> bool:
    known = host()[1].split(",")
    return all(f"+{feature}" in known for feature in features)


def _is_avx2_supported() -> bool:
    """Whether the processor has AVX2."""
    return _has("avx2")


def _is_avx512_supported() -> bool:
    """Whether the processor has AVX-512 as native code uses it."""
    return _has("avx512f", "avx512dq", "avx512vl", "avx512bw")


def _is_avx512_bf16_supported() -> bool:
    """Whether the processor multiplies bfloat16."""
    return _has("avx512bf16")


def _is_vnni_supported() -> bool:
    """Whether the processor multiplies bytes."""
    return _has("avx512vnni")


def _is_amx_tile_supported() -> bool:
    """Whether the processor has AMX."""
    return _has("amx-tile")


__getattr__ = lazily(__name__, __path__)
