"""`torch.distributed.tensor.experimental`, trials: the names are there; using them is refused."""

from .... import distributed as _distributed
from ....core.refused import lazily, refused

globals().update(refused(__name__, _distributed._WHY, functions="context_parallel implicit_replication local_map register_sharding"))

__getattr__ = lazily(__name__, __path__)
