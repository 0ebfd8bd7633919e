"""`torch.backends.mkldnn`: Intel's oneDNN, which is not here; its switches are kept, and change nothing."""

from ..core.switches import switches
from .mkl import verbose as verbose

VERBOSE_OFF, VERBOSE_ON, VERBOSE_ON_CREATION = 0, 1, 2
enabled = True
deterministic = False
allow_tf32 = True
fp32_precision = "none"

set_flags, flags = switches(__name__, "enabled deterministic allow_tf32 fp32_precision")


def is_available() -> bool:
    """False."""
    return False


def is_acl_available() -> bool:
    """False."""
    return False
