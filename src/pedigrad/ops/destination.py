"""`out=` of functions that are made of several ops."""

from __future__ import annotations

from ..core.declare import composite
from ..core.dispatch import check_no_history


@composite(wide=False, places="", out=True)
def delivered(x, /):
    """The elements of `x`."""
    return x


def deliver(result, out):
    """`result`, a tensor or a tuple of them, written into `out` if that is given."""
    if out is None:
        return result
    check_no_history("", *(result if isinstance(result, tuple) else (result,)))
    if isinstance(result, tuple):
        parts = [delivered(part, out=target) for part, target in zip(result, out, strict=True)]
        return result._make(parts) if hasattr(result, "_make") else tuple(parts)
    return delivered(result, out=out)
