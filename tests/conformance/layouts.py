"""Layouts: the samples of an OpInfo entry with their tensors transposed, permuted, sliced and expanded."""

from __future__ import annotations

import torch
from agreement import leaves, samples_of
from bridge import _mapped

import pedigrad


def permuted(x, order):
    """The same tensor with its memory in this order of dimensions, outermost first."""
    inverse = sorted(range(x.ndim), key=order.__getitem__)
    return x.permute(order).contiguous().permute(inverse)


def reverse(x):
    """Column by column: a transposed matrix."""
    return permuted(x, tuple(range(x.ndim))[::-1])


def matrices(x):
    """The last two dimensions exchanged in memory."""
    return permuted(x, (*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))


def channels_last(x):
    """The second dimension innermost; of a matrix the first."""
    return permuted(x, (0, *range(2, x.ndim), 1)) if x.ndim > 2 else matrices(x)


def rolled(x):
    """The first dimension innermost."""
    return permuted(x, (*range(1, x.ndim), 0))


def sliced(x):
    """Every other element of a longer last dimension."""
    return torch.stack([x, x], -1).flatten(-2)[..., ::2]


def sliced_transposed(x):
    """Every other row of a transposed tensor."""
    return reverse(torch.stack([x, x], 1).flatten(0, 1))[::2]


def expanded(x):
    """The first slice, along the first dimension, as often as the tensor has slices."""
    return x[:1].expand(x.shape) if x.shape[0] else x


def expanded_last(x):
    """The first slice, along the last dimension, as often as the tensor has slices."""
    return x[..., :1].expand(x.shape) if x.shape[-1] else x


VARIANTS = (reverse, matrices, channels_last, rolled, sliced, sliced_transposed, expanded, expanded_last)


def laid_out(value, variant, which=None, count=None):
    """A value with its tensors (`which` of them alone) laid out by a variant; None where none has two dimensions."""
    count = [0] if count is None else count

    def change(x):
        if isinstance(x, torch.Tensor) and x.layout is torch.strided and x.ndim > 1:
            count[0] += 1
            if which is None or count[0] - 1 in which:
                return variant(x.detach())
            return x.detach()
        return x.detach() if isinstance(x, torch.Tensor) else _mapped(x, change)

    return change(value)
