"""`torch.distributed._tensor`: names of `torch.distributed.tensor`."""

from ...core.refused import lazily
from .. import tensor as _place

globals().update(
    {
        _name: getattr(_place, _name)
        for _name in (
            "DTensor",
            "Partial",
            "Placement",
            "Replicate",
            "Shard",
            "distribute_module",
            "distribute_tensor",
            "init_device_mesh",
        )
    }
)

__getattr__ = lazily(__name__, __path__)
