"""Which way operations on large arrays go: `eager` puts here what runs them as native kernels."""

from __future__ import annotations

import os
import sys
from typing import Any


def least(elements: int) -> int:
    """So many elements, from which on native kernels are tried; another number for all of them if PEDIGRAD_NATIVE_FROM says one."""
    return int(os.environ.get("PEDIGRAD_NATIVE_FROM", elements))


LARGE = least(1 << 15)  # elements; below it what a kernel wins is little beside the cost of calling it
# The same for operations for which NumPy goes through the elements so many times.
FEW, SEVERAL, MANY = map(least, (1 << 13, 1 << 12, 1 << 11))
NEVER = sys.maxsize  # of an op that asks for kernels of functions within, or is a product
KINDS = frozenset({"elementwise", "reduction", "composite"})


def is_candidate(op: Any) -> bool:
    """Whether large operands of an op may be given to kernels."""
    return op.native_from != NEVER and op.kind in KINDS and not op.variadic and bool(op.operands) and op.outputs is not None


def forward(op: Any, arrays: tuple[Any, ...], attributes: tuple[Any, ...], recorded: bool = True) -> Any:
    """What the forward of `op` returns."""
    return op.forward(*arrays, **dict(zip(op.attributes, attributes, strict=True)))


def converted(x: Any, dtype: Any) -> Any:
    """An array in another dtype."""
    return x.astype(dtype)


def backward(op: Any, g: Any, parents: tuple[Any, ...], saved: tuple[Any, ...]) -> Any:
    """What the gradient rules of `op` return, None if there is no kernel."""
    return None
