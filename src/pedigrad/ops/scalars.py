"""Numbers that become elements of a tensor: what each dtype takes, and what is refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import dtypes
from ..origin import located

CALLED = {"uint8": "uint8_t", "int8": "int8_t", "int16": "int16_t", "int32": "int", "int64": "int64_t"}
CALLED |= {"float16": "c10::Half", "bfloat16": "c10::BFloat16", "float32": "float", "float64": "double"}
LARGEST = {"float16": 65504.0, "bfloat16": 3.3895313892515355e38, "float32": 3.4028234663852886e38}


def element(value: Any, dtype: Any) -> Any:
    """The number `value` as a 0-d array of the NumPy dtype; RuntimeError if it is out of range.

    Unsigned integers take negative ones and count them from their end, as PyTorch does. Floats take infinity and nan, integers do not.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        raise OverflowError(located("int too big to convert" if value > 0 else "can't convert negative int to unsigned"))
    kind = dtype.kind
    if kind == "b":
        return np.asarray(bool(value))
    if isinstance(value, complex) and kind != "c":
        if value.imag != 0:
            raise _overflow(dtype)
        value = value.real
    if kind in "iu":
        limits = np.iinfo(dtype)
        lowest = -int(limits.max) if kind == "u" and isinstance(value, int) else limits.min
        if not lowest <= value <= limits.max:  # nan too
            raise _overflow(dtype)
        return np.asarray(int(value)).astype(dtype)
    if kind != "c" and math.isfinite(value) and abs(value) > LARGEST.get(dtype.name, math.inf):
        raise _overflow(dtype)
    return np.asarray(value if kind == "c" else float(value)).astype(dtype)


def fitting(value: Any, dtype: Any) -> Any:
    """`value` itself where it is one that every dtype of its kind takes, else `element(value, dtype)`."""
    kind = dtype.kind
    if (kind == "f" and value.__class__ in (float, int) and -65504 <= value <= 65504) or (
        kind == "i" and value.__class__ is int and -128 <= value <= 127
    ):
        return value
    return element(value, dtype)


def _overflow(dtype: Any) -> Exception:
    name = dtype.name
    return RuntimeError(located(f"value cannot be converted to type {CALLED.get(name, name)} without overflow"))


def element_of(input: Any, value: Any) -> Any:
    """`value`, if it is a number, as an element of the common dtype of it and the tensor `input`; a tensor as it is."""
    if value is None or hasattr(value, "dtype"):
        return value
    if value.__class__ is not complex and -128 <= value <= 127:
        return value
    element(value, dtypes.to_numpy(dtypes.promote_operands([input._array, value])))
    return value
