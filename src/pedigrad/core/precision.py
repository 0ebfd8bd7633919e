"""16-bit floats are computed with in float32 and rounded once: sums of them in 16 bits would stick, and formulas round at each step."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import dtypes, large
from .op import Op
from .quiet import astype
from .tensor import Tensor

FLOAT32 = np.dtype(np.float32)


def is_narrow(dtype: Any) -> bool:
    """Whether NumPy's `dtype` is one of the floats of 16 bits or fewer."""
    return dtype.itemsize <= 2 and dtype.kind in "fV"


def narrow_dtype(op: Op, arrays: tuple[Any, ...]) -> Any:
    """The dtype of the operands if they are 16-bit floats, all of one dtype unless the op takes several; None otherwise."""
    found = None
    for a in arrays:
        dtype = getattr(a, "dtype", None)
        if not isinstance(dtype, np.dtype) or dtype.kind in "biu":
            continue
        if found is None:
            if not is_narrow(dtype):
                return None
            found = dtype
        elif dtype != found and op.wide != "mixed":
            return None
    return found


def widened(value: Any) -> Any:
    """`value`, an array, a Tensor, a dtype or a tuple or list of such, with float32 for 16-bit floats; anything else as it is."""
    if isinstance(value, np.dtype):
        return FLOAT32 if is_narrow(value) else value
    if value.__class__ is tuple or value.__class__ is list:
        return value.__class__(map(widened, value))
    dtype = getattr(value._array if isinstance(value, Tensor) else value, "dtype", None)
    if not isinstance(dtype, np.dtype) or not is_narrow(dtype):
        return value
    return astype(value, FLOAT32) if isinstance(value, Tensor) else large.converted(value, FLOAT32)  # type: ignore[call-overload]


def in_dtype(op: Op, arrays: tuple[Any, ...], attributes: tuple[Any, ...], named: dict[str, Any]) -> Any:
    """Operands and attributes where a 16-bit dtype is asked for: the first operand is converted to it beforehand, to be widened then."""
    dtype = named.get("dtype")
    if dtype is None or not is_narrow(dtypes.to_numpy(dtype)):
        return arrays, attributes
    named["dtype"] = None
    return (arrays[0].astype(dtypes.to_numpy(dtype)), *arrays[1:]), tuple(named.values())


def rounded(op: Op, results: Any, narrow: Any, named: dict[str, Any]) -> Any:
    """What a forward made of widened operands, in their dtype; what only the rules see, and what was asked for in a `dtype`, stays."""
    if named.get("dtype") is not None:
        return results
    if not isinstance(results, (tuple, list)):
        return large.converted(results, narrow) if results.dtype == FLOAT32 else results
    seen = len(results) - op.hidden
    return tuple(large.converted(r, narrow) if i < seen and r.dtype == FLOAT32 else r for i, r in enumerate(results))
