"""`torch.ao`: quantization of modules; pruning and comparing of numbers are not there."""

from ..core.refused import lazily

__getattr__ = lazily(__name__, __path__)
