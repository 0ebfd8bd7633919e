"""`torch.utils._triton`: a compiler for GPUs, which is not used."""


def has_triton() -> bool:
    """False."""
    return False


has_triton_package = has_triton_tma = has_triton_tma_device = has_triton
