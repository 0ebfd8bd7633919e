"""Standing in for torch: `import torch` and all imports beneath it give pedigrad's modules."""

from __future__ import annotations

import sys
from types import ModuleType

from .. import version
from ..core import absent
from .finder import PACKAGE, Finder


def install_as_torch() -> None:
    """From now on `import torch` in this process gives pedigrad. RuntimeError if the real torch is imported already."""
    present = sys.modules.get("torch")
    if present is not None and present is not sys.modules[PACKAGE]:
        raise RuntimeError("install_as_torch(): the real torch is imported already; call it before anything imports torch")
    take_the_place_of("torch")


def take_the_place_of(name: str) -> None:
    """Make pedigrad the module of this name, and find all that is beneath it; the package on disk calls it while it is imported."""
    if not any(isinstance(finder, Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, Finder())
    package = sys.modules[PACKAGE]
    package.__dict__["__version__"] = version.__version__
    package.__name__ = name  # what programs ask; classes and functions are in pedigrad all the same
    sys.modules[name] = package


def missing_name(error: Exception) -> str | None:
    """What to add to an error about a name that pedigrad lacks, if it does not say it itself."""
    name, module = getattr(error, "name", None), None
    if isinstance(error, AttributeError) and isinstance(error.obj, ModuleType):
        module = error.obj
    elif isinstance(error, ImportError) and name in sys.modules and "cannot import name '" in str(error):
        module, name = sys.modules[name], str(error).split("'")[1]
    own = getattr(module, "__package__", None) or ""
    if module is None or own.partition(".")[0] != PACKAGE or not name:
        return None
    path = PACKAGE if module is sys.modules[PACKAGE] else module.__name__
    said = absent.message(f"{absent.public_path(path)}.{name}", dir(module))
    return None if said in str(error) else said
