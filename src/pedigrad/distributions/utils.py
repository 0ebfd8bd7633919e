"""torch.distributions.utils: parameters brought to one shape, probabilities and logits, lazily computed attributes."""

from functools import update_wrapper
from numbers import Number

import numpy as np

from ..core.dtypes import get_default_dtype
from ..core.limits import finfo
from ..core.modes import enable_grad
from ..core.tensor import Tensor
from ..ops.creation import ones, tensor, zeros
from ..ops.math.exponential import log1p
from ..ops.nn.softmax import softmax
from ..ops.shape.view import broadcast_tensors
from ..random import randn

euler_constant = float(np.euler_gamma)

__all__ = [
    "broadcast_all", "clamp_probs", "lazy_property", "logits_to_probs", "probs_to_logits", "tril_matrix_to_vec", "vec_to_tril_matrix",
]  # fmt: skip


def broadcast_all(*values):
    """The values, numbers or tensors, as tensors of one shape; numbers take the first tensor's dtype, or the default one."""
    if not all(isinstance(v, (Tensor, Number)) for v in values):
        raise ValueError(f"parameters must be numbers or tensors, got {', '.join(type(v).__name__ for v in values)}")
    dtype = next((v.dtype for v in values if isinstance(v, Tensor)), get_default_dtype())
    return broadcast_tensors(*(v if isinstance(v, Tensor) else tensor(v, dtype=dtype) for v in values))


def _standard_normal(shape, dtype, device=None):
    return randn(shape, dtype=dtype)


def _sum_rightmost(value, dim):
    """The sums over the last `dim` dimensions."""
    return value if dim == 0 else value.reshape(*value.shape[: value.ndim - dim], -1).sum(-1)


def logits_to_probs(logits, is_binary=False):
    """The probabilities: the sigmoid of log odds, or the softmax of log probabilities that need not be normalized."""
    return logits.sigmoid() if is_binary else softmax(logits, -1)


def clamp_probs(probs):
    """The probabilities, moved into [eps, 1 - eps]."""
    eps = finfo(probs.dtype).eps
    return probs.clamp(min=eps, max=1 - eps)


def probs_to_logits(probs, is_binary=False):
    """The log odds of binary probabilities, or the logarithms of others; finite, since probabilities are clamped first."""
    inner = clamp_probs(probs)
    return inner.log() - log1p(-inner) if is_binary else inner.log()


class lazy_property:
    """An attribute that is computed when it is first read, with gradients, and then stays."""

    def __init__(self, wrapped):
        self.wrapped = wrapped
        update_wrapper(self, wrapped)

    def __get__(self, instance, obj_type=None):
        if instance is None:
            return self
        with enable_grad():
            value = self.wrapped(instance)
        setattr(instance, self.wrapped.__name__, value)
        return value


def _lower(size, diag):
    return np.tri(size, k=diag, dtype=bool)


def tril_matrix_to_vec(mat, diag=0):
    """The elements of (..., n, n) matrices on and below a diagonal, row by row: (..., count)."""
    n = mat.shape[-1]
    if not -n <= diag < n:
        raise ValueError(f"diag ({diag}) provided is outside [{-n}, {n - 1}].")
    rows, columns = np.nonzero(_lower(n, diag))
    return mat[..., tensor(rows), tensor(columns)]


def vec_to_tril_matrix(vec, diag=0):
    """The (..., n, n) matrices whose elements on and below a diagonal are those of `vec`, the others zero."""
    count = vec.shape[-1]
    n = (-(1 + 2 * diag) + (1 + 8 * count + 4 * abs(diag) * (diag + 1)) ** 0.5) / 2
    eps = finfo(vec.dtype).eps
    if round(n) - n > eps:
        raise ValueError(
            f"The size of last dimension is {count} which cannot be expressed as the lower triangular part of a square D x D matrix."
        )
    n = round(n)
    rows, columns = np.nonzero(_lower(n, diag))
    mat = zeros((*vec.shape[:-1], n, n), dtype=vec.dtype)
    mat[..., tensor(rows), tensor(columns)] = vec
    return mat


def one_of(probs, logits):
    """The one that is given; exactly one must be."""
    if (probs is None) == (logits is None):
        raise ValueError("Either `probs` or `logits` must be specified, but not both.")
    return logits if probs is None else probs


def like(value, count):
    """The numbers 0, 1, ... below `count`, in the dtype of `value`."""
    return ones((count,), dtype=value.dtype).cumsum(0) - 1
