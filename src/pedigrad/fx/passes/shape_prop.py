"""`torch.fx.passes.shape_prop`: the names are there; using them is refused."""

from ... import fx as _fx
from ...core.refused import refused

globals().update(refused(__name__, _fx._WHY, classes="ShapeProp TensorMetadata"))
