"""`torch._functorch`: settings of PyTorch's transformations."""

from ..core.refused import lazily

__getattr__ = lazily(__name__, __path__)
