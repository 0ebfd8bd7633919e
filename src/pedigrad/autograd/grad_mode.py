"""`torch.autograd.grad_mode`: whether what is computed is recorded."""

from ..core.modes import enable_grad, inference_mode, no_grad, set_grad_enabled
from ..utils._contextlib import _DecoratorContextManager as _DecoratorContextManager

__all__ = ["enable_grad", "inference_mode", "no_grad", "set_grad_enabled"]
