"""Which way operations on large arrays go: `eager` puts here what runs them as native kernels."""

from __future__ import annotations

from typing import Any

LARGE = 1 << 17  # elements; below it what a kernel wins is little beside the cost of calling it
FEW, SEVERAL, MANY = 1 << 15, 1 << 14, 1 << 12  # the same for operations for which NumPy goes through the elements so many times
KINDS = frozenset({"elementwise", "reduction", "composite"})


def is_candidate(op: Any) -> bool:
    """Whether large operands of an op may be given to kernels."""
    return op.kind in KINDS and not op.variadic and bool(op.operands) and op.outputs is not None


def forward(op: Any, arrays: tuple[Any, ...], attributes: tuple[Any, ...], recorded: bool = True) -> Any:
    """What the forward of `op` returns."""
    return op.forward(*arrays, **dict(zip(op.attributes, attributes, strict=True)))


def converted(x: Any, dtype: Any) -> Any:
    """An array in another dtype."""
    return x.astype(dtype)


def backward(op: Any, g: Any, parents: tuple[Any, ...], saved: tuple[Any, ...]) -> Any:
    """What the gradient rules of `op` return, None if there is no kernel."""
    return None
