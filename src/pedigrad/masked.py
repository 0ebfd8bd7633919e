"""`torch.masked`: reductions and normalizations of the elements that a mask keeps.

A `mask` is true where an element counts. What does not count is replaced by what changes nothing: zero in a sum, one in a product,
the lowest number in a maximum. Where nothing counts that is the result; means and variances of nothing are nan.
"""

from __future__ import annotations

import math
from typing import Any

from .core import dtypes
from .core.limits import iinfo
from .core.origin import located
from .core.shapes import all_dims
from .core.tensor import Tensor
from .ops.math.exponential import logaddexp as _logaddexp
from .ops.reduce.norms import vector_norm
from .ops.shape.convert import converted


def _is_real(dtype: Any) -> bool:
    return dtype.is_floating_point


def _lowest(name: str, dtype: Any) -> Any:
    if dtype is dtypes.bool_ or dtype.is_complex:
        raise NotImplementedError(located(f"masked.{name}: {dtype} has no lowest number"))
    return -math.inf if _is_real(dtype) else iinfo(dtype).min


def _highest(name: str, dtype: Any) -> Any:
    if dtype is dtypes.bool_ or dtype.is_complex:
        raise NotImplementedError(located(f"masked.{name}: {dtype} has no highest number"))
    return math.inf if _is_real(dtype) else iinfo(dtype).max


def _counting(input: Any, mask: Any) -> Any:
    """The mask in the shape of `input`; None where all counts."""
    if mask is None:
        return None
    if not isinstance(mask, Tensor):
        raise TypeError(located(f"mask must be a Tensor, not {type(mask).__name__}"))
    if mask.ndim > input.ndim:
        raise IndexError(located(f"the mask has {mask.ndim} dimensions, more than the input, which has {input.ndim}"))
    return converted(mask, dtypes.bool_).expand(input.shape)  # type: ignore[attr-defined]


def _filled(input: Any, mask: Any, value: Any) -> Any:
    mask = _counting(input, mask)
    return input if mask is None else input.masked_fill(~mask, value)


def _in(input: Any, dtype: Any) -> Any:
    return input if dtype is None else input.to(dtype)


def sum(input: Any, dim: Any = None, *, keepdim: bool = False, dtype: Any = None, mask: Any = None) -> Any:
    """The sum of what the mask keeps along `dim`."""
    return _filled(input, mask, 0).sum(all_dims(dim, input.ndim), keepdim, dtype=dtype)


def prod(input: Any, dim: Any = None, *, keepdim: bool = False, dtype: Any = None, mask: Any = None) -> Any:
    """The product of what the mask keeps along `dim`."""
    out = _filled(input, mask, 1)
    dims = sorted(all_dims(dim, input.ndim), reverse=True)
    if not dims:
        return _in(out, dtype or (None if _is_real(out.dtype) or out.is_complex() else dtypes.int64))
    for d in dims:
        out = out.prod(d, keepdim, dtype=dtype)
    return out


def amax(input: Any, dim: Any = None, *, keepdim: bool = False, dtype: Any = None, mask: Any = None) -> Any:
    """The largest of what the mask keeps along `dim`."""
    input = _in(input, dtype)
    return _filled(input, mask, _lowest("amax", input.dtype)).amax(all_dims(dim, input.ndim), keepdim)


def amin(input: Any, dim: Any = None, *, keepdim: bool = False, dtype: Any = None, mask: Any = None) -> Any:
    """The smallest of what the mask keeps along `dim`."""
    input = _in(input, dtype)
    return _filled(input, mask, _highest("amin", input.dtype)).amin(all_dims(dim, input.ndim), keepdim)


def argmax(input: Any, dim: int | None = None, *, keepdim: bool = False, dtype: Any = None, mask: Any = None) -> Any:
    """Where the largest of what the mask keeps along `dim` is, in the dtype of the input or `dtype`."""
    input = _in(input, dtype)
    return _filled(input, mask, _lowest("argmax", input.dtype)).argmax(dim, keepdim).to(input.dtype)


