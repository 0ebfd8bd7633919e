"""`torch.special`: special functions."""

from .core import absent
from .core.declare import PLACES

globals().update(PLACES["special"])

__all__ = sorted(PLACES["special"])

globals().update(absent.handlers(__name__))
