"""`torch.distributed.checkpoint.state_dict_loader`, reading: the names are there; using them is refused."""

from ... import distributed as _distributed
from ...core.refused import refused

globals().update(refused(__name__, _distributed._WHY, functions="load load_state_dict _load_state_dict _load_state_dict_from_keys"))
