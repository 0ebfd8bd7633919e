"""`torch.fx.proxy`: the names are there; using them is refused."""

from .. import fx as _fx
from ..core.refused import refused

Proxy = vars(_fx)["Proxy"]

globals().update(refused(__name__, _fx._WHY, classes="GraphAppendingTracer TracerBase ParameterProxy"))


class TraceError(ValueError):
    """A graph could not be drawn."""
