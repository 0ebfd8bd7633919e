"""`torch.linalg`: linear algebra."""

from .core.op import PLACES

globals().update(PLACES["linalg"])

__all__ = sorted(PLACES["linalg"])
