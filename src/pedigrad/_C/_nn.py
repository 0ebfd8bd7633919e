"""`torch._C._nn`: functions of `torch.nn.functional` by another name, and what `Module.to` reads its arguments by."""

from __future__ import annotations

from typing import Any

from ..core.device import device as _device
from ..core.dtypes import dtype as _dtype
from ..core.tensor import Tensor
from ..nn import functional as _functional

globals().update(
    {
        name: getattr(_functional, name)
        for name in ("gelu", "linear", "softplus", "hardtanh", "leaky_relu", "one_hot", "pad", "scaled_dot_product_attention")
    }
)


def _parse_to(*args: Any, **kwargs: Any) -> tuple[Any, Any, bool, Any]:
    """The device, dtype, non_blocking and memory format that the arguments of `.to()` name; None where one is not named."""
    where, kind = kwargs.get("device"), kwargs.get("dtype")
    rest = []
    for each in args:
        if isinstance(each, Tensor):
            where, kind = each.device, each.dtype
        elif isinstance(each, _dtype):
            kind = each
        elif isinstance(each, (str, _device)) or (isinstance(each, int) and not isinstance(each, bool)):
            where = each
        elif each is not None:
            rest.append(each)
    non_blocking = bool(rest[0]) if rest else bool(kwargs.get("non_blocking", False))
    return None if where is None else _device(where), kind, non_blocking, kwargs.get("memory_format")
