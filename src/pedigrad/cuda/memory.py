"""`torch.cuda.memory`: of the memory that no device has."""

from .. import cuda as _cuda

globals().update(
    {
        _name: getattr(_cuda, _name)
        for _name in (
            "memory_allocated",
            "max_memory_allocated",
            "memory_reserved",
            "max_memory_reserved",
            "memory_cached",
            "max_memory_cached",
            "memory_stats",
            "memory_stats_as_nested_dict",
            "memory_summary",
            "memory_snapshot",
            "empty_cache",
            "mem_get_info",
            "reset_peak_memory_stats",
            "reset_accumulated_memory_stats",
            "reset_max_memory_allocated",
            "reset_max_memory_cached",
            "set_per_process_memory_fraction",
            "get_per_process_memory_fraction",
            "list_gpu_processes",
            "caching_allocator_alloc",
            "caching_allocator_delete",
            "change_current_allocator",
            "get_allocator_backend",
            "MemPool",
            "use_mem_pool",
            "CUDAPluggableAllocator",
            "host_memory_stats",
        )
    }
)
