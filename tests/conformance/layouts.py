"""Tensors in all orders in memory: those of a sample transposed, permuted, sliced and expanded, in both libraries."""

from __future__ import annotations

import random

import torch
from bridge import _mapped


def permuted(x, order):
    """The same tensor with its memory in this order of dimensions, outermost first."""
    inverse = sorted(range(x.ndim), key=order.__getitem__)
    return x.permute(order).contiguous().permute(inverse)


def rows(x):
    """The last dimension innermost."""
    return x.contiguous()


def reverse(x):
    """The first dimension innermost: a transposed matrix."""
    return permuted(x, tuple(range(x.ndim))[::-1])


def matrices(x):
    """The last two dimensions exchanged in memory."""
    return permuted(x, (*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))


def channels_last(x):
    """The second dimension innermost; of a matrix the first."""
    return permuted(x, (0, *range(2, x.ndim), 1)) if x.ndim > 2 else matrices(x)


def rolled(x):
    """The first dimension innermost, the others in order."""
    return permuted(x, (*range(1, x.ndim), 0))


def sliced(x):
    """Every other element of a longer last dimension."""
    return torch.stack([x, x], -1).flatten(-2)[..., ::2]


def sliced_transposed(x):
    """Every other row of a transposed tensor."""
    return reverse(torch.stack([x, x], 1).flatten(0, 1))[::2]


def expanded(x):
    """The first slice, as often as the tensor has slices."""
    return x[:1].expand(x.shape) if x.shape[0] else x


def expanded_last(x):
    """The first slice along the last dimension, as often as the tensor has slices."""
    return x[..., :1].expand(x.shape) if x.shape[-1] else x


VARIANTS = (rows, reverse, matrices, channels_last, rolled, sliced, sliced_transposed, expanded, expanded_last)


def changeable(value) -> int:
    """How many tensors in `value` have two dimensions of several elements or more: others lie in one way only."""
    count = 0

    def look(x):
        nonlocal count
        if isinstance(x, torch.Tensor):
            count += x.layout is torch.strided and x.numel() > 1 and sum(n > 1 for n in x.shape) > 1
            return x
        return _mapped(x, look)

    look(value)
    return count


def laid_out(value, variant, which=None):
    """`value` with its tensors (with `which`, only those of these numbers) laid out by a variant, without history."""
    number = -1

    def change(x):
        nonlocal number
        if not isinstance(x, torch.Tensor):
            return _mapped(x, change)
        if x.layout is not torch.strided or x.ndim < 2:
            return x.detach()
        number += 1
        return variant(x.detach()) if which is None or number in which else x.detach()

    return change(value)


def strides(x):
    """The strides of a tensor of either library along the dimensions of more than one element; () if it has no elements."""
    return tuple(s for n, s in zip(x.shape, x.stride(), strict=True) if n != 1) if x.numel() else ()


def any_view(rng: random.Random):
    """A tensor of up to five dimensions that a few random views have permuted, sliced, expanded and split."""
    x = torch.empty([rng.choice([1, 2, 3, 4, 6]) for _ in range(rng.randint(0, 4))])
    x = torch.arange(float(x.numel())).reshape(x.shape)
    for _ in range(rng.randint(0, 3)):
        dim = rng.randrange(x.ndim) if x.ndim else 0
        what = rng.choice(["permute", "slice", "unsqueeze", "expand", "select"])
        if what == "unsqueeze":
            x = x.unsqueeze(rng.randint(0, x.ndim))
        elif what == "permute":
            x = x.permute(rng.sample(range(x.ndim), x.ndim))
        elif what == "slice" and x.ndim:
            start = rng.randint(0, x.shape[dim])
            x = x[(slice(None),) * dim + (slice(start, rng.randint(start, x.shape[dim]), rng.choice([1, 2])),)]
        elif what == "expand" and x.ndim and x.shape[dim] == 1:
            x = x.expand([3 if d == dim else n for d, n in enumerate(x.shape)])
        elif what == "select" and x.numel() and x.ndim:
            x = x.select(dim, 0)
    return x


def any_shape(rng: random.Random, x):
    """A shape that has room for the elements of `x`: two dimensions made one, one split, or all anew."""
    sizes, kind = list(x.shape), rng.random()
    if not x.numel():
        return rng.choice([sizes, sizes[::-1], [0], [2, 0, 3]])
    if kind < 0.5 and len(sizes) > 1:
        i = rng.randrange(len(sizes) - 1)
        sizes[i : i + 2] = [sizes[i] * sizes[i + 1]]
    elif kind < 0.7 and sizes:
        i = rng.randrange(len(sizes))
        sizes[i : i + 1] = _factors(rng, sizes[i])
    else:
        sizes = _factors(rng, x.numel())
    if rng.random() < 0.2 and sizes:
        sizes[rng.randrange(len(sizes))] = -1
    return sizes


def _factors(rng, n):
    found = []
    while n > 1 and rng.random() < 0.8:
        found.append(rng.choice([d for d in range(2, n + 1) if n % d == 0]))
        n //= found[-1]
    found += [n] if n > 1 or not found else []
    rng.shuffle(found)
    return found
