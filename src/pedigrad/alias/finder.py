"""Finds `torch.a.b` as `pedigrad.a.b`, and the distribution `torch` that programs ask the version of."""

from __future__ import annotations

import functools
import importlib
import importlib.abc
import importlib.machinery
import pkgutil
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from ..core import absent
from ..core.origin import mark_internal
from .shim import METADATA

PACKAGE = __package__.partition(".")[0]
# Modules of PyTorch's that are somewhere else here; a module of ours under PyTorch's own name goes first.
MOVED = {"torch_version": "version", "functional": "", "_tensor": "core.tensor"}
MOVED |= {f"nn.{each}": f"ao.nn.{each}" for each in ("intrinsic", "qat", "quantized")}


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds `torch.a.b` as `pedigrad.a.b`, the same module object under both names."""

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> Any:
        if name == "functorch":
            module: ModuleType | None = importlib.import_module(f"{PACKAGE}._functorch.package")
        elif name == "torch" or name.startswith("torch."):
            module = _module(name[len("torch.") :])
        else:
            return None
        if module is None:
            raise ModuleNotFoundError(_no_module(name), name=name)
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

    def find_distributions(self, context: Any = None) -> list[Any]:
        """The distribution `torch`, where that or every distribution is asked for."""
        return [_distribution()] if getattr(context, "name", None) in (None, "torch") else []


@functools.cache
def _distribution() -> Any:
    """The distribution `torch` of this process, which has no files."""
    import importlib.metadata  # 40 ms that few programs need: whoever asks has imported it

    class Distribution(importlib.metadata.Distribution):
        def read_text(self, filename: str) -> str | None:
            return METADATA if filename == "METADATA" else None

        def locate_file(self, path: Any) -> Any:
            raise FileNotFoundError(f"torch is {PACKAGE} in this process: there is no file {path}")

    return Distribution()


def _module(path: str) -> ModuleType | None:
    """The module that stands at `torch.<path>`: a file of that name, one that has moved, or a module that is an attribute there."""
    moved = MOVED.get(path)
    for inner in [path] if moved is None else [path, moved]:
        ours = f"{PACKAGE}.{inner}".rstrip(".")
        try:
            return importlib.import_module(ours)
        except ModuleNotFoundError as error:
            if error.name is None or not (ours == error.name or ours.startswith(error.name + ".")):
                raise
    above, _, last = path.rpartition(".")
    found = getattr(sys.modules.get(f"torch.{above}".rstrip(".")), last, None)
    return found if isinstance(found, ModuleType) else None


def _no_module(name: str) -> str:
    package = importlib.import_module(PACKAGE)
    known = [absent.public_path(each.name) for each in pkgutil.walk_packages(package.__path__, PACKAGE + ".")]
    outer = name.rpartition(".")[0]
    beside = [each.rpartition(".")[2] for each in known if each.rpartition(".")[0] == outer]
    return absent.message(name, beside)
