"""`torch.distributed.nn.functional`: names of `torch.distributed.nn`."""

from .. import nn as _place

globals().update(
    {
        _name: getattr(_place, _name)
        for _name in (
            "all_gather",
            "all_reduce",
            "all_to_all",
            "all_to_all_single",
            "broadcast",
            "gather",
            "reduce",
            "reduce_scatter",
            "scatter",
        )
    }
)
