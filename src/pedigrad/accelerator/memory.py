"""`torch.accelerator.memory`: the names of `torch.accelerator` that are about memory."""

from .. import accelerator as _accelerator

globals().update(
    {
        _name: getattr(_accelerator, _name)
        for _name in (
            "empty_cache",
            "memory_stats",
            "memory_allocated",
            "max_memory_allocated",
            "memory_reserved",
            "max_memory_reserved",
            "reset_accumulated_memory_stats",
            "reset_peak_memory_stats",
            "get_memory_info",
        )
    }
)
