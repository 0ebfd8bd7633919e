"""The modules of `torch.ao.nn.qat`, under the names that PyTorch files them by."""

from .conv import Conv2d
from .linear import Linear

__all__ = ["Conv2d", "Linear"]
