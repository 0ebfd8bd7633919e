"""`torch.backends.mps`: Apple's library, which is not here."""


def is_available() -> bool:
    """False."""
    return False


def is_built() -> bool:
    """False."""
    return False


def is_macos_or_newer(major: int, minor: int) -> bool:
    """False: whatever the system is, there is no such backend."""
    return False


def is_macos13_or_newer(minor: int = 0) -> bool:
    """False."""
    return False
