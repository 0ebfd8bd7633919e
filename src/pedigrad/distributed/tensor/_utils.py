"""`torch.distributed.tensor._utils`: the names are there; using them is refused."""

from ... import distributed as _distributed
from ...core.refused import refused

globals().update(refused(__name__, _distributed._WHY, functions="compute_local_shape_and_global_offset compute_global_tensor_info"))
