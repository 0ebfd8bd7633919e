"""`torch.cuda` where there is no CUDA: the questions have answers, the rest says so."""

from __future__ import annotations

from typing import Any

from ..core.accelerators import NoStream, answers, contexts, index_of, why
from ..core.failures import AcceleratorError as AcceleratorError
from ..core.failures import OutOfMemoryError as OutOfMemoryError
from ..core.refused import lazily, refused

_TYPES = " ".join(f"{kind}Tensor" for kind in "BFloat16 Bool Byte Char Double Float Half Int Long Short".split())
_STORAGES = " ".join(f"{kind}Storage" for kind in "BFloat16 Bool Byte Char Double Float Half Int Long Short".split())

globals().update(
    answers(
        __name__,
        "is_available device_count is_initialized is_bf16_supported is_tf32_supported is_current_stream_capturing _is_compiled"
        " _is_in_bad_fork manual_seed manual_seed_all seed seed_all initial_seed get_rng_state get_rng_state_all set_rng_state"
        " set_rng_state_all empty_cache ipc_collect init current_device get_device_name get_device_properties get_device_capability"
        " get_arch_list get_gencode_flags get_sync_debug_mode set_sync_debug_mode memory_allocated max_memory_allocated memory_reserved"
        " max_memory_reserved memory_cached max_memory_cached memory_stats memory_stats_as_nested_dict memory_summary memory_snapshot"
        " host_memory_stats host_memory_stats_as_nested_dict reset_peak_memory_stats reset_accumulated_memory_stats"
        " reset_max_memory_allocated reset_max_memory_cached reset_peak_host_memory_stats reset_accumulated_host_memory_stats"
        " mem_get_info current_stream default_stream set_stream get_stream_from_external can_device_access_peer utilization temperature"
        " power_draw clock_rate memory_usage device_memory_used list_gpu_processes cudart set_per_process_memory_fraction"
        " get_per_process_memory_fraction caching_allocator_alloc caching_allocator_delete change_current_allocator"
        " get_allocator_backend graph_pool_handle make_graphed_callables current_blas_handle current_solver_handle",
        classes="Stream ExternalStream Event CUDAGraph graph MemPool use_mem_pool CUDAPluggableAllocator",
    )
)
globals().update(contexts(__name__))
globals().update(refused(__name__, why(__name__), classes=f"{_TYPES} {_STORAGES}", error=TypeError))

default_generators: tuple[Any, ...] = ()
has_half = True
has_magma = False


class CudaError(RuntimeError):
    """What CUDA would report."""


class DeferredCudaCallError(Exception):
    """What a call would report that waited for CUDA's first use."""


def caching_allocator_enable(value: bool = True) -> None:
    """Nothing: there is no such memory."""


caching_allocator_disabled = NoStream  # a context that changes nothing


def check_error(res: int) -> None:
    """Nothing: there was no call of CUDA's."""


def _lazy_init() -> None:
    """AssertionError: there is nothing to initialise."""
    raise AssertionError(why(__name__))


def _lazy_call(callable: Any, **kwargs: Any) -> None:
    """Nothing: what waits for CUDA waits for ever."""


def _get_device_index(device: Any, optional: bool = False, allow_cpu: bool = False) -> int:
    """The number of a device that is named."""
    return index_of(device)


__getattr__ = lazily(__name__, __path__)
