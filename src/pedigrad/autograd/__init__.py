"""Automatic differentiation: the backward pass and what is around it."""

from ..modes import enable_grad, grad_enabled, inference_mode, no_grad, set_grad_enabled
from .backward import backward, grad

__all__ = ["backward", "enable_grad", "grad", "grad_enabled", "inference_mode", "no_grad", "set_grad_enabled"]
