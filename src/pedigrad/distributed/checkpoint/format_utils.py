"""`torch.distributed.checkpoint.format_utils`, from one format to the other: the names are there; using them is refused."""

from ... import distributed as _distributed
from ...core.refused import refused

globals().update(
    refused(
        __name__,
        _distributed._WHY,
        classes="_EmptyStateDictLoadPlanner BroadcastingTorchSaveReader DynamicMetaLoadPlanner",
    )
)
globals().update(refused(__name__, _distributed._WHY, functions="dcp_to_torch_save torch_save_to_dcp _load_state_dict"))
