"""dtype objects and PyTorch's type promotion, as pure functions.

A `dtype` names an element type and knows its NumPy counterpart. Promotion differs from NumPy's: an integer never widens a
float (`int64 + float32 -> float32`), and Python numbers and 0-d tensors only decide the *category* (bool, integer, float,
complex) of a result, never its width within the category of a tensor with dimensions.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

BOOL, INTEGER, FLOATING, COMPLEX = range(4)


class dtype:
    """An element type: its name, its NumPy dtype, size in bytes and category."""

    __slots__ = ("_numpy", "category", "is_complex", "is_floating_point", "is_signed", "itemsize", "kind", "name")

    def __init__(self, name: str, itemsize: int, category: int, is_signed: bool = True):
        self.name = name
        self.itemsize = itemsize
        self.category = category
        self.is_floating_point = category == FLOATING
        self.is_complex = category == COMPLEX
        self.is_signed = is_signed
        self.kind = "bufc"[category] if category != INTEGER or not is_signed else "i"  # NumPy's letter for it
        self._numpy: np.dtype[Any] | None = None if name in LAZY else np.dtype(name)

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> tuple[Any, ...]:
        return named, (self.name,)

    def __copy__(self) -> dtype:
        return self

    def __deepcopy__(self, memo: object) -> dtype:
        return self

    def to_complex(self) -> dtype:
        """The complex dtype of the same precision."""
        return self if self.is_complex else {"float16": complex64, "float64": complex128}.get(self.name, complex64)

    def to_real(self) -> dtype:
        """The real dtype of the same precision."""
        return {"complex64": float32, "complex128": float64}.get(self.name, self)


EIGHT = ("float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e8m0fnu")
# Dtypes that no array has: quantized ones, whose tensors are made by functions of their own, and names alone.
NAMES = ("complex32", "qint8", "quint8", "qint32", "quint4x2", "quint2x4")
LAZY = frozenset(("bfloat16", *EIGHT, *NAMES))  # the NumPy dtypes of those that tensors have come from ml_dtypes

bool_ = dtype("bool", 1, BOOL, is_signed=False)
uint8 = dtype("uint8", 1, INTEGER, is_signed=False)
uint16 = dtype("uint16", 2, INTEGER, is_signed=False)
uint32 = dtype("uint32", 4, INTEGER, is_signed=False)
uint64 = dtype("uint64", 8, INTEGER, is_signed=False)
int8 = dtype("int8", 1, INTEGER)
int16 = dtype("int16", 2, INTEGER)
int32 = dtype("int32", 4, INTEGER)
int64 = dtype("int64", 8, INTEGER)
float16 = dtype("float16", 2, FLOATING)
bfloat16 = dtype("bfloat16", 2, FLOATING)
float32 = dtype("float32", 4, FLOATING)
float64 = dtype("float64", 8, FLOATING)
complex64 = dtype("complex64", 8, COMPLEX)
complex128 = dtype("complex128", 16, COMPLEX)

ALL: tuple[dtype, ...] = (bool_, uint8, uint16, uint32, uint64, int8, int16, int32, int64)
ALL += (float16, bfloat16, float32, float64, complex64, complex128)
ALL += tuple(dtype(name, 1, FLOATING) for name in EIGHT)
ALIASES = {"half": float16, "float": float32, "double": float64, "short": int16, "int": int32, "long": int64}
ALIASES |= {"cfloat": complex64, "cdouble": complex128}

UNUSABLE = (dtype("complex32", 4, COMPLEX), *(dtype(name, 4 if name == "qint32" else 1, INTEGER) for name in NAMES[1:]))

_BY_NAME = {d.name: d for d in (*ALL, *UNUSABLE)}
_BY_NUMPY: dict[Any, dtype] = {d._numpy: d for d in ALL if d._numpy is not None}


def named(name: str) -> dtype:
    """The dtype of that name, as pickles refer to it."""
    return _BY_NAME[name]


def of_argument(given: Any) -> dtype:
    """The dtype that an argument means: also Python's float, int, bool and complex stand for one, the widest of their kind."""
    if isinstance(given, dtype):
        return given
    found = _OF_PYTHON.get(given) if given.__class__ is type else None
    if found is None:
        kind = type(given).__name__
        raise TypeError(f"argument 'dtype' must be torch.dtype, not {kind}: expected a torch.dtype, got {given!r}")
    return found


def is_argument(given: Any) -> bool:
    """Whether an argument stands for a dtype."""
    return isinstance(given, dtype) or (given.__class__ is type and given in _OF_PYTHON)


_OF_PYTHON: dict[type, dtype] = {float: float64, int: int64, bool: bool_, complex: complex128}


def to_numpy(d: Any) -> np.dtype[Any]:
    """The NumPy dtype of `d`; bfloat16 loads ml_dtypes."""
    if d.__class__ is not dtype:
        d = of_argument(d)
    if d._numpy is None:
        if d.name in NAMES:
            quantized = f"tensors of {d} are made by torch.quantize_per_tensor()"
            raise TypeError(quantized if d.name in NAMES[1:4] else f"there are no tensors of {d}: it is a name that programs may ask for")
        import ml_dtypes

        d._numpy = np.dtype(getattr(ml_dtypes, d.name))
        _BY_NUMPY[d._numpy] = d
    return d._numpy


