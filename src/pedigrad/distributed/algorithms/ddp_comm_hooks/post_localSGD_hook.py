"""`torch.distributed.algorithms.ddp_comm_hooks.post_localSGD_hook`, local steps: the names are there; using them is refused."""

from .... import distributed as _distributed
from ....core.refused import refused

globals().update(refused(__name__, _distributed._WHY, classes="PostLocalSGDState"))
globals().update(refused(__name__, _distributed._WHY, functions="post_localSGD_hook"))
