"""`out=` of functions that are made of several ops."""

from __future__ import annotations

from ..op import composite


@composite(places="", out=True)
def delivered(x, /):
    """The elements of `x`."""
    return x


def deliver(result, out):
    """`result`, written into the tensor `out` if there is one."""
    return result if out is None else delivered(result, out=out)
