"""`torch.distributed.algorithms.ddp_comm_hooks`, how gradients would be sent: the names are there; using them is refused."""

from .... import distributed as _distributed
from ....core.refused import lazily, refused

globals().update(refused(__name__, _distributed._WHY, functions="register_ddp_comm_hook"))

__getattr__ = lazily(__name__, __path__)
