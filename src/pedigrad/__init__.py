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
from .core import absent as _absent
from .core import copies as _copies
from .core import dtypes as _dtypes
from .core import family as _family
from .core import memory as _memory
from .core import op as _op
from .core import repr as _repr
from .core import signatures as _signatures
from .core.device import device
from .core.dtypes import ALIASES as _ALIASES
from .core.dtypes import ALL as _ALL
from .core.dtypes import dtype, get_default_dtype, set_default_dtype
from .core.formatting import set_printoptions
from .core.graph import Node
from .core.limits import finfo, iinfo
from .core.memory import UntypedStorage
from .core.modes import enable_grad, inference_mode, is_inference_mode_enabled, no_grad, set_grad_enabled
from .core.origin import mark_internal as _mark_internal
from .core.shapes import Size
from .core.tensor import Tensor
from .eager import threads as _threads
from .ops import creation as _creation
from .ops.creation import strided
from .ops.shape.convert import channels_last, channels_last_3d, contiguous_format, memory_format, preserve_format
from .rng.generator import Generator, default_generator
from .storage import TypedStorage

__version__ = "0.1.0"

for _each in (set_printoptions, get_default_dtype, set_default_dtype, is_inference_mode_enabled):
    _signatures.known_as(_each, _each.__name__, "torch")

globals().update(_op.PLACES["torch"])
globals().update({each.name: each for each in (*_ALL, *_dtypes.UNUSABLE)})
chalf = _dtypes.named("complex32")
globals().update(_ALIASES)
globals().update({name: kind for name, kind in _creation.LEGACY_TYPES.items() if not name.startswith("Complex")})
globals().update(_storage.LEGACY_STORAGES)
layout = type(strided)
pi, e, inf, nan, newaxis = _math.pi, _math.e, _math.inf, _math.nan, None

# NumPy warns of 1/0 and the like where PyTorch does not; the filters are for our own modules, and for np.astype, alone.
_warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"pedigrad\.")
_warnings.filterwarnings("ignore", r"\w+( value)? encountered in cast", RuntimeWarning, r"numpy\._core\.numeric")

# Modules that are no part of PyTorch's API; all others are imported when they are first asked for.
_INTERNAL = frozenset(("__main__", "alias", "capture", "cli", "codegen", "core", "demo", "eager", "ops", "rng"))
_SUBMODULES = frozenset(_each.name for _each in _iter_modules(__path__)) - _INTERNAL
_LATER = frozenset(("compile", "install_as_torch", "load", "save", "vmap"))


def __getattr__(name: str) -> _Any:
    """Submodules are imported when they are first asked for."""
    if name in _SUBMODULES:
        module = _import_module(f"{__name__}.{name}")
        _mark_internal()
        return module
    if name == "vmap":
        return _import_module(f"{__name__}.func").vmap
    if name == "compile":
        return _signatures.known_as(_import_module(f"{__name__}.capture").compile, name, "torch")
    if name in ("save", "load"):
        return _signatures.known_as(getattr(_import_module(f"{__name__}.serialization"), name), name, "torch")
    if name == "install_as_torch":
        return _import_module(f"{__name__}.alias").install_as_torch
    if name.startswith("__"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name, obj=_sys.modules[__name__])
    raise AttributeError(_absent.message(f"torch.{name}", __dir__()), name=name, obj=_sys.modules[__name__])


def __dir__() -> list[str]:
    """What is PyTorch's, and `install_as_torch`."""
    return sorted({*globals(), *_SUBMODULES, *_LATER} - _INTERNAL)


_mark_internal()
