"""`torch._C`: names of PyTorch's C++ half that programs read. There is no such half."""

from __future__ import annotations

import contextlib
from enum import Enum
from typing import Any

from ..core.device import device
from ..core.dtypes import dtype as dtype
from ..core.failures import AcceleratorError as AcceleratorError
from ..core.failures import OutOfMemoryError as OutOfMemoryError
from ..core.modes import set_grad_enabled
from ..core.override import DisableTorchFunction as DisableTorchFunction
from ..core.override import DisableTorchFunctionSubclass as DisableTorchFunctionSubclass
from ..core.override import disabled, no_dispatch
from ..core.refused import lazily, refused
from ..core.shapes import Size as Size
from ..core.tensor import Tensor
from ..futures import Future as Future
from ..ops.linalg.factor import LinAlgError
from ..rng.generator import Generator as Generator
from ..rng.generator import default_generator as default_generator

_WHY = "there is no C++ half"
_disabled_torch_function_impl, _disabled_torch_dispatch_impl = disabled, no_dispatch
_LinAlgError = LinAlgError
_TensorMeta = type(Tensor)
TensorBase = _TensorBase = Tensor
_GLIBCXX_USE_CXX11_ABI = True
has_openmp = has_mkl = has_lapack = has_mps = has_cuda = has_xpu = _has_cuda = _has_mps = False

globals().update(
    refused(
        __name__,
        _WHY,
        classes="_CudaDeviceProperties PyTorchFileWriter PyTorchFileReader ScriptModule ScriptFunction Graph Node Value Type",
    )
)


class DispatchKey(Enum):
    """Kinds of kernels that PyTorch's dispatcher tells apart; here there is one dispatch for all."""

    CPU, CUDA, XPU, MPS, Meta, Autograd, AutogradCPU, AutogradCUDA, AutocastCPU, AutocastCUDA, AutocastXPU, AutocastMPS = range(12)
    CompositeImplicitAutograd, CompositeExplicitAutograd, Python, PythonTLSSnapshot, Functionalize, FuncTorchBatched = range(12, 18)
    FuncTorchVmapMode, ADInplaceOrView, BackendSelect, SparseCPU, SparseCsrCPU, QuantizedCPU, PrivateUse1 = range(18, 25)


class DispatchKeySet:
    """A set of such kinds."""

    def __init__(self, *keys: DispatchKey):
        self.keys = frozenset(keys)

    def has(self, key: DispatchKey) -> bool:
        """Whether a kind is in it."""
        return key in self.keys

    def __or__(self, other: DispatchKeySet) -> DispatchKeySet:
        return DispatchKeySet(*self.keys | other.keys)

    def __and__(self, other: DispatchKeySet) -> DispatchKeySet:
        return DispatchKeySet(*self.keys & other.keys)

    def __sub__(self, other: DispatchKeySet) -> DispatchKeySet:
        return DispatchKeySet(*self.keys - other.keys)


class _ExcludeDispatchKeyGuard(contextlib.nullcontext[None]):
    """A `with` block in which kinds of kernels are left out: those of autocast, of which there are none apart."""

    def __init__(self, keys: DispatchKeySet):
        super().__init__()


def _get_accelerator(check: Any = None) -> device:
    """The CPU: there is no accelerator."""
    return device("cpu")


def _get_default_device() -> str:
    """'cpu'."""
    return "cpu"


def _get_tracing_state() -> Any:
    """None: nothing is being traced."""
    return None


def _get_privateuse1_backend_name() -> str:
    """The name that PyTorch gives to a kind of device that nobody has named."""
    return "privateuseone"


def _log_api_usage_once(event: str) -> None:
    """Nothing: no usage is counted."""


def _are_functorch_transforms_active() -> bool:
    """False."""
    return False


def _cuda_isInBadFork() -> bool:
    """False: nothing was begun that a fork could break."""
    return False


def _set_grad_enabled(enabled: bool) -> None:
    """Switch the recording of what is computed on or off."""
    set_grad_enabled(enabled)


def _nothing(*args: Any, **kwargs: Any) -> None:
    """Nothing: there is no such compiler."""


def _false(*args: Any, **kwargs: Any) -> bool:
    """False: there is no such compiler."""
    return False


_jit_set_profiling_executor = _jit_set_profiling_mode = _jit_set_texpr_fuser_enabled = _jit_set_nvfuser_enabled = _false
_jit_can_fuse_on_cpu = _jit_can_fuse_on_gpu = _jit_set_nvfuser_guard_mode = _get_graph_executor_optimize = _false
_jit_override_can_fuse_on_cpu = _jit_override_can_fuse_on_gpu = _set_graph_executor_optimize = _nothing
_set_math_sdp_allow_fp16_bf16_reduction = _nothing


__getattr__ = lazily(__name__, __path__)
