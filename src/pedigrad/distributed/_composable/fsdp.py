"""`torch.distributed._composable.fsdp`: names of `torch.distributed.fsdp`."""

from .. import fsdp as _place

globals().update(
    {
        _name: getattr(_place, _name)
        for _name in (
            "CPUOffloadPolicy",
            "FSDPModule",
            "MixedPrecisionPolicy",
            "OffloadPolicy",
            "fully_shard",
            "register_fsdp_forward_method",
        )
    }
)
