"""`torch.linalg`: linear algebra."""

from .core import absent
from .core.declare import PLACES

globals().update(PLACES["linalg"])

__all__ = sorted(PLACES["linalg"])

globals().update(absent.handlers(__name__))
