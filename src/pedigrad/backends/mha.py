"""`torch.backends.mha`: whether attention layers may take their fast way; there is one way here."""

_fastpath = True


def get_fastpath_enabled() -> bool:
    """What `set_fastpath_enabled` set."""
    return _fastpath


def set_fastpath_enabled(value: bool) -> None:
    """Nothing but that `get_fastpath_enabled` says so."""
    global _fastpath
    _fastpath = bool(value)
