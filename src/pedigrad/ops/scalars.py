"""Numbers that become elements of a tensor: what each dtype takes, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import dtypes
from ..data import scalar


def element(value: Any, dtype: Any) -> Any:
    """The number `value` as a 0-d array of the NumPy dtype; RuntimeError if it is out of range."""
    return np.asarray(scalar(value, dtype, "a number")).astype(dtype)


def fitting(value: Any, dtype: Any) -> Any:
    """`value` itself where it is one that every dtype of its kind takes, else `element(value, dtype)`."""
    kind = dtype.kind
    if (kind == "f" and value.__class__ in (float, int) and -65504 <= value <= 65504) or (
        kind == "i" and value.__class__ is int and -128 <= value <= 127
    ):
        return value
    return element(value, dtype)


def element_of(input: Any, value: Any) -> Any:
    """`value`, if it is a number, as an element of the common dtype of it and the tensor `input`; a tensor as it is."""
    if value is None or hasattr(value, "dtype"):
        return value
    if value.__class__ is not complex and -128 <= value <= 127:
        return value
    element(value, dtypes.to_numpy(dtypes.promote_operands([input._array, value])))
    return value
