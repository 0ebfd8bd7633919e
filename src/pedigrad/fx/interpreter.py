"""`torch.fx.interpreter`: the names are there; using them is refused."""

from .. import fx as _fx

Interpreter = vars(_fx)["Interpreter"]
Transformer = vars(_fx)["Transformer"]
