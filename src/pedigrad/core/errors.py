"""Turns what NumPy says when an operation fails into what the user needs to hear, with PyTorch's error types."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.exceptions import AxisError

from . import dtypes
from .origin import Message, located
from .shapes import broadcast_shapes, one_dim
from .traces import is_refusal, variables

try:
    from numpy._core._exceptions import UFuncTypeError  # type: ignore[attr-defined]
except ImportError:  # NumPy has it elsewhere

    class UFuncTypeError(TypeError):  # type: ignore[no-redef]
        """NumPy's error for dtypes that a ufunc has no loop for."""


MISSING: Any = type("Missing", (), {"__repr__": lambda self: "<required>"})()  # of an argument that has another name too


def describe(value: Any, names: dict[int, str] | None = None) -> str:
    """One operand in a few words: dtype and shape of an array, after its name if it has one; the type of anything else."""
    if isinstance(value, np.ndarray):
        name = names.get(id(value)) if names else None
        return f"{name + ': ' if name else ''}{dtypes.of(value).name}{list(value.shape)}"
    if isinstance(value, (list, tuple)):
        return f"({', '.join(describe(v, names) for v in value)})"
    return repr(value) if isinstance(value, (int, float, complex, bool, type(None))) else type(value).__name__


def explained(op: Any, operands: tuple[Any, ...], error: Exception, attributes: Any = ()) -> Exception:
    """The error to raise for `error`, which running `op` on these arrays with these attributes gave.

    A refusal of our own (`traces.is_refusal`) keeps its type. What NumPy says is translated by its class alone, and by what the
    operands are: its words change from version to version.
    """
    text = str(error)
    if error.args and isinstance(error.args[0], Message):  # an operation within the operation has explained it already
        return error
    number = next((i for i, value in enumerate(operands) if isinstance(value, (bool, int, float, complex))), None)
    if isinstance(error, AttributeError) and number is not None:
        return not_a_tensor(op, op.public_names[0 if op.variadic else number], operands[number])
    kind: type[Exception] = type(error)
    dimensions = _without_dim(op, operands, attributes, error)
    if dimensions:  # whatever else may be wrong, PyTorch says this first
        kind, text = IndexError, dimensions
    elif isinstance(error, AxisError):
        kind = IndexError
    elif not is_refusal(error):
        kind, text = _translated(op, operands, attributes, error)
    if not issubclass(kind, (RuntimeError, IndexError, TypeError, ValueError)):
        return error
    text = text.removeprefix(f"{op.called}(): ")
    return kind(located(f"{op.called}(): {text}", given(op, operands)))


def _translated(op: Any, operands: tuple[Any, ...], attributes: Any, error: Exception) -> tuple[type[Exception], str]:
    """The type and the text of PyTorch's error for one of NumPy's."""
    text = str(error)
    if isinstance(error, TypeError):
        odd = not all(_is_ordinary(value, op.defaults.get(name)) for name, value in dict(attributes).items())
        if odd and not isinstance(error, UFuncTypeError):
            return TypeError, text
        return NotImplementedError, f'"{op.called}" not implemented for {", ".join(dtypes.of(a).name for a in _arrays(operands))}'
    kind = RuntimeError if isinstance(error, ValueError) else type(error)
    if isinstance(error, (ValueError, IndexError)):
        said = op.mistake(*operands, **dict(attributes)) if op.mistake else None
        if said is None and isinstance(error, ValueError) and "broadcast" in text:
            said = _broadcast_mistake(operands)
        text = said or (text.replace(" for axis ", " for dimension ") if isinstance(error, IndexError) else text)
    return kind, text


def _arrays(operands: tuple[Any, ...]) -> list[Any]:
    return [a for a in operands if isinstance(a, np.ndarray)]


def _is_ordinary(value: Any, default: Any) -> bool:
    """Whether an attribute is of a kind that attributes are of, and not what NumPy does not know; a float only where one is due."""
    if isinstance(value, (list, tuple)):
        return all(_is_ordinary(each, None) for each in value)
    usual = (bool, int, complex, np.generic, dtypes.dtype, np.dtype)
    return value is None or isinstance(value, (*usual, type(default)))


def _broadcast_mistake(operands: tuple[Any, ...]) -> str | None:
    try:
        broadcast_shapes(*(a.shape for a in _arrays(operands)))
    except RuntimeError as why:
        return str(why)
    return None


def given(op: Any, operands: tuple[Any, ...]) -> str:
    """What `op` was given, in the user's names: `input = x: float32[2, 3], other = float32[4]`."""
    names = variables()
    if op.variadic:
        return f"{op.public_names[0]} = {describe(operands, names)}"
    pairs = zip(op.public_names, operands, strict=False)
    return ", ".join(f"{n} = {describe(v, names)}" for n, v in pairs if v is not None)


def _without_dim(op: Any, operands: tuple[Any, ...], attributes: Any, error: Exception) -> str:
    """What PyTorch says of a dimension that the operand has not; nothing if that is not what is wrong, or is said already."""
    span = dim = None
    if isinstance(error, AxisError):
        span, dim = error.ndim, error.axis
    if "dim" in attributes and not op.variadic and (operands[0].ndim or isinstance(error, IndexError)):
        given_dim = attributes["dim"]
        if isinstance(given_dim, int) and "Dimension out of range" not in str(error):
            try:
                one_dim(given_dim, operands[0].ndim)
            except IndexError as why:
                return str(why)
    if span is None:
        return ""
    span = max(span, 1)
    return f"Dimension out of range (expected to be in range of [{-span}, {span - 1}], but got {dim})"


def not_a_tensor(op: Any, name: str, value: Any) -> TypeError:
    """The error for an operand that is neither a tensor nor a number, or was not given."""
    if value is MISSING:
        return TypeError(located(f'{op.called}() missing 1 required positional arguments: "{name}"'))
    kind = type(value).__name__
    return TypeError(located(f"{op.called}(): argument '{name}' must be Tensor, not {kind}"))
