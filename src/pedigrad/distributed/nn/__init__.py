"""`torch.distributed.nn`, messages that gradients pass through: the names are there; using them is refused."""

from ... import distributed as _distributed
from ...core.refused import lazily, refused

globals().update(refused(__name__, _distributed._WHY, classes="RemoteModule"))
globals().update(
    refused(
        __name__,
        _distributed._WHY,
        functions="all_gather all_reduce all_to_all all_to_all_single broadcast gather reduce reduce_scatter scatter",
    )
)

__getattr__ = lazily(__name__, __path__)
