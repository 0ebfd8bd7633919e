"""Arrays as the text that PyTorch prints for a tensor, and the options that shape it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from math import inf, isfinite
from typing import Any

import numpy as np

__all__ = ["get_printoptions", "set_printoptions", "tensor_text"]


@dataclass(frozen=True)
class _Options:
    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


_PROFILES = {
    "default": _Options(),
    "short": _Options(precision=2, edgeitems=2),
    "full": _Options(threshold=inf),
}

_options = _Options()


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Choose how tensors are printed, for the whole process.

    `precision` counts digits after the point, `linewidth` the characters of a line. A tensor of more than
    `threshold` elements shows only `edgeitems` at each end of a dimension. `profile` ("default", "short" or
    "full") resets them all before the others apply. What is left None keeps its value, except `sci_mode`:
    None lets each tensor choose its notation, as in PyTorch.
    """
    global _options
    if profile is not None and profile not in _PROFILES:
        raise ValueError(f"set_printoptions: profile must be one of {', '.join(_PROFILES)}, not {profile!r}")
    base = _options if profile is None else _PROFILES[profile]
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    _options = replace(base, sci_mode=sci_mode, **changes)


def get_printoptions() -> dict[str, Any]:
    """The current options, as keyword arguments for `set_printoptions`."""
    return asdict(_options)


def tensor_text(
    array: np.ndarray,
    dtype_name: str,
    *,
    requires_grad: bool = False,
    grad_fn: str | None = None,
    prefix: str = "tensor(",
    default_dtype_name: str = "float32",
    default_complex: str = "complex64",
    own_notes: Sequence[str] | None = None,
) -> str:
    """The text PyTorch prints for a tensor that holds `array`.

    `dtype_name` is the tensor's dtype without `torch.`; it is printed unless it is a default. `grad_fn` is
    the name of the node that made the tensor, and takes the place of `requires_grad`. `own_notes` stand in the place of all others.

    >>> tensor_text(np.eye(2), "float64", requires_grad=True)
    'tensor([[1., 0.],\\n        [0., 1.]], dtype=torch.float64, requires_grad=True)'
    """
    options = _options
    notes = []
    implied = {default_dtype_name, default_complex, "int64", "bool"}
    if array.size == 0:
        body = "[]"
        # Nothing shows the element type, so only the default one goes without saying.
        implied = {default_dtype_name}
        if array.ndim != 1:
            notes.append(f"size={array.shape}")
    else:
        hidden = not options.edgeitems and array.ndim > 0 and array.size > options.threshold
        body = "[...]" if hidden else _body(array, len(prefix), options)
        if not options.edgeitems:
            notes.append(f"size={array.shape}")
    if dtype_name not in implied:
        notes.append(f"dtype=torch.{dtype_name}")
    if grad_fn is not None:
        notes.append(f"grad_fn=<{grad_fn}>")
    elif requires_grad:
        notes.append("requires_grad=True")
    return append_notes(prefix + body, notes if own_notes is None else own_notes, len(prefix))


def append_notes(text: str, notes: Sequence[str], indent: int) -> str:
    """The text of a tensor with what is said beside its elements, and the closing bracket."""
    # PyTorch counts the body's last line as two characters longer than it is; its line breaks need the same.
    column = len(text) - text.rfind("\n") + 1
    for note in notes:
        if column + len(note) + 2 > _options.linewidth:
            text += ",\n" + " " * indent + note
            column = indent + len(note)
        else:
            text += ", " + note
            column += len(note) + 2
    return text + ")"


def _body(array: np.ndarray, indent: int, options: _Options) -> str:
    """The nested brackets alone; lines after the first are indented by `indent` and their depth."""
    edge = options.edgeitems
    abridge = array.size > options.threshold
    cut = tuple(abridge and size > 2 * edge for size in array.shape)
    # Elements that are not shown have no say in the number format, so they go first.
    for dim in range(array.ndim):
        if cut[dim]:
            array = np.take(array, [*range(edge), *range(-edge, 0)], axis=dim)
    cells, width = _format_elements(array, options)
    per_line = max(1, int((options.linewidth - indent - array.ndim + 1) // (width + 2))) if array.ndim else 1
    return _nest(cells, array.shape, cut, indent, edge, per_line)


def _nest(cells: Sequence[str], shape: tuple[int, ...], cut: tuple[bool, ...], indent: int, edge: int, per_line: int) -> str:
    if not shape:
        return cells[0]
    indent += 1
    newline = "\n" + " " * indent
    if len(shape) == 1:
        row = [*cells[:edge], " ...", *cells[-edge:]] if cut[0] else cells
        lines = [", ".join(row[start : start + per_line]) for start in range(0, len(row), per_line)]
        return "[" + ("," + newline).join(lines) + "]"
    step = len(cells) // shape[0]
    bounds = pairwise(range(0, len(cells) + 1, step))
    parts = [_nest(cells[a:b], shape[1:], cut[1:], indent, edge, per_line) for a, b in bounds]
    if cut[0]:
        parts.insert(edge, "...")
    # A blank line more between the parts for every dimension beneath the rows.
    return "[" + ("," + "\n" * (len(shape) - 2) + newline).join(parts) + "]"


def _format_elements(array: np.ndarray, options: _Options) -> tuple[list[str], int]:
    """The padded text of each element in row-major order, and the width that line breaking counts for one."""
    if array.dtype.isbuiltin == 2:
        # ml_dtypes' types (bfloat16 and narrower) register with NumPy as user types and all fit in float32.
        array = array.astype(np.float32)
    flat = array.reshape(-1)
    kind = flat.dtype.kind
    if kind == "c":
        real, real_width = _format_floats(flat.real, options)
        imag, imag_width = _format_floats(flat.imag, options)
        cells = [x.rjust(real_width) + ("" if y.startswith("-") else "+") + y + "j" for x, y in zip(real, imag, strict=True)]
        return cells, real_width + imag_width + 1
    if kind == "f":
        cells, width = _format_floats(flat, options)
    else:
        cells = [str(value) for value in flat.tolist()]
        width = max(map(len, cells))
    return [cell.rjust(width) for cell in cells], width


def _format_floats(values: np.ndarray, options: _Options) -> tuple[list[str], int]:
    """The unpadded text of each value in the notation they all share, and the width of the widest.

    Only finite values other than zero choose the notation and count for the width, as in PyTorch.
    """
    telling = values[np.isfinite(values) & (values != 0)]
    if telling.size == 0:
        return [_whole(value) for value in values.tolist()], 1
    write = _notation(telling, options)
    return [write(value) for value in values.tolist()], max(len(write(value)) for value in telling.tolist())


def _notation(values: np.ndarray, options: _Options) -> Callable[[float], str]:
    whole = bool(np.all(values == np.floor(values)))
    scientific = options.sci_mode
    if scientific is None:
        magnitudes = np.abs(values)
        # Python floats: in float16 or float32 the ratio and the comparison with 1e-4 would round.
        low, high = float(magnitudes.min()), float(magnitudes.max())
        scientific = high / low > 1000 or high > 1e8 or (not whole and low < 1e-4)
    if scientific:
        return f"{{:.{options.precision}e}}".format
    return _whole if whole else f"{{:.{options.precision}f}}".format


def _whole(value: float) -> str:
    return f"{value:.0f}." if isfinite(value) else f"{value:.0f}"
