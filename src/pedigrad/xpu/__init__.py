"""`torch.xpu` where there is none: the questions have answers, the rest says so."""

from ..core.accelerators import answers, contexts, why
from ..core.refused import lazily, refused

globals().update(
    answers(
        __name__,
        "is_available device_count is_initialized is_bf16_supported is_tf32_supported is_current_stream_capturing _is_compiled"
        " _is_in_bad_fork manual_seed manual_seed_all seed seed_all initial_seed get_rng_state get_rng_state_all set_rng_state"
        " set_rng_state_all empty_cache init current_device get_device_name get_device_properties get_device_capability get_arch_list"
        " get_gencode_flags memory_allocated max_memory_allocated memory_reserved max_memory_reserved memory_stats"
        " memory_stats_as_nested_dict memory_snapshot reset_peak_memory_stats reset_accumulated_memory_stats mem_get_info current_stream"
        " set_stream get_stream_from_external can_device_access_peer utilization temperature power_draw clock_rate memory_usage"
        " device_memory_used set_per_process_memory_fraction get_per_process_memory_fraction change_current_allocator graph_pool_handle"
        " make_graphed_callables",
        classes="Stream Event XPUGraph graph MemPool use_mem_pool XPUPluggableAllocator",
    )
)
globals().update(contexts(__name__))
_TYPES = " ".join(f"{kind}Tensor" for kind in "BFloat16 Bool Byte Char Double Float Half Int Long Short".split())
globals().update(refused(__name__, why(__name__), classes=_TYPES, error=TypeError))
default_generators = ()

__getattr__ = lazily(__name__, __path__)