def argmin(input: Any, dim: int | None = None, *, keepdim: bool = False, dtype: Any = None, mask: Any = None) -> Any:
    """Where the smallest of what the mask keeps along `dim` is, in the dtype of the input or `dtype`."""
    input = _in(input, dtype)
    return _filled(input, mask, _highest("argmin", input.dtype)).argmin(dim, keepdim).to(input.dtype)


def cumsum(input: Any, dim: int, *, dtype: Any = None, mask: Any = None) -> Any:
    """The sums so far along `dim` of what the mask keeps, in the dtype of the input or `dtype`."""
    return _filled(input, mask, 0).cumsum(dim, dtype=dtype or input.dtype)


def cumprod(input: Any, dim: int, *, dtype: Any = None, mask: Any = None) -> Any:
    """The products so far along `dim` of what the mask keeps, in the dtype of the input or `dtype`."""
    return _filled(input, mask, 1).cumprod(dim, dtype=dtype or input.dtype)


def _count(input: Any, dims: Any, mask: Any) -> Any:
    """How many elements count along `dims`, which are kept."""
    mask = _counting(input, mask)
    return math.prod(input.shape[d] for d in dims) if mask is None else mask.sum(dims, True)


def _finished(x: Any, dims: Any, keepdim: bool) -> Any:
    return x if keepdim else x.reshape([n for d, n in enumerate(x.shape) if d not in dims])


def mean(input: Any, dim: Any = None, *, keepdim: bool = False, dtype: Any = None, mask: Any = None) -> Any:
    """The mean of what the mask keeps along `dim`."""
    input = _in(input, dtype)
    if not (_is_real(input.dtype) or input.is_complex()):
        what = "Could not infer output dtype. Input dtype must be either a floating point or complex dtype"
        raise ValueError(located(f"mean(): {what}. Got: {input.dtype}"))
    dims = all_dims(dim, input.ndim)
    return _finished(sum(input, dims, keepdim=True, mask=mask) / _count(input, dims, mask), dims, keepdim)


def median(input: Any, dim: int = -1, *, keepdim: bool = False, dtype: Any = None, mask: Any = None) -> Any:
    """The median of what the mask keeps along `dim`, the lower one of two; nan of nothing."""
    input = _in(input, dtype)
    counting = _counting(input, mask)
    if not _is_real(input.dtype):
        if counting is not None and not bool(counting.any(dim).all()):
            raise ValueError(located("masked median expects no fully masked out rows if dtype is not floating point"))
        return _filled(input.double(), mask, math.nan).nanmedian(dim, keepdim).values.to(input.dtype)
    return _filled(input, mask, math.nan).nanmedian(dim, keepdim).values


def norm(input: Any, ord: float | None = 2.0, dim: Any = None, *, keepdim: bool = False, dtype: Any = None, mask: Any = None) -> Any:
    """The `ord`-norm of what the mask keeps along `dim`."""
    ord = 2.0 if ord is None else ord
    x = _filled(_in(input, dtype), mask, 0 if ord >= 0 else math.inf)
    return vector_norm(x, ord, all_dims(dim, input.ndim), bool(keepdim))


def normalize(input: Any, ord: float, dim: int, *, eps: float = 1e-12, dtype: Any = None, mask: Any = None) -> Any:
    """What the mask keeps, divided by its norm along `dim` or `eps`; zero elsewhere."""
    input = _in(input, dtype)
    size: Any = norm(input, ord, dim, keepdim=True, mask=mask)
    return _filled(input, mask, 0) / size.clamp(min=eps)


