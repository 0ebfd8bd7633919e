"""`torch.distributed.algorithms.ddp_comm_hooks.powerSGD_hook`, gradients of low rank: the names are there; using them is refused."""

from .... import distributed as _distributed
from ....core.refused import refused

globals().update(refused(__name__, _distributed._WHY, classes="PowerSGDState"))
globals().update(refused(__name__, _distributed._WHY, functions="powerSGD_hook batched_powerSGD_hook"))
