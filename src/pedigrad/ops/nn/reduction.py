"""How the losses of the elements become one: `reduction` "mean", "sum" or "none", and the old arguments for it."""

from __future__ import annotations

import math

import numpy as np

from ...core.origin import located, warn
from ...core.tensor import Tensor
from ..xp import total


def reduced(losses, reduction):
    """The mean or the sum of `losses`, or themselves."""
    if reduction == "mean":
        return total(losses) / math.prod(losses.shape) if losses.ndim else losses
    if reduction == "sum":
        return total(losses)
    if reduction == "none":
        return losses
    raise not_a_reduction(reduction)


def in_dtype_of(x, out):
    """`out` in the dtype of the array `x`, which NumPy leaves for a wider one where `x` is of a 16-bit dtype."""
    return out if out.dtype == x.dtype or isinstance(out, Tensor) else np.asarray(out).astype(x.dtype)


def spread(g, shape, reduction):
    """The gradient of each loss of that shape, or one that all of them have, from the gradient of what they became."""
    if reduction != "mean":
        return g
    n = math.prod(shape)
    return g / n if n else g * np.nan


def not_a_reduction(reduction):
    """The error for a word that names no reduction."""
    return ValueError(f"{reduction} is not a valid value for reduction")


def legacy_reduction(size_average, reduce, emit_warning=True):
    """The word for what the arguments `size_average` and `reduce` asked for before there was `reduction`."""
    size_average = True if size_average is None else size_average
    reduce = True if reduce is None else reduce
    word = "none" if not reduce else "mean" if size_average else "sum"
    if emit_warning:
        warn(f"size_average and reduce args will be deprecated, please use reduction='{word}' instead.")
    return word


def constant(name, argument, tensor):
    """RuntimeError if `tensor`, an argument that gets no gradient, needs one."""
    if tensor is not None and tensor.requires_grad:
        message = f"The function '{name}' is not differentiable with respect to argument '{argument}'."
        raise RuntimeError(located(f"{message} This input cannot have requires_grad True."))


def warn_of_shapes(input, target):
    """Warn that a target of another shape is broadcast."""
    warn(
        f"Using a target size ({target.shape}) that is different to the input size ({input.shape})."
        " This will likely lead to incorrect results due to broadcasting. Please ensure they have the same size."
    )
