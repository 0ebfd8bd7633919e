"""`torch._functorch.config`: settings of PyTorch's transformations; they are kept, and change nothing."""

from ..core.settings import settings

settings(__name__)

enable_autograd_cache = donated_buffer = False
activation_memory_budget = 1.0
