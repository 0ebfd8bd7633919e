"""`torch.distributed.fsdp.sharded_grad_scaler`, scaling of sharded gradients: the names are there; using them is refused."""

from ... import distributed as _distributed
from ...core.refused import refused

globals().update(refused(__name__, _distributed._WHY, classes="ShardedGradScaler"))
