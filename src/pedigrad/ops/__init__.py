"""The operations, one file a family. Importing this package registers them all."""

from importlib import import_module
from pkgutil import walk_packages

for _module in walk_packages(__path__, f"{__name__}."):
    import_module(_module.name)


def load_library(path):
    """OSError: a library of operations is compiled for PyTorch's own tensors."""
    raise OSError(f"{path}: libraries of operations are compiled for PyTorch's own tensors, and cannot be loaded by pedigrad")


def __getattr__(name):
    """A namespace of operations: this package is `torch.ops` too."""
    if name.startswith("__"):
        raise AttributeError(name)
    namespaces = import_module(f"{__package__}.namespaces")
    return namespaces.NAMESPACES.setdefault(name, namespaces.Namespace(name))
