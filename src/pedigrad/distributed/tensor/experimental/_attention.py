"""`torch.distributed.tensor.experimental._attention`: the names are there; using them is refused."""

from .... import distributed as _distributed
from ....core.refused import refused

globals().update(refused(__name__, _distributed._WHY, functions="context_parallel context_parallel_unshard set_rotate_method"))
