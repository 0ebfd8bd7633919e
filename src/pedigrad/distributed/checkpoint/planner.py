"""`torch.distributed.checkpoint.planner`: names of `torch.distributed.checkpoint`."""

from .. import checkpoint as _place

globals().update(
    {
        _name: getattr(_place, _name)
        for _name in (
            "LoadPlanner",
            "SavePlanner",
        )
    }
)
