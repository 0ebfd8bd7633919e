"""`torch.distributed.rpc.api`: the names are there; using them is refused."""

from ... import distributed as _distributed
from ...core.refused import refused

globals().update(refused(__name__, _distributed._WHY, functions="_all_gather _require_initialized _wait_all"))
