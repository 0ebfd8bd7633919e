"""`torch.backends.opt_einsum`: the order of the products in `einsum` is found without that library."""

from typing import Any

from ..core.switches import switches

enabled = False
strategy: Any = None

set_flags, flags = switches(__name__, "enabled strategy")


def is_available() -> bool:
    """False."""
    return False


def get_opt_einsum() -> Any:
    """None: the library is not used."""
    return None
