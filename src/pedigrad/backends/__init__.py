"""`torch.backends`: switches of libraries that are not here; they are kept, and change nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..core.refused import lazily

fp32_precision = "none"


def flags_frozen() -> bool:
    """False: any switch may be set."""
    return False


def disable_global_flags() -> None:
    """Nothing: switches stay as free as they were."""


@contextmanager
def __allow_nonbracketed_mutation() -> Iterator[None]:
    yield


__getattr__ = lazily(__name__, __path__)
