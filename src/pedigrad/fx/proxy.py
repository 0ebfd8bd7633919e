"""`torch.fx.proxy`: the names are there; using them is refused."""

from .. import fx as _fx
from ..core.absent import absent

Proxy = vars(_fx)["Proxy"]

globals().update(absent(__name__, _fx._WHY, classes="GraphAppendingTracer TracerBase ParameterProxy"))


class TraceError(ValueError):
    """A graph could not be drawn."""
