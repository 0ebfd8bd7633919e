"""`torch.cuda.nccl`: messages between GPUs, of which there are none."""

from ..core.accelerators import why
from ..core.refused import refused

globals().update(
    refused(
        __name__,
        why(__name__),
        functions="version unique_id init_rank all_reduce reduce broadcast all_gather reduce_scatter",
        error=AssertionError,
    )
)


def is_available(tensors: object) -> bool:
    """False."""
    return False
