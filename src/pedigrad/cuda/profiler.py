"""`torch.cuda.profiler`: NVIDIA's profiler, which has nothing to see here."""

from ..core.accelerators import why
from ..core.refused import refused

globals().update(refused(__name__, why(__name__), functions="init start stop profile", error=AssertionError))
