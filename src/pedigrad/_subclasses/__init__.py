"""`torch._subclasses`: the names that libraries ask tensors by."""

from ..core.refused import lazily
from .fake_tensor import FakeTensor as FakeTensor
from .fake_tensor import FakeTensorMode as FakeTensorMode

__getattr__ = lazily(__name__, __path__)
