"""`torch.distributed.fsdp.fully_sharded_data_parallel`: names of `torch.distributed.fsdp`."""

from .. import fsdp as _place

globals().update(
    {
        _name: getattr(_place, _name)
        for _name in (
            "BackwardPrefetch",
            "CPUOffload",
            "FullOptimStateDictConfig",
            "FullStateDictConfig",
            "FullyShardedDataParallel",
            "LocalOptimStateDictConfig",
            "LocalStateDictConfig",
            "MixedPrecision",
            "OptimStateDictConfig",
            "OptimStateKeyType",
            "ShardedOptimStateDictConfig",
            "ShardedStateDictConfig",
            "ShardingStrategy",
            "StateDictConfig",
            "StateDictSettings",
            "StateDictType",
        )
    }
)
