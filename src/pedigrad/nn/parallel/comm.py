"""Tensors copied to devices, and put together again: on one device."""

import functools
import operator

from .scatter_gather import gather, scatter

__all__ = ["broadcast", "broadcast_coalesced", "gather", "reduce_add", "reduce_add_coalesced", "scatter"]


def broadcast(tensor, devices=None, *, out=None):
    """The tensor for each device."""
    return tuple(tensor for _ in devices or ())


def broadcast_coalesced(tensors, devices, buffer_size=10485760):
    """All tensors for each device."""
    return [list(tensors) for _ in devices]


def reduce_add(inputs, destination=None):
    """The sum of tensors."""
    return functools.reduce(operator.add, inputs)


def reduce_add_coalesced(inputs, destination=None, buffer_size=10485760):
    """The sums of tensors of several lists."""
    return tuple(reduce_add(each) for each in zip(*inputs, strict=True))
