"""`torch.distributed.fsdp.api`: names of `torch.distributed.fsdp`."""

from .. import fsdp as _place

globals().update(
    {
        _name: getattr(_place, _name)
        for _name in (
            "BackwardPrefetch",
            "CPUOffload",
            "FullOptimStateDictConfig",
            "FullStateDictConfig",
            "LocalOptimStateDictConfig",
            "LocalStateDictConfig",
            "MixedPrecision",
            "OptimStateDictConfig",
            "ShardedOptimStateDictConfig",
            "ShardedStateDictConfig",
            "ShardingStrategy",
            "StateDictConfig",
            "StateDictSettings",
            "StateDictType",
        )
    }
)
