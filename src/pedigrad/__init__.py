"""pedigrad: tensors that remember where they come from, with PyTorch's API.

>>> import pedigrad as torch
>>> x = torch.tensor([1.0, 2.0], requires_grad=True)
>>> (x * x).sum().backward()
>>> x.grad
tensor([2., 4.])
"""

import math as _math
import sys as _sys
import warnings as _warnings
from importlib import import_module as _import_module
from pkgutil import iter_modules as _iter_modules
from typing import Any as _Any

from . import autograd, random, return_types
from . import ops as _ops
from . import storage as _storage
from . import version as torch_version
from .core import absent as _absent
from .core import autocast as _autocast
from .core import copies as _copies
from .core import declare as _declare
from .core import dtypes as _dtypes
from .core import handed as _handed
from .core import memory as _memory
from .core import override as _override
from .core import repr as _repr
from .core import signatures as _signatures
from .core.checks import (
    _assert,
    _assert_async,
    _check,
    _check_index,
    _check_is_size,
    _check_not_implemented,
    _check_tensor_all,
    _check_tensor_all_with,
    _check_type,
    _check_value,
    _check_with,
    sym_float,
    sym_int,
    sym_ite,
    sym_max,
    sym_min,
    sym_not,
    sym_sqrt,
    sym_sum,
)
from .core.device import device
from .core.dtypes import ALIASES as _ALIASES
from .core.dtypes import ALL as _ALL
from .core.dtypes import dtype, get_default_dtype, set_default_dtype
from .core.failures import AcceleratorError, OutOfMemoryError
from .core.formatting import set_printoptions
from .core.graph import Node
from .core.heap import keep_freed as _keep_freed
from .core.limits import finfo, iinfo
from .core.memory import UntypedStorage
from .core.modes import (
    enable_grad,
    inference_mode,
    is_anomaly_check_nan_enabled,
    is_anomaly_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_anomaly_enabled,
    set_grad_enabled,
)
from .core.origin import mark_internal as _mark_internal
from .core.process import (
    are_deterministic_algorithms_enabled,
    compiled_with_cxx11_abi,
    get_default_device,
    get_deterministic_debug_mode,
    get_device_module,
    get_float32_matmul_precision,
    get_num_interop_threads,
    is_deterministic_algorithms_warn_only_enabled,
    is_warn_always_enabled,
    set_default_device,
    set_default_tensor_type,
    set_deterministic_debug_mode,
    set_float32_matmul_precision,
    set_flush_denormal,
    set_num_interop_threads,
    set_warn_always,
    use_deterministic_algorithms,
)
from .core.quantized import (
    per_channel_affine,
    per_channel_affine_float_qparams,
    per_channel_symmetric,
    per_tensor_affine,
    per_tensor_symmetric,
    qscheme,
)
from .core.refused import refused as _refused
from .core.shapes import Size
from .core.sparse_tensor import _mkldnn, layout, sparse_bsc, sparse_bsr, sparse_coo, sparse_csc, sparse_csr, strided
from .core.tensor import Tensor
from .eager import threads as _threads
from .ops import creation as _creation
from .ops.shape.convert import channels_last, channels_last_3d, contiguous_format, memory_format, preserve_format
from .provenance import family as _family
from .rng.generator import Generator, default_generator
from .storage import TypedStorage

__version__ = torch_version.own_version

for _name, _each in list(globals().items()):  # what no op is
    if not _name.startswith("_"):
        globals()[_name] = _signatures.known_as(_each, _name, "torch")

globals().update(_declare.PLACES["torch"])
globals().update({each.name: each for each in (*_ALL, *_dtypes.UNUSABLE)})
chalf = _dtypes.named("complex32")
globals().update(_ALIASES)
globals().update({name: kind for name, kind in _creation.LEGACY_TYPES.items() if not name.startswith("Complex")})
globals().update(_refused(__name__, "sizes are plain numbers", classes="SymInt SymFloat SymBool"))
globals().update(_refused(__name__, "files are read by torch.load", classes="PyTorchFileReader PyTorchFileWriter"))
globals().update(_refused(__name__, "work is done when a function returns: there are no streams", classes="Stream Event"))
globals().update(_storage.LEGACY_STORAGES)
pi, e, inf, nan, newaxis = _math.pi, _math.e, _math.inf, _math.nan, None

# NumPy warns of 1/0 and the like where PyTorch does not. `core/quiet.py` sees to that; this is for interpreters where it cannot.
_warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"pedigrad\.")

# Modules that are no part of PyTorch's API; all others are imported when they are first asked for.
_INTERNAL = frozenset("__main__ about alias capture cli codegen core demo doctor eager fast graph_page ops overview provenance rng".split())
_SUBMODULES = frozenset(_each.name for _each in _iter_modules(__path__)) - _INTERNAL
# Names of torch that stand in a submodule.
_MOVED_IN = {
    "Future": "futures",
    "GradScaler": "amp",
    "ScriptModule": "jit",
    "load": "serialization",
    "save": "serialization",
    "vmap": "func",
}
_OURS = {"check": "doctor.session", "summary": "overview", "watch": "overview", "why": "autograd"}  # what PyTorch has not
_LATER = frozenset(("compile", "install_as_torch", "torch", *_MOVED_IN))


def __getattr__(name: str) -> _Any:
    """Submodules are imported when they are first asked for."""
    if name in _SUBMODULES:
        module = _import_module(f"{__package__}.{name}")
        _mark_internal()
        return module
    if name == "torch":  # PyTorch's module has itself as an attribute, and programs write torch.torch.Tensor
        return _sys.modules[__name__]
    if name in _MOVED_IN:
        found = globals()[name] = _signatures.known_as(getattr(_import_module(f"{__package__}.{_MOVED_IN[name]}"), name), name, "torch")
        return found
    if name == "compile":
        return _signatures.known_as(_import_module(f"{__package__}.capture").compile, name, "torch")
    if name in _OURS:
        return getattr(_import_module(f"{__package__}.{_OURS[name]}"), name)
    if name == "install_as_torch":
        return _import_module(f"{__package__}.alias").install_as_torch
    if name.startswith("__"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name, obj=_sys.modules[__name__])
    raise AttributeError(_absent.message(f"torch.{name}", __dir__()), name=name, obj=_sys.modules[__name__])


def __dir__() -> list[str]:
    """What is PyTorch's, and the few public names that are not: `install_as_torch`, `memory`, `summary`, `watch`."""
    return sorted({*globals(), *_SUBMODULES, *_LATER} - _INTERNAL)


_handed.auto = lambda enabled, module: _import_module(f"{__package__}.fast.importing").auto(enabled, module)
_handed.compile = lambda *args, **kwargs: __getattr__("compile")(*args, **kwargs)
_mark_internal()
_keep_freed()
