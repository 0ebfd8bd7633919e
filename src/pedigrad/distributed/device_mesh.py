"""`torch.distributed.device_mesh`, how processes would be arranged: the names are there; using them is refused."""

from .. import distributed as _distributed
from ..core.refused import refused

globals().update(refused(__name__, _distributed._WHY, classes="DeviceMesh"))
globals().update(refused(__name__, _distributed._WHY, functions="init_device_mesh"))
