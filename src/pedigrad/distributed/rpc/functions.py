"""`torch.distributed.rpc.functions`, calls of functions in other processes: the names are there; using them is refused."""

from ... import distributed as _distributed
from ...core.refused import refused

globals().update(refused(__name__, _distributed._WHY, functions="async_execution"))
