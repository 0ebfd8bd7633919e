"""`torch.fx.experimental.proxy_tensor`: the names are there; using them is refused."""

from typing import Any

from ... import fx as _fx
from ...core.refused import refused

globals().update(refused(__name__, _fx._WHY, functions="make_fx", classes="ProxyTorchDispatchMode"))


def get_proxy_mode() -> Any:
    """None: no graph is being drawn."""
    return None
