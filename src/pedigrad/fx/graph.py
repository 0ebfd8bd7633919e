"""`torch.fx.graph`: the names are there; using them is refused."""

from .. import fx as _fx
from ..core.refused import refused

Graph = vars(_fx)["Graph"]
CodeGen = vars(_fx)["CodeGen"]

globals().update(refused(__name__, _fx._WHY, classes="PythonCode"))
