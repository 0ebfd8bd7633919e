"""`torch.utils._python_dispatch`: the names are there; operations go through one gate that other classes do not take over."""

from typing import Any

from ..core.override import NO_DISPATCH
from ..core.refused import refused

_WHY = NO_DISPATCH.replace("`__torch_function__` is told", "torch.overrides.TorchFunctionMode is told")

globals().update(refused(__name__, _WHY, classes="TorchDispatchMode", functions="transform_subclass"))


def is_traceable_wrapper_subclass(t: Any) -> bool:
    """False."""
    return False


is_traceable_wrapper_subclass_type = is_traceable_wrapper_subclass
