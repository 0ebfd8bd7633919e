"""`torch.distributed.checkpoint._traverse`, walking states: the names are there; using them is refused."""

from ... import distributed as _distributed
from ...core.refused import refused

globals().update(refused(__name__, _distributed._WHY, functions="set_element traverse_state_dict get_element"))
