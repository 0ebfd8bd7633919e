"""`torch.distributed.launcher.api`, starting processes: the names are there; using them is refused."""

from ... import distributed as _distributed
from ...core.refused import refused

globals().update(refused(__name__, _distributed._WHY, classes="LaunchConfig elastic_launch"))
globals().update(refused(__name__, _distributed._WHY, functions="launch_agent"))
