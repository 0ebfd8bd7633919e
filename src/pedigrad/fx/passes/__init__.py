"""`torch.fx.passes`: what goes over graphs and notes something of each node."""

from ...core.refused import lazily

__getattr__ = lazily(__name__, __path__)
