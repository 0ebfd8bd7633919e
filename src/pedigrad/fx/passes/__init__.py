"""`torch.fx.passes`: the names are there; using them is refused."""

from ...core.refused import lazily

__getattr__ = lazily(__name__, __path__)
