"""`torch.special`: special functions."""

from .core.op import PLACES

globals().update(PLACES["special"])

__all__ = sorted(PLACES["special"])