def from_numpy(d: np.dtype[Any]) -> dtype:
    """The dtype of a NumPy dtype; TypeError for those no tensor has (strings, objects, float128)."""
    found = _BY_NUMPY.get(d)
    if found is None:
        found = _BY_NUMPY.get(d.newbyteorder("=")) or _BY_NAME.get(d.name)
        if found is None:
            supported = ", ".join(each.name for each in ALL)
            raise TypeError(f"can't convert np.ndarray of type {d}: the supported types are {supported}")
        to_numpy(found)
    return found


def of(array: np.ndarray[Any, Any]) -> dtype:
    """The dtype of an array's elements."""
    return _BY_NUMPY.get(array.dtype) or from_numpy(array.dtype)


_default = float32


def get_default_dtype() -> dtype:
    """The dtype that Python floats become: float32 until `set_default_dtype`.

    >>> torch.get_default_dtype()
    torch.float32
    """
    return _default


def set_default_dtype(d: dtype) -> None:
    """Make `d`, a floating point dtype, what Python floats become.

    Args:
        d: torch.float32, float64, float16 or bfloat16.

    Raises:
        TypeError: it is no floating point dtype.

    >>> torch.set_default_dtype(torch.float64)
    >>> torch.tensor(1.0).dtype
    torch.float64
    >>> torch.set_default_dtype(torch.float32)
    """
    global _default
    if not isinstance(d, dtype) or not d.is_floating_point:
        raise TypeError(f"only floating-point types are supported as the default type, got {d!r}")
    _default = d


get_default = get_default_dtype

_BAREBONES = frozenset({uint16, uint32, uint64})


@functools.cache
def promote_types(a: dtype, b: dtype) -> dtype:
    """The smallest dtype that holds values of both.

    >>> promote_types(int64, float32)
    torch.float32
    """
    if a is b:
        return a
    low, high = sorted((a, b), key=lambda d: d.category)
    if (a in _BAREBONES or b in _BAREBONES) and not high.is_floating_point:
        raise RuntimeError(f"Promotion for uint16, uint32, uint64 types is not supported, attempted to promote {a} and {b}")
    if a.name in EIGHT or b.name in EIGHT:
        raise RuntimeError(f"Promotion for Float8 Types is not supported, attempted to promote {a} and {b}")
    if low.category != high.category:
        if high.is_complex and low.is_floating_point:
            return complex128 if low is float64 else high
        return high
    if low.is_floating_point:
        if low.itemsize == high.itemsize:  # float16 with bfloat16: neither holds the other
            return float32
        return max(a, b, key=lambda d: d.itemsize)
    if low.is_signed == high.is_signed or low.is_complex:
        return max(a, b, key=lambda d: d.itemsize)
    signed = low if low.is_signed else high
    return max(signed, int16, key=lambda d: d.itemsize)  # with uint8


def python_number(value: Any) -> Any:
    """A NumPy scalar as the Python number that PyTorch takes it for: a boolean is 1.0 or 0.0.

    Not so a complex64, of which PyTorch silently drops the imaginary part.
    """
    if isinstance(value, np.integer):
        number = int(value)
        if number >= 2**63:
            raise TypeError("an integer is required: a NumPy integer is beyond the range of int64")
        return number
    if isinstance(value, (np.floating, np.bool_)):
        return float(value)
    if isinstance(value, np.complexfloating):
        return complex(value)
    raise TypeError(f"expected a number, got {type(value).__name__}")


def of_number(value: object) -> dtype:
    """The dtype that a Python number stands for."""
    if isinstance(value, (bool, np.bool_)):
        return bool_
    if isinstance(value, (int, np.integer)):
        return int64
    if isinstance(value, (float, np.floating)):
        return _default
    if isinstance(value, (complex, np.complexfloating)):
        return _default.to_complex()
    raise TypeError(f"expected a number or a tensor, got {type(value).__name__}")


def _combine(higher: dtype | None, lower: dtype | None) -> dtype | None:
    """What a higher-priority dtype becomes beside a lower-priority one: its category may rise, not its width."""
    if higher is None or lower is None:
        return higher or lower
    if lower.category <= higher.category and higher.category != BOOL:
        return higher
    if higher.is_floating_point and lower.is_complex:
        return higher.to_complex()
    return promote_types(higher, lower)


def result_type(dimensioned: dtype | None, zero_dim: dtype | None, number: dtype | None) -> dtype:
    """The dtype of a result, from what its operands with dimensions, its 0-d tensors and its Python numbers promote to."""
    result = _combine(dimensioned, _combine(zero_dim, number))
    if result is None:
        raise RuntimeError("result_type() expects at least one operand")
    return result


def promote_operands(operands: Any) -> dtype:
    """The common dtype of arrays and Python numbers by PyTorch's rules.

    >>> promote_operands([np.ones(2, np.int64), np.ones((), np.float64), 2])
    torch.float64
    """
    by_priority: list[dtype | None] = [None, None, None]
    for value in operands:
        if value is None:
            continue
        if isinstance(value, (bool, int, float, complex)):
            rank, d = 2, of_number(value)
        else:
            rank, d = (0 if value.ndim else 1), of(value)
        current = by_priority[rank]
        by_priority[rank] = d if current is None else promote_types(current, d)
    return result_type(*by_priority)


def can_cast(source: dtype, target: dtype) -> bool:
    """Whether a result of dtype `source` may be written into a tensor of dtype `target` (category may not fall)."""
    return source.category <= target.category
