"""`torch.fx.graph_module`: the names are there; using them is refused."""

from .. import fx as _fx

GraphModule = vars(_fx)["GraphModule"]
