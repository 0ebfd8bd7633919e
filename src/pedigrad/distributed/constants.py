"""`torch.distributed.constants`: how long processes wait for each other."""

from .. import distributed as _place

default_pg_timeout = _place.default_pg_timeout
