"""`torch.cuda.graphs`: recorded work of a device."""

from .. import cuda as _cuda

globals().update(
    {
        _name: getattr(_cuda, _name)
        for _name in (
            "CUDAGraph",
            "graph",
            "graph_pool_handle",
            "make_graphed_callables",
            "is_current_stream_capturing",
        )
    }
)
