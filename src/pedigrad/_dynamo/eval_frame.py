"""`torch._dynamo.eval_frame`: names of `torch._dynamo`."""

from .. import _dynamo as _place

globals().update({name: getattr(_place, name) for name in ("OptimizedModule", "disable", "is_dynamo_supported", "set_stance")})
