"""`torch.distributed.tensor.parallel`, models that are divided by their tensors: the names are there; using them is refused."""

from ... import distributed as _distributed
from ...core.refused import refused

globals().update(
    refused(
        __name__,
        _distributed._WHY,
        classes="ColwiseParallel RowwiseParallel SequenceParallel ParallelStyle PrepareModuleInput PrepareModuleOutput"
        " PrepareModuleInputOutput",
    )
)
globals().update(refused(__name__, _distributed._WHY, functions="parallelize_module loss_parallel"))
