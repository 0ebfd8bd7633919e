"""`torch._C._functorch`: whether tensors are wrapped by transformations of functions."""

from typing import Any


def is_batchedtensor(tensor: Any) -> bool:
    """False."""
    return False


is_legacy_batchedtensor = is_gradtrackingtensor = is_functorch_wrapped_tensor = is_functionaltensor = is_batchedtensor


def maybe_get_level(tensor: Any) -> int:
    """-1: no transformation."""
    return -1
