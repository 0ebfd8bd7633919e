"""`torch.nn.modules`: the layers once more, under the module names that PyTorch files them by.

`torch.nn.modules.conv` and the others are made here, from the modules where the layers are; the classes are the same.
"""

import sys
from types import ModuleType

from ...core.origin import mark_internal
from .. import (
    activation,
    adaptive,
    containers,
    convolution,
    distance,
    dropout,
    embedding,
    hooks,
    lazy,
    linear,
    loss,
    module,
    multihead,
    normalization,
    padding,
    pooling,
    recurrent,
    shape,
    state,
    transformer,
    upsampling,
)
from .names import MODULE_NAMES, PADDINGS, UTILS

_FAMILIES = {
    "activation": (activation, multihead),
    "adaptive": (adaptive,),
    "batchnorm": (normalization, lazy),
    "channelshuffle": (upsampling,),
    "container": (containers,),
    "conv": (convolution, lazy),
    "distance": (distance,),
    "dropout": (dropout,),
    "flatten": (shape,),
    "fold": (convolution,),
    "instancenorm": (normalization, lazy),
    "lazy": (lazy,),
    "linear": (linear, lazy),
    "loss": (loss,),
    "module": (module, hooks, state),
    "normalization": (normalization,),
    "padding": (padding,),
    "pixelshuffle": (upsampling,),
    "pooling": (pooling,),
    "rnn": (recurrent,),
    "sparse": (embedding,),
    "transformer": (transformer,),
    "upsampling": (upsampling,),
    "utils": (),
    "_functions": (),
}
_MORE = {"module": MODULE_NAMES, "utils": UTILS, "padding": PADDINGS, "container": MODULE_NAMES}


def _family(name, sources):
    made = ModuleType(f"{__package__}.{name}", f"`torch.nn.modules.{name}`: names of layers and what they share.")
    for source in sources:
        made.__dict__.update({each: value for each, value in vars(source).items() if not each.startswith("__")})
    made.__dict__.update(_MORE.get(name, {}))
    sys.modules[made.__name__] = made
    return made


globals().update({name: _family(name, sources) for name, sources in _FAMILIES.items()})
for _sources in _FAMILIES.values():
    for _source in _sources:
        globals().update(
            {each: value for each, value in vars(_source).items() if isinstance(value, type) and value.__module__ == _source.__name__}
        )
Module = module.Module
__all__ = sorted(name for name, value in globals().items() if isinstance(value, type) and not name.startswith("_") and name != "ModuleType")

mark_internal()
