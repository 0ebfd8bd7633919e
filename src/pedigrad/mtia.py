"""`torch.mtia` where there is none: the questions have answers, the rest says so."""

from .core.accelerators import answers, contexts

globals().update(
    answers(
        __name__,
        "is_available device_count is_initialized is_bf16_supported _is_compiled _is_in_bad_fork manual_seed manual_seed_all seed seed_all"
        " initial_seed get_rng_state get_rng_state_all set_rng_state set_rng_state_all empty_cache init current_device"
        " get_device_properties get_device_capability memory_allocated max_memory_allocated memory_stats reset_peak_memory_stats"
        " current_stream default_stream set_stream snapshot graph_pool_handle",
        classes="Stream Event MTIAGraph graph",
    )
)
globals().update(contexts(__name__))
default_generators = ()
