"""`torch.fft`: Fourier transforms."""

from .core.declare import PLACES

globals().update(PLACES["fft"])

__all__ = sorted(PLACES["fft"])
