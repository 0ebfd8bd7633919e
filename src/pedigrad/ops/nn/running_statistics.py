"""The statistics of channels that normalizations move from batch to batch."""

from __future__ import annotations

import math

import numpy as np

from ...core import meta, modes
from ...core.graph import note_write
from ...core.lifted import Lifted
from ...core.precision import is_narrow, widened
from ...core.quiet import astype
from ...core.tensor import wrap


def channel_dims(ndim):
    """All dimensions but 1."""
    return (0, *range(2, ndim))


def of_channels(values, ndim):
    """A vector shaped to be broadcast along dimension 1; of shape (1, C, 1, ...)."""
    return np.reshape(values, (1, -1) + (1,) * (ndim - 2)) if ndim != 2 else values


def count_of(x, dims):
    """How many elements `x` has along `dims`."""
    return math.prod(x.shape[i] for i in dims)


class Running:
    """The running statistics of a batch normalization, and how far each batch moves them."""

    __slots__ = ("mean", "momentum", "variance")

    def __init__(self, mean, variance, momentum):
        self.mean, self.variance, self.momentum = mean, variance, momentum

    def lies_under(self, *others):
        """Whether one of the tensors `others` shares memory with the statistics."""
        mine = [r._array for r in (self.mean, self.variance) if r is not None]
        return any(np.may_share_memory(o._array, array) for o in others if o is not None for array in mine)

    def move(self, mean, variance, count):
        """Move the statistics towards those of a batch of `count` elements a channel; the variance without its bias."""
        for running, of_batch, bias in ((self.mean, mean, 1.0), (self.variance, variance, count / (count - 1))):
            if running is not None:
                array = running._array
                change = (of_batch * (self.momentum * bias)).reshape(-1)
                if hasattr(change, "_trace"):
                    change = astype(change, array.dtype)
                    change._trace.assign(array, change._trace.state(array) * (1 - self.momentum) + change)
                elif isinstance(change, Lifted) or isinstance(array, Lifted):
                    with modes.no_grad():
                        running.mul_(1 - self.momentum).add_(wrap(change))
                    continue
                elif meta.is_meta(array):
                    pass
                elif is_narrow(array.dtype):
                    array[...] = widened(array) * (1 - self.momentum) + change
                else:
                    np.multiply(array, 1 - self.momentum, out=array)
                    np.add(array, change, out=array)
                note_write(array, "batch_norm")

    @modes.no_grad()
    def move_by_ops(self, input):
        """The same by operations on Tensors, which can be recorded; `input` is the batch."""
        dims = channel_dims(input.ndim)
        count = count_of(input, dims)
        input = widened(input)
        for running, of_batch, bias in (
            (self.mean, input.mean(dims), 1.0),
            (self.variance, input.var(dims, correction=0), count / (count - 1)),
        ):
            if running is not None:
                running.mul_(1 - self.momentum).add_(of_batch * (self.momentum * bias))
