"""`torch.backends.openmp`: native code has threads of its own, not OpenMP's."""


def is_available() -> bool:
    """False."""
    return False
