"""`torch.utils.cpp_extension`: nothing is built against PyTorch's C++ half, which is not here."""

from __future__ import annotations

from typing import Any

from ..core.refused import refused

_WHY = "extensions in C++ or CUDA need PyTorch's C++ half, which pedigrad has not: write the operation in NumPy (see the README)"

CUDA_HOME: Any = None
ROCM_HOME: Any = None
CUDNN_HOME: Any = None
IS_HIP_EXTENSION = False

globals().update(refused(__name__, _WHY, classes="BuildExtension", functions="CppExtension CUDAExtension SyclExtension load load_inline"))
globals().update(refused(__name__, _WHY, functions="include_paths library_paths get_cxx_compiler verify_ninja_availability"))


def is_ninja_available() -> bool:
    """False: nothing is built."""
    return False


def check_compiler_ok_for_platform(compiler: str) -> bool:
    """False: nothing is built."""
    return False
