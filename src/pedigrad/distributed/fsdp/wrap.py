"""`torch.distributed.fsdp.wrap`, which modules would be divided: the names are there; using them is refused."""

from ... import distributed as _distributed
from ...core.refused import refused

globals().update(refused(__name__, _distributed._WHY, classes="ModuleWrapPolicy CustomPolicy"))
globals().update(
    refused(
        __name__,
        _distributed._WHY,
        functions="always_wrap_policy enable_wrap wrap lambda_auto_wrap_policy size_based_auto_wrap_policy"
        " transformer_auto_wrap_policy _module_wrap_policy _or_policy _wrap _recursive_wrap",
    )
)
