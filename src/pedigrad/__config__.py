"""`torch.__config__`: what it was built with."""

import importlib.metadata
import platform

from . import version
from .eager.threads import get_num_threads


def show() -> str:
    """The versions of pedigrad and of what it computes with, a line each."""
    names = ("numpy", "scipy", "llvmlite", "ml_dtypes")
    found = {name: each.version for name in names for each in importlib.metadata.distributions(name=name)}
    lines = [f"{name} {found[name]}" if name in found else f"no {name}" for name in names]
    return "\n  - ".join([f"pedigrad {version.own_version} (PyTorch {version.__version__}), built with:", *lines, platform.platform(), ""])


def parallel_info() -> str:
    """How many threads there are."""
    return f"native code: {get_num_threads()} threads\n"


def _cxx_flags() -> str:
    """'': nothing was compiled by a C++ compiler."""
    return ""
