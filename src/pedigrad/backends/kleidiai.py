"""`torch.backends.kleidiai`: Arm's library of small kernels, which is not here."""


def is_available() -> bool:
    """False."""
    return False
