"""Turns what NumPy says when an operation fails into what the user needs to hear, with PyTorch's error types."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.exceptions import AxisError

from . import dtypes
from .origin import located
from .shapes import broadcast_shapes, one_dim

MISSING: Any = type("Missing", (), {"__repr__": lambda self: "<required>"})()  # of an argument that has another name too


def describe(value: Any) -> str:
    """One operand in a few words: dtype and shape of an array, the type of anything else."""
    if isinstance(value, np.ndarray):
        return f"{dtypes.of(value).name}{list(value.shape)}"
    if isinstance(value, (list, tuple)):
        return f"({', '.join(map(describe, value))})"
    return repr(value) if isinstance(value, (int, float, complex, bool, type(None))) else type(value).__name__


def explained(op: Any, operands: tuple[Any, ...], error: Exception, attributes: Any = ()) -> Exception:
    """The error to raise for `error`, which running `op` on these arrays with these attributes gave."""
    text = str(error)
    if "\n  at " in text:  # an operation within the operation has explained it already
        return error
    if "dim" in attributes and not op.variadic and (operands[0].ndim or isinstance(error, IndexError)):
        error = _without_dim(operands[0].ndim, attributes["dim"], text) or error  # whatever else may be wrong, PyTorch says this first
        text = str(error)
    kind: type[Exception] = type(error)
    arrays = [a for a in operands if isinstance(a, np.ndarray)]
    if isinstance(error, AxisError):
        kind, span = IndexError, max(error.ndim or 0, 1) if error.ndim is not None else None
        if span is not None:
            text = f"Dimension out of range (expected to be in range of [{-span}, {span - 1}], but got {error.axis})"
    elif isinstance(error, ValueError) and "broadcast" in text:
        kind = RuntimeError
        try:
            broadcast_shapes(*(a.shape for a in arrays))
        except RuntimeError as why:
            text = str(why)
    elif isinstance(error, ValueError) and ("matmul" in text or "not aligned" in text or "mismatch in its core" in text):
        kind, text = RuntimeError, "shapes cannot be multiplied: " + " and ".join(str(a.shape) for a in arrays)
    elif isinstance(error, TypeError) and ("ufunc" in text or "numpy boolean" in text):
        kind, text = NotImplementedError, f'"{op.name}" not implemented for {", ".join(dtypes.of(a).name for a in arrays)}'
    elif isinstance(error, ValueError):
        kind = RuntimeError if "NumPy" in text or "array" in text or "axes" in text else ValueError
    text = text.removeprefix(f"{op.name}(): ")
    given = ", ".join(f"{n} = {describe(v)}" for n, v in zip(op.public_names, operands, strict=False))
    if not issubclass(kind, (RuntimeError, IndexError, TypeError, ValueError, NotImplementedError)):
        return error
    return kind(located(f"{op.name}(): {text}" + (f"\n  given {given}" if given else "")))


def _without_dim(ndim: int, dim: Any, text: str) -> Exception | None:
    """The error for an array that has no dimension `dim`; None if it has, or if `text` says so already."""
    if isinstance(dim, int) and "Dimension out of range" not in text:
        try:
            one_dim(dim, ndim)
        except IndexError as error:
            return error
    return None


def not_a_tensor(op: Any, name: str, value: Any) -> TypeError:
    """The error for an operand that is neither a tensor nor a number, or was not given."""
    if value is MISSING:
        return TypeError(located(f'{op.name}() missing 1 required positional arguments: "{name}"'))
    kind = type(value).__name__
    return TypeError(located(f"{op.name}(): argument '{name}' must be Tensor, not {kind}"))
