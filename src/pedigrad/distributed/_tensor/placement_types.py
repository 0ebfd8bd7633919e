"""`torch.distributed._tensor.placement_types`: names of `torch.distributed.tensor.placement_types`."""

from ..tensor import placement_types as _place

globals().update(
    {
        _name: getattr(_place, _name)
        for _name in (
            "Partial",
            "Placement",
            "Replicate",
            "Shard",
        )
    }
)
