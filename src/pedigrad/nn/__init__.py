"""Modules, losses and what they are made of."""

from importlib import import_module as _import_module
from pkgutil import iter_modules as _iter_modules

from . import functional, init, utils

for _module in _iter_modules(__path__):
    if _module.name not in ("functional", "init", "utils"):
        _found = _import_module(f"{__name__}.{_module.name}")
        globals().update({_n: getattr(_found, _n) for _n in getattr(_found, "__all__", ()) or ([n for n in vars(_found) if n[:1].isupper()])})
