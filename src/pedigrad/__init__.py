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
from typing import Any as _Any

from . import autograd, copies, creation, family, random, return_types, shown, threads
from . import dtypes as _dtypes
from . import op as _op
from . import ops as _ops
from .creation import strided
from .device import device
from .dtypes import ALIASES as _ALIASES
from .dtypes import ALL as _ALL
from .dtypes import dtype, get_default_dtype, set_default_dtype
from .generator import Generator, default_generator
from .graph import Node
from .limits import finfo, iinfo
from .modes import enable_grad, inference_mode, is_inference_mode_enabled, no_grad, set_grad_enabled
from .ops.convert import channels_last, channels_last_3d, contiguous_format, memory_format, preserve_format
from .origin import mark_internal as _mark_internal
from .printing import set_printoptions
from .shapes import Size
from .tensor import Tensor

__version__ = "0.1.0"

globals().update(_op.PLACES["torch"])
globals().update({"bool" if each.name == "bool" else each.name: each for each in _ALL})
globals().update(_ALIASES)
globals().update(creation.LEGACY_TYPES)
layout = type(strided)
pi, e, inf, nan, newaxis = _math.pi, _math.e, _math.inf, _math.nan, None

# NumPy warns of 1/0 and the like where PyTorch does not; the filters are for our own modules, and for np.astype, alone.
_warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"pedigrad\.")
_warnings.filterwarnings("ignore", r"\w+( value)? encountered in cast", RuntimeWarning, r"numpy\._core\.numeric")

_LAZY = ("nn", "optim", "linalg", "special", "cuda", "backends", "compiler", "version", "types")


def __getattr__(name: str) -> _Any:
    """Submodules are imported when they are first asked for."""
    if name in _LAZY:
        module = _import_module(f"{__name__}.{name}")
        _mark_internal()
        return module
    if name == "compile":
        return _import_module(f"{__name__}.compiled").compile
    if name == "install_as_torch":
        return _import_module(f"{__name__}.standin").install_as_torch
    raise AttributeError(_missing(name), name=name, obj=_sys.modules[__name__])


def _missing(name: str) -> str:
    import difflib

    near = difflib.get_close_matches(name, [each for each in globals() if not each.startswith("_")], n=1)
    return f"pedigrad has no {name!r}" + (f"; the nearest name it has is {near[0]!r}" if near else "")


_mark_internal()
