"""`torch.distributed.optim`, optimizers of divided parameters: the names are there; using them is refused."""

from .. import distributed as _distributed
from ..core.refused import refused

globals().update(refused(__name__, _distributed._WHY, classes="ZeroRedundancyOptimizer DistributedOptimizer PostLocalSGDOptimizer"))
globals().update(refused(__name__, _distributed._WHY, functions="_apply_optimizer_in_backward"))
