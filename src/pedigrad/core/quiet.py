"""NumPy's warnings of 1/0 and the like, which PyTorch does not give, do not leave the library; the user's own NumPy code still warns.

`np.errstate` around each operation would do it, and takes longer than a small operation. So the frames in which we compute are made
such that CPython drops what C code warns of there: it does so where a module's `__name__` is None, as it is while an interpreter ends.
No filter has to be set for that, so no filter of the user's (`-W error`, pytest's) brings the warnings back, and it costs nothing.
What asks a module for its name gets it all the same. Where an interpreter does otherwise, the filters set at import are what is left.

`np.seterr(all="raise")` is another matter. A forward that raises is run again the general way, and what goes that way, backward passes
and steps of optimizers among it, looks at NumPy's state first (`is_strict`, one look at a variable) and changes it only if it has to.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

from . import large

try:
    from numpy._core._ufunc_config import _extobj_contextvar as _variable  # type: ignore[attr-defined]

    _state = _variable.get
    with np.errstate(all="ignore"):
        _silent: Any = _state()  # in which NumPy says nothing
except ImportError:  # NumPy keeps it elsewhere
    _state, _silent = object, None

_calm: Any = None  # a state in which nothing but warnings happens


class QuietModule(ModuleType):
    """A module of the library, whose globals say that it has no name."""

    @property
    def __name__(self) -> str:  # type: ignore[override]
        return name_of(self.__dict__)


# Where the library computes: other modules keep their names.
COMPUTES = ("core", "ops", "eager", "codegen", "autograd", "optim", "rng", "random", "nn", "capture")
# Modules that compute nothing and whose variables are read at each operation: Python looks them up faster in ordinary modules.
ORDINARY = frozenset({"pedigrad.core.modes", "pedigrad.core.large", "pedigrad.core.dtypes"})
MARK = "_internal_to_pedigrad"  # in the globals of the library's modules and generated functions: the module's name


def silence(module: ModuleType, name: str) -> None:
    """Mark a module as the library's, and drop what NumPy warns of in its frames."""
    names = module.__dict__
    names[MARK] = name
    if name not in ORDINARY and name.partition(".")[2].partition(".")[0] in COMPUTES:
        module.__class__ = QuietModule
        names["__name__"] = None


def name_of(names: dict[str, Any]) -> str:
    """The name of the module that has these globals."""
    return names.get("__name__") or names.get(MARK) or ""


def astype(x: Any, dtype: Any, copy: bool = True) -> Any:
    """`np.astype`, which for arrays would warn from NumPy's own frame."""
    if x.__class__ is np.ndarray:
        if x.size >= large.LARGE and dtype.__class__ is not type and isinstance(dtype, np.dtype) and dtype != x.dtype:
            return large.converted(x, dtype)
        return x.astype(dtype, copy=copy)
    return np.astype(x, dtype, copy=copy)


def quietly(function: Any, *args: Any, **kwargs: Any) -> Any:
    """The result of a function of NumPy that is written in Python, whose own frames would warn."""
    if _silent is None:
        with np.errstate(all="ignore"):
            return function(*args, **kwargs)
    before = _variable.set(_silent)  # what `np.errstate` does, in a quarter of the time
    try:
        return function(*args, **kwargs)
    finally:
        _variable.reset(before)


def is_strict() -> bool:
    """Whether NumPy would raise, print or call something at a division by zero, as `np.seterr` was told to."""
    global _calm
    state = _state()
    if state is _calm:
        return False
    if {"ignore", "warn"}.issuperset(np.geterr().values()):
        _calm = state
        return False
    return True
