"""`torch.fx.node`: the names are there; using them is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import fx as _fx
from ..core.refused import refused

Node = vars(_fx)["Node"]
map_arg = vars(_fx)["map_arg"]
Argument = Any
Target = Callable[..., Any] | str

globals().update(refused(__name__, _fx._WHY, functions="map_aggregate"))
