"""Automatic differentiation: the backward pass and what is around it."""

from ..core import absent
from ..core.graph import Node
from ..core.modes import detect_anomaly, enable_grad, grad_enabled, inference_mode, no_grad, set_detect_anomaly, set_grad_enabled
from . import anomaly_mode, forward_ad, function, functional, grad_mode, graph, profiler, variable
from .backward import backward, grad
from .function import Function
from .gradcheck import gradcheck, gradgradcheck
from .reasons import why
from .variable import Variable

__all__ = [
    "Function", "Node", "Variable", "anomaly_mode", "backward", "detect_anomaly", "enable_grad", "forward_ad", "function", "functional",
    "grad", "grad_enabled", "grad_mode", "gradcheck", "gradgradcheck", "graph", "inference_mode", "no_grad", "profiler",
    "set_detect_anomaly", "set_grad_enabled", "variable", "why",
]  # fmt: skip

globals().update(absent.handlers(__name__))
