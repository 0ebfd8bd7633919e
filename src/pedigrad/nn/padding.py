"""Padding layers: an int pads all sides alike; a tuple is (low, high) of the last dimension, then of the one before."""

from ..ops.shape.padding import pad
from .module import Module

__all__ = [f"{kind}Pad{n}d" for kind in ("Circular", "Constant", "Reflection", "Replication", "Zero") for n in (1, 2, 3)]


class _PadNd(Module):
    """Elements added around the last dimensions."""

    _mode = "constant"
    _n: int

    def __init__(self, padding):
        super().__init__()
        self.padding = tuple(padding) if isinstance(padding, (tuple, list)) else (padding,) * (2 * self._n)

    def forward(self, input):
        """`input` with padding around it."""
        return pad(input, self.padding, self._mode)

    def extra_repr(self):
        return f"{self.padding}"


class _ConstantPadNd(_PadNd):
    """Elements of one value added around the last dimensions."""

    def __init__(self, padding, value):
        super().__init__(padding)
        self.value = value

    def forward(self, input):
        """`input` with padding around it."""
        return pad(input, self.padding, "constant", self.value)

    def extra_repr(self):
        return f"padding={self.padding}, value={self.value}"


class _ZeroPadNd(_ConstantPadNd):
    """Zeros added around the last dimensions."""

    def __init__(self, padding):
        super().__init__(padding, 0.0)

    def extra_repr(self):
        return f"{self.padding}"


def _layer(base, name, n, what, mode="constant"):
    """A padding layer for `n` dimensions."""
    lead, sizes = "(N, C, ", ", ".join(("D", "H", "W")[3 - n :])
    given, value = ("1, 0.0", "\n        value: the number that is added.") if base is _ConstantPadNd else ("1", "")
    described = f"""{what} added around the last {"dimension" if n == 1 else f"{n} dimensions"}.

    Args:
        padding: how many on each side; or (low, high) of the last dimension, then of the one before, and so on.{value}

    Shape: {lead}{sizes}), also without N; each size grows by its two numbers.

    >>> torch.nn.{name}({given})(torch.zeros(1, 2, {", ".join(["3"] * n)})).shape
    torch.Size([1, 2, {", ".join(["5"] * n)}])
    """
    return type(name, (base,), {"__doc__": described, "__module__": base.__module__, "_n": n, "_mode": mode})


ConstantPad1d, ConstantPad2d, ConstantPad3d = (_layer(_ConstantPadNd, f"ConstantPad{n}d", n, "Elements of one value") for n in (1, 2, 3))
ZeroPad1d, ZeroPad2d, ZeroPad3d = (_layer(_ZeroPadNd, f"ZeroPad{n}d", n, "Zeros") for n in (1, 2, 3))
ReflectionPad1d, ReflectionPad2d, ReflectionPad3d = (_layer(_PadNd, f"ReflectionPad{n}d", n, "Mirror images", "reflect") for n in (1, 2, 3))
ReplicationPad1d, ReplicationPad2d, ReplicationPad3d = (
    _layer(_PadNd, f"ReplicationPad{n}d", n, "Copies of the edges", "replicate") for n in (1, 2, 3)
)
CircularPad1d, CircularPad2d, CircularPad3d = (
    _layer(_PadNd, f"CircularPad{n}d", n, "The other end's elements", "circular") for n in (1, 2, 3)
)
