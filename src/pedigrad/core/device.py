"""Devices: pedigrad runs on the CPU, and says so when asked for anything else."""

from __future__ import annotations

from typing import Any

from . import modes


class device:
    """Where a tensor's memory is: `cpu`, or `meta` for tensors without any; accelerators are refused when used.

    In a `with` block, the device of tensors that are made there.
    """

    __slots__ = ("index", "type")
    type: str
    index: int | None

    def __init__(self, type: Any = "cpu", index: int | None = None):
        if isinstance(type, device):
            type, index = type.type, type.index
        if isinstance(type, int):
            type, index = "cuda", type
        name, _, number = str(type).partition(":")
        if name not in ("cpu", "cuda", "mps", "xpu", "meta"):
            raise RuntimeError(f"Expected one of cpu, cuda, mps, xpu, meta device type at start of device string: {type}")
        self.type = name
        if number and not number.isdecimal():
            raise RuntimeError(f"Invalid device string: '{type}'")
        self.index = int(number) if number else index

    def __repr__(self) -> str:
        return f"device(type='{self.type}')" if self.index is None else f"device(type='{self.type}', index={self.index})"

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash((self.type, self.index))

    def __reduce__(self) -> tuple[Any, ...]:
        return device, (self.type, self.index)

    def __enter__(self) -> device:
        is_nowhere(self)
        modes.settings.devices.append(self)
        return self

    def __exit__(self, *exc: object) -> None:
        modes.settings.devices.pop()


CPU = device("cpu")
META = device("meta")


def is_nowhere(where: Any) -> bool:
    """Whether `where` (None for the default, a string, a device) is `meta`; RuntimeError if it is neither that nor the CPU."""
    if where is None:
        devices = modes.settings.devices
        return bool(devices) and devices[-1].type == "meta"
    if where is CPU or where == "cpu":
        return False
    wanted = device(where)
    if wanted.type not in ("cpu", "meta"):
        message = f"pedigrad has no device {str(wanted)!r}: tensors live on 'cpu', or have no memory on 'meta'."
        guard = "torch.backends.mps" if wanted.type == "mps" else f"torch.{wanted.type}"
        raise RuntimeError(f"{message} Guard it with {guard}.is_available().")
    return wanted.type == "meta"


def require_cpu(where: Any) -> None:
    """RuntimeError unless `where` (None, a string, a device) is the CPU."""
    if where is not None and is_nowhere(where):
        raise RuntimeError("tensors with elements that are given cannot be on 'meta'")
