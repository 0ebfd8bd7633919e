"""`torch.distributed.tensor.placement_types`, how a tensor would be divided: the names are there; using them is refused."""

from ... import distributed as _distributed
from ...core.refused import refused

globals().update(refused(__name__, _distributed._WHY, classes="Placement Shard Replicate Partial _StridedShard"))
