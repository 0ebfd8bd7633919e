"""`torch.distributed.checkpoint.stateful`, what has a state: the names are there; using them is refused."""

from ... import distributed as _distributed
from ...core.refused import refused

globals().update(refused(__name__, _distributed._WHY, classes="Stateful"))
