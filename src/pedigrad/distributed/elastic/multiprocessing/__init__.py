"""`torch.distributed.elastic.multiprocessing`, starting processes: the names are there; using them is refused."""

from .... import distributed as _distributed
from ....core.refused import lazily, refused

globals().update(refused(__name__, _distributed._WHY, classes="Std"))
globals().update(refused(__name__, _distributed._WHY, functions="start_processes"))

__getattr__ = lazily(__name__, __path__)
