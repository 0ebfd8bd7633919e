"""`torch.linalg`: linear algebra."""

from .core import absent
from .core.op import PLACES

globals().update(PLACES["linalg"])

__all__ = sorted(PLACES["linalg"])

globals().update(absent.handlers(__name__))
