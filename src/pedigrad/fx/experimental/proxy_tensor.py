"""`torch.fx.experimental.proxy_tensor`: the names are there; using them is refused."""

from typing import Any

from ...core.refused import refused

_WHY = "operations of one call are not drawn; torch.fx.symbolic_trace() draws the graph of a module"

globals().update(refused(__name__, _WHY, functions="make_fx", classes="ProxyTorchDispatchMode"))


def get_proxy_mode() -> Any:
    """None: no graph is being drawn."""
    return None
