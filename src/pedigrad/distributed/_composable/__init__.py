"""`torch.distributed._composable`, parts of distributed training: the names are there; using them is refused."""

from ... import distributed as _distributed
from ...core.refused import lazily, refused

globals().update(refused(__name__, _distributed._WHY, functions="checkpoint fully_shard replicate"))

__getattr__ = lazily(__name__, __path__)
