"""`torch._C._distributed_c10d`: names of `torch.distributed`."""

from .. import distributed as _place

globals().update(
    {
        name: getattr(_place, name)
        for name in (
            "DebugLevel",
            "FileStore",
            "HashStore",
            "PrefixStore",
            "ProcessGroup",
            "ReduceOp",
            "Reducer",
            "Store",
            "TCPStore",
            "Work",
        )
    }
)