def _variance(input: Any, dim: Any, unbiased: Any, correction: Any, keepdim: bool, dtype: Any, mask: Any) -> Any:
    if unbiased is not None and correction is not None:
        raise ValueError(located("only one of unbiased and correction can be given"))
    if correction is None:
        correction = 1 if unbiased is None or unbiased else 0
    if input.dtype is dtypes.bool_:
        raise RuntimeError(located("variances of a bool tensor are not supported: convert it with .float()"))
    input = _in(input, dtype)
    if not (_is_real(input.dtype) or input.is_complex()):
        input = input.to(dtypes.get_default_dtype())
    dims = all_dims(dim, input.ndim)
    count = _count(input, dims, mask)
    centred = _filled(input - sum(input, dims, keepdim=True, mask=mask) / count, mask, 0)
    squares = (centred * centred.conj()).sum(dims, True)
    freedom: Any = count - correction
    return _finished(squares / (max(freedom, 0) if mask is None else freedom.clamp(min=0)), dims, keepdim)


def var(
    input: Any, dim: Any = None, unbiased: bool | None = None, *, correction: float | None = None, keepdim: bool = False,
    dtype: Any = None, mask: Any = None,
) -> Any:  # fmt: skip
    """The variance of what the mask keeps along `dim`; `correction` is taken from their number, 1 by default."""
    return _variance(input, dim, unbiased, correction, keepdim, dtype, mask)


def std(
    input: Any, dim: Any = None, unbiased: bool | None = None, *, correction: float | None = None, keepdim: bool = False,
    dtype: Any = None, mask: Any = None,
) -> Any:  # fmt: skip
    """The standard deviation of what the mask keeps along `dim`; `correction` is taken from their number, 1 by default."""
    return _variance(input, dim, unbiased, correction, keepdim, dtype, mask).sqrt()


def softmax(input: Any, dim: int, *, dtype: Any = None, mask: Any = None) -> Any:
    """The softmax along `dim` of what the mask keeps; zero elsewhere, nan where nothing counts."""
    input = _in(input, dtype)
    return _filled(input, mask, _lowest("softmax", input.dtype)).softmax(dim)


def log_softmax(input: Any, dim: int, *, dtype: Any = None, mask: Any = None) -> Any:
    """The logarithm of the softmax along `dim` of what the mask keeps; minus infinity elsewhere."""
    input = _in(input, dtype)
    return _filled(input, mask, _lowest("log_softmax", input.dtype)).log_softmax(dim)


def softmin(input: Any, dim: int, *, dtype: Any = None, mask: Any = None) -> Any:
    """The softmax along `dim` of the negatives of what the mask keeps; zero elsewhere."""
    input = _in(input, dtype)
    return (-_filled(input, mask, _highest("softmin", input.dtype))).softmax(dim)


def logsumexp(input: Any, dim: Any = None, *, keepdim: bool = False, dtype: Any = None, mask: Any = None) -> Any:
    """The logarithm of the sum of exponentials of what the mask keeps along `dim`, in the dtype of the input or `dtype`."""
    input = _in(input, dtype)
    filled = (
        input
        if input.is_complex() and mask is None
        else _filled(input, mask, -math.inf if input.is_complex() else _lowest("logsumexp", input.dtype))
    )
    return filled.logsumexp(all_dims(dim, input.ndim), keepdim).to(input.dtype)


def logaddexp(input: Any, other: Any, *, dtype: Any = None, input_mask: Any = None, other_mask: Any = None) -> Any:
    """The logarithm of the sum of two exponentials, of which those that a mask does not keep are zero."""
    x, y = _in(input, dtype), _in(other, dtype)
    x, y = _filled(x, input_mask, _lowest("logaddexp", x.dtype)), _filled(y, other_mask, _lowest("logaddexp", y.dtype))
    return _logaddexp(x, y)


__all__ = [
    "amax", "amin", "argmax", "argmin", "cumprod", "cumsum", "log_softmax", "logaddexp", "logsumexp", "mean", "median", "norm",
    "normalize", "prod", "softmax", "softmin", "std", "sum", "var",
]  # fmt: skip
