"""`torch._custom_ops`: the older name of what is in torch.library."""

from __future__ import annotations

from .library import custom_op as custom_op
from .library import get_ctx as get_ctx
from .library import impl as impl
from .library import impl_abstract as impl_abstract
from .library import infer_schema as infer_schema
