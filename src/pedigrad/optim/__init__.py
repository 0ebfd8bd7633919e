"""Optimizers, one file an algorithm, found by their files; schedules of learning rates; averages of models."""

from ..core import absent
from ..core.folder import modules_of
from ..core.origin import mark_internal
from . import lr_scheduler, swa_utils
from .optimizer import Optimizer

__all__ = ["Optimizer", "lr_scheduler", "swa_utils"]
for _module in modules_of(__name__, __path__):
    for _name, _kind in list(vars(_module).items()):
        own = isinstance(_kind, type) and _kind.__module__ == _module.__name__ and not _name.startswith("_")
        if own and issubclass(_kind, Optimizer) and _kind is not Optimizer:
            globals()[_name] = _kind
            __all__.append(_name)
del own, _module, _name, _kind

globals().update(absent.handlers(__name__))
mark_internal()
