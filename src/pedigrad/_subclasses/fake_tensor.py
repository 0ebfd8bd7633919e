"""`torch._subclasses.fake_tensor`: there are no such tensors; the device 'meta' has those without memory."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..core.refused import refused_class

_WHY = "there are no fake tensors: make tensors without memory on the device 'meta'"

FakeTensor = refused_class(__name__, "FakeTensor", f"torch._subclasses.fake_tensor.FakeTensor: {_WHY}")
FakeTensorMode = refused_class(__name__, "FakeTensorMode", f"torch._subclasses.fake_tensor.FakeTensorMode: {_WHY}")


def is_fake(x: Any) -> bool:
    """False."""
    return False


@contextmanager
def unset_fake_temporarily() -> Iterator[None]:
    """A context that changes nothing."""
    yield
