"""`torch.distributed.fsdp`, sharded training: the names are there; using them is refused."""

import enum

from ... import distributed as _distributed
from ...core.refused import lazily, refused

globals().update(
    refused(
        __name__,
        _distributed._WHY,
        classes="FullyShardedDataParallel FSDPModule MixedPrecision MixedPrecisionPolicy CPUOffload CPUOffloadPolicy OffloadPolicy"
        " FullStateDictConfig LocalStateDictConfig ShardedStateDictConfig FullOptimStateDictConfig LocalOptimStateDictConfig"
        " ShardedOptimStateDictConfig OptimStateDictConfig StateDictConfig StateDictSettings FlatParameter UnshardHandle",
    )
)
globals().update(refused(__name__, _distributed._WHY, functions="fully_shard register_fsdp_forward_method"))


class ShardingStrategy(enum.Enum):
    """What of a model would be divided."""

    FULL_SHARD = enum.auto()
    SHARD_GRAD_OP = enum.auto()
    NO_SHARD = enum.auto()
    HYBRID_SHARD = enum.auto()
    _HYBRID_SHARD_ZERO2 = enum.auto()


class BackwardPrefetch(enum.Enum):
    """When the next parameters would be gathered."""

    BACKWARD_PRE = enum.auto()
    BACKWARD_POST = enum.auto()


class StateDictType(enum.Enum):
    """How a model would be kept."""

    FULL_STATE_DICT = enum.auto()
    LOCAL_STATE_DICT = enum.auto()
    SHARDED_STATE_DICT = enum.auto()


class OptimStateKeyType(enum.Enum):
    """How the state of an optimizer would name parameters."""

    PARAM_NAME = enum.auto()
    PARAM_ID = enum.auto()


__getattr__ = lazily(__name__, __path__)
