"""`torch.ao.nn.quantized`: of quantized modules those are there whose activations are floats, in `dynamic`."""

from ....core.refused import lazily

__getattr__ = lazily(__name__, __path__)
