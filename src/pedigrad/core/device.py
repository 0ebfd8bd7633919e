"""Devices: pedigrad runs on the CPU, and says so when asked for anything else."""

from __future__ import annotations

from typing import Any


class device:
    """Where a tensor's memory is; only `cpu` holds any, `meta` and accelerators are refused when used."""

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
        require_cpu(self)
        return self

    def __exit__(self, *exc: object) -> None:
        pass


CPU = device("cpu")


def require_cpu(where: Any) -> None:
    """RuntimeError unless `where` (None, a string, a device) is the CPU."""
    if where is None or where is CPU or where == "cpu":
        return
    wanted = device(where)
    if wanted.type != "cpu":
        raise RuntimeError(f"pedigrad has no device {str(wanted)!r}: tensors live on 'cpu'. Guard it with torch.cuda.is_available().")
