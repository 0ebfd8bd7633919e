"""`torch.distributed.utils`: the names are there; using them is refused."""

from .. import distributed as _distributed
from ..core.refused import refused

globals().update(refused(__name__, _distributed._WHY, functions="_sync_module_states _verify_param_shape_across_processes"))
