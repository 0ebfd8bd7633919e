"""`torch._higher_order_ops`: control flow as operations; programs are recorded as they run, so Python's own is used."""

from ..core.refused import refused

_WHY = "write the loop or branch in Python: torch.compile() records what runs"

globals().update(refused(__name__, _WHY, functions="associative_scan cond flex_attention scan while_loop map"))
