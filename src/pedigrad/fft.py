"""`torch.fft`: Fourier transforms."""

from .core.op import PLACES

globals().update(PLACES["fft"])

__all__ = sorted(PLACES["fft"])
