"""`torch.distributed.pipelining`, models that are divided by layers: the names are there; using them is refused."""

from .. import distributed as _distributed
from ..core.refused import refused

globals().update(
    refused(
        __name__,
        _distributed._WHY,
        classes="Pipe PipelineStage ScheduleGPipe Schedule1F1B ScheduleInterleaved1F1B SplitPoint",
    )
)
globals().update(refused(__name__, _distributed._WHY, functions="pipeline pipe_split"))
