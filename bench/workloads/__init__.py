"""Workloads written against PyTorch's API alone; each takes the library as its argument `torch`.

A workload is a function that builds its model, data and optimizer and returns `step`; `step()` runs one whole training
step, or an inference, and returns its loss or a number that stands for its result, a tensor of one element. Weights and
data come from NumPy with fixed seeds, so what two libraries compute can be compared. A family is a file.
"""

# ruff: noqa: F401 (the families enter themselves)
from . import convolutional, derivatives, generative, inference, perceptrons, recommendation, recurrent, reinforcement, small, transformers
from .parts import initial_weights, integers, normal
from .registry import WORKLOADS, Workload, build, workload

__all__ = ["WORKLOADS", "Workload", "build", "initial_weights", "integers", "normal", "workload"]
