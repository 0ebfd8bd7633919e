"""`torch.distributed.fsdp._runtime_utils`, steps of sharded training: the names are there; using them is refused."""

from ... import distributed as _distributed
from ...core.refused import refused

globals().update(refused(__name__, _distributed._WHY, functions="_root_pre_forward _lazy_init"))
