"""`torch.backends.cusparselt`: NVIDIA's library of half sparse products, which is not here."""


def is_available() -> bool:
    """False."""
    return False
