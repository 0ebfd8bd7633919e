"""Standing in for torch: `import torch` and all imports beneath it give pedigrad's modules."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import pkgutil
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from .core import absent
from .core.origin import mark_internal

PACKAGE = __package__ or "pedigrad"
MOVED = {"torch.nn.modules": "nn", "torch.optim.sgd": "optim.sgd", "torch.types": "typing"}


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds `torch.a.b` as `pedigrad.a.b`, the same module object under both names."""

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> Any:
        if name != "torch" and not name.startswith("torch."):
            return None
        ours = f"{PACKAGE}.{MOVED[name]}" if name in MOVED else PACKAGE + name[len("torch") :]
        try:
            module = importlib.import_module(ours)
        except ModuleNotFoundError as error:
            if error.name is None or not ours.startswith(error.name):
                raise
            raise ModuleNotFoundError(_no_module(name), name=name) from None
        mark_internal()
        spec = importlib.machinery.ModuleSpec(name, self, is_package=hasattr(module, "__path__"))
        spec.loader_state = module, module.__spec__
        return spec

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        return spec.loader_state[0]  # type: ignore[index]

    def exec_module(self, module: ModuleType) -> None:
        spec = module.__spec__
        if spec is not None and spec.loader is self:
            module.__spec__ = spec.loader_state[1]  # type: ignore[index]  # the module keeps its own identity


def _no_module(name: str) -> str:
    package = importlib.import_module(PACKAGE)
    known = [absent.public_path(each.name) for each in pkgutil.walk_packages(package.__path__, PACKAGE + ".")]
    outer = name.rpartition(".")[0]
    beside = [each.rpartition(".")[2] for each in known if each.rpartition(".")[0] == outer]
    return absent.message(name, beside)


def install_as_torch() -> None:
    """From now on `import torch` in this process gives pedigrad. RuntimeError if the real torch is imported already."""
    present = sys.modules.get("torch")
    if present is not None and present is not sys.modules[PACKAGE]:
        raise RuntimeError("install_as_torch(): the real torch is imported already; call it before anything imports torch")
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
    importlib.import_module("torch")


def missing_name(error: Exception) -> str | None:
    """What to add to an error about a name that pedigrad lacks, if it does not say it itself."""
    name, module = getattr(error, "name", None), None
    if isinstance(error, AttributeError) and isinstance(error.obj, ModuleType):
        module = error.obj
    elif isinstance(error, ImportError) and name in sys.modules and "cannot import name '" in str(error):
        module, name = sys.modules[name], str(error).split("'")[1]
    if module is None or not module.__name__.startswith(PACKAGE) or not name:
        return None
    said = absent.message(f"{absent.public_path(module.__name__)}.{name}", dir(module))
    return None if said in str(error) else said
