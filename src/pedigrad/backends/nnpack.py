"""`torch.backends.nnpack`: a library that is not here; its switch is kept, and changes nothing."""

from ..core.switches import switches

enabled = True

set_flags, flags = switches(__name__, "enabled")


def is_available() -> bool:
    """False."""
    return False
