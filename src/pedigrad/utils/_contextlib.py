"""`torch.utils._contextlib`: a base for context managers that are decorators too."""

from ..autograd.grad_mode import _DecoratorContextManager as _DecoratorContextManager
from ..autograd.grad_mode import _NoParamDecoratorContextManager as _NoParamDecoratorContextManager
