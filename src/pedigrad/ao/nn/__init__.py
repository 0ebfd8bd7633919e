"""`torch.ao.nn`: modules that compute with quantized weights."""

from ...core.refused import lazily

__getattr__ = lazily(__name__, __path__)
