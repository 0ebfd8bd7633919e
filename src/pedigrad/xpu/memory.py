"""`torch.xpu.memory`: the names of `torch.xpu` that are about it."""

from .. import xpu as _xpu

globals().update(
    {
        _name: getattr(_xpu, _name)
        for _name in (
            "memory_allocated",
            "max_memory_allocated",
            "memory_reserved",
            "max_memory_reserved",
            "memory_stats",
            "empty_cache",
            "mem_get_info",
            "reset_peak_memory_stats",
            "reset_accumulated_memory_stats",
        )
    }
)
