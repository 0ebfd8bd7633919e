"""`torch.fx._symbolic_trace`: the names are there; using them is refused."""

from .. import fx as _fx
from ..core.refused import refused

Tracer = vars(_fx)["Tracer"]
symbolic_trace = vars(_fx)["symbolic_trace"]
wrap = vars(_fx)["wrap"]

globals().update(refused(__name__, _fx._WHY, classes="ProxyableClassMeta"))


def is_fx_tracing() -> bool:
    """False."""
    return False
