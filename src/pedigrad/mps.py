"""`torch.mps` where there is none: the questions have answers, the rest says so."""

from .core.accelerators import answers, why
from .core.refused import refused

globals().update(
    answers(
        __name__,
        "is_available device_count _is_in_bad_fork manual_seed seed get_rng_state set_rng_state empty_cache current_allocated_memory"
        " driver_allocated_memory recommended_max_memory set_per_process_memory_fraction",
        classes="Event",
    )
)
globals().update(refused(__name__, why(__name__), functions="compile_shader load_metallib _host_alias_storage"))
del set_device  # type: ignore[name-defined]  # noqa: F821  # PyTorch has none here
