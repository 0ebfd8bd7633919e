"""`torch.distributed.checkpoint.optimizer`, states of optimizers: the names are there; using them is refused."""

from ... import distributed as _distributed
from ...core.refused import refused

globals().update(refused(__name__, _distributed._WHY, functions="load_sharded_optimizer_state_dict"))
