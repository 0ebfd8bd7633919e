"""`torch.distributed.autograd`, gradients through other processes: the names are there; using them is refused."""

from .. import distributed as _distributed
from ..core.refused import refused

globals().update(refused(__name__, _distributed._WHY, classes="context"))
globals().update(refused(__name__, _distributed._WHY, functions="backward get_gradients"))
