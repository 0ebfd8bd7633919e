"""`torch.distributed.run`: the names are there; using them is refused."""

from .. import distributed as _distributed
from ..core.refused import refused

globals().update(refused(__name__, _distributed._WHY, functions="main run get_args_parser config_from_args elastic_launch"))
