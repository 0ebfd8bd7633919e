"""`torch.distributed.algorithms.ddp_comm_hooks.default_hooks`, how gradients would be sent: the names are there; using them is refused."""

from .... import distributed as _distributed
from ....core.refused import refused

globals().update(
    refused(
        __name__,
        _distributed._WHY,
        functions="allreduce_hook fp16_compress_hook bf16_compress_hook fp16_compress_wrapper bf16_compress_wrapper",
    )
)
