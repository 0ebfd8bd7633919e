"""`torch.backends.mkl`: Intel's library, which pedigrad does not use (NumPy may)."""

from __future__ import annotations

VERBOSE_OFF, VERBOSE_ON = 0, 1


class verbose:
    """A context in which the library would print what it does."""

    def __init__(self, enable: int):
        self.enable = enable

    def __enter__(self) -> verbose:
        return self

    def __exit__(self, *exc: object) -> None:
        pass


def is_available() -> bool:
    """False."""
    return False
