"""The answers of an accelerator that is not there: `torch.cuda`, `torch.xpu`, `torch.mps` and `torch.mtia` are made of them.

What a harmless program asks has an answer (there are no devices, no memory is taken, there is nothing to seed or to wait for); what
needs a device is refused.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from .refused import refused

FALSE = "is_available is_initialized is_bf16_supported is_tf32_supported is_current_stream_capturing _is_compiled _is_in_bad_fork"
ZERO = (
    "device_count memory_allocated max_memory_allocated memory_reserved max_memory_reserved memory_cached max_memory_cached"
    " current_allocated_memory driver_allocated_memory"
)
NOTHING = (
    "manual_seed manual_seed_all seed seed_all empty_cache ipc_collect reset_peak_memory_stats reset_accumulated_memory_stats"
    " reset_max_memory_allocated reset_max_memory_cached reset_peak_host_memory_stats reset_accumulated_host_memory_stats"
    " set_rng_state_all set_stream init set_sync_debug_mode"
)
EMPTY: dict[str, Callable[[], Any]] = {
    "get_rng_state_all": list,
    "get_arch_list": list,
    "get_gencode_flags": str,
    "memory_stats": OrderedDict,
    "memory_stats_as_nested_dict": dict,
    "host_memory_stats": OrderedDict,
    "host_memory_stats_as_nested_dict": dict,
    "memory_summary": str,
    "memory_snapshot": list,
    "get_sync_debug_mode": int,
}
REFUSED = (
    "current_device get_device_name get_device_properties get_device_capability mem_get_info get_rng_state set_rng_state"
    " initial_seed current_stream default_stream can_device_access_peer get_stream_from_external utilization temperature power_draw"
    " clock_rate memory_usage device_memory_used list_gpu_processes cudart set_per_process_memory_fraction get_per_process_memory_fraction"
    " recommended_max_memory caching_allocator_alloc caching_allocator_delete change_current_allocator get_allocator_backend"
    " graph_pool_handle make_graphed_callables current_blas_handle current_solver_handle snapshot"
)
CLASSES = "Stream ExternalStream Event CUDAGraph XPUGraph MTIAGraph graph MemPool use_mem_pool CUDAPluggableAllocator XPUPluggableAllocator"
GENERATORS = (  # the functions of a device's generators, which stand in its module `random` too
    "manual_seed", "manual_seed_all", "seed", "seed_all", "initial_seed",
    "get_rng_state", "get_rng_state_all", "set_rng_state", "set_rng_state_all",
)  # fmt: skip


def answers(module: str, names: str, classes: str = "") -> dict[str, Any]:
    """Those of the functions and classes above that are named, for the globals of an accelerator's module."""
    wanted = names.split()
    needing = [name for name in wanted if name in REFUSED.split()]
    simple = {name: _constant(module, name, bool, "False") for name in FALSE.split()}
    simple |= {name: _constant(module, name, int, "0") for name in ZERO.split()}
    simple |= {name: _constant(module, name, lambda: None, "Nothing") for name in NOTHING.split()}
    simple |= {name: _constant(module, name, make, repr(make())) for name, make in EMPTY.items()}
    made = {name: simple[name] for name in wanted if name not in needing}
    made["synchronize"] = synchronizer(module)
    made["set_device"] = _setter(module)
    made |= refused(module, why(module), functions=" ".join(needing), error=AssertionError)
    return made | refused(module, why(module), classes=classes)


def why(module: str) -> str:
    """Why a device is refused, in PyTorch's words and ours."""
    name = module.split(".")[1]
    return f"Torch not compiled with {name.upper()} enabled: tensors live on 'cpu'. Guard it with torch.{name}.is_available()."


def index_of(device: Any) -> int:
    """The number of the device that is meant, -1 where none is."""
    if device is None or isinstance(device, int):
        return -1 if device is None else device
    if str(getattr(device, "type", device)).partition(":")[0] == "cpu":
        return -1
    text = str(device).partition(":")[2]
    return int(text) if text.isdigit() else int(getattr(device, "index", None) or 0)


def synchronizer(module: str) -> Callable[..., None]:
    """`synchronize` of an accelerator: nothing where no device was named, AssertionError for one."""

    def synchronize(device: Any = None) -> None:
        """Nothing where no device was named: there is nothing to wait for. AssertionError for a device."""
        if index_of(device) >= 0:
            raise AssertionError(why(module))

    return synchronize


def _setter(module: str) -> Callable[[Any], None]:
    def set_device(device: Any) -> None:
        """AssertionError for a device; nothing for a negative number, which means none."""
        if index_of(device) >= 0:
            raise AssertionError(why(module))

    return set_device


def _constant(module: str, name: str, make: Callable[[], Any], shown: str) -> Callable[..., Any]:
    def answer(*args: Any, **kwargs: Any) -> Any:
        return make()

    answer.__name__ = answer.__qualname__ = name
    answer.__module__, answer.__doc__ = module, f"{shown}: there is no such device."
    return answer


class NoDevice:
    """A context in which a device would be the current one; it can be entered for none."""

    module = "pedigrad.cuda"

    def __init__(self, device: Any = None):
        self.idx = index_of(device)
        self.prev_idx = -1

    def __enter__(self) -> None:
        if self.idx >= 0:
            raise AssertionError(why(self.module))

    def __exit__(self, *exc: object) -> None:
        pass


class NoStream:
    """A context in which a stream would be the current one; there are no streams, so it is entered for None."""

    def __init__(self, stream: Any = None):
        self.stream = stream

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exc: object) -> None:
        pass


def contexts(module: str) -> dict[str, Any]:
    """The classes `device`, `device_of` and `StreamContext`, and the function `stream`, of an accelerator's module."""
    device = type("device", (NoDevice,), {"module": module, "__module__": module})

    def of(self: Any, obj: Any) -> None:
        where = getattr(obj, "device", None)
        NoDevice.__init__(self, where if getattr(where, "type", "cpu") == module.split(".")[1] else None)

    device_of = type("device_of", (device,), {"__init__": of, "__module__": module})
    context = type("StreamContext", (NoStream,), {"__module__": module})

    def stream(stream: Any = None) -> Any:
        """A context that does nothing: there are no streams."""
        return context(stream)

    return {"device": device, "device_of": device_of, "StreamContext": context, "stream": stream}
