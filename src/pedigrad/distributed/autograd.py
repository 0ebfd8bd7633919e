"""`torch.distributed.autograd`, gradients through other processes: the names are there; using them is refused."""

from .. import distributed as _distributed
from ..core.absent import absent

globals().update(absent(__name__, _distributed._WHY, classes="context"))
globals().update(absent(__name__, _distributed._WHY, functions="backward get_gradients"))
