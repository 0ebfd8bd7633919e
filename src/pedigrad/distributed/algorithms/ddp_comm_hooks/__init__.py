"""`torch.distributed.algorithms.ddp_comm_hooks`, how gradients would be sent: the names are there; using them is refused."""

from .... import distributed as _distributed
from ....core.absent import absent, lazily

globals().update(absent(__name__, _distributed._WHY, functions="register_ddp_comm_hook"))

__getattr__ = lazily(__name__, __path__)
