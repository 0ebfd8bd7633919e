"""`torch.distributed.checkpoint.state_dict_saver`, writing: the names are there; using them is refused."""

from ... import distributed as _distributed
from ...core.refused import refused

globals().update(refused(__name__, _distributed._WHY, functions="save async_save save_state_dict"))
