"""`torch.ao`: quantization, of which only the places in a model are there."""

from ..core.refused import lazily

__getattr__ = lazily(__name__, __path__)
