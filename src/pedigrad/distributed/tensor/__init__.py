"""`torch.distributed.tensor`, tensors that are divided among processes: the names are there; using them is refused."""

from ... import distributed as _distributed
from ...core.refused import lazily, refused

globals().update(refused(__name__, _distributed._WHY, classes="DTensor Placement Shard Replicate Partial"))
globals().update(
    refused(
        __name__,
        _distributed._WHY,
        functions="distribute_tensor distribute_module init_device_mesh empty full ones rand randn zeros",
    )
)

__getattr__ = lazily(__name__, __path__)
