"""`torch.distributed._functional_collectives`, messages as functions: the names are there; using them is refused."""

from .. import distributed as _distributed
from ..core.refused import refused

globals().update(refused(__name__, _distributed._WHY, classes="AsyncCollectiveTensor"))
globals().update(
    refused(
        __name__,
        _distributed._WHY,
        functions="all_reduce all_gather_tensor all_gather_tensor_autograd all_to_all_single all_to_all_single_autograd broadcast"
        " permute_tensor reduce_scatter_tensor reduce_scatter_tensor_autograd wait_tensor",
    )
)
