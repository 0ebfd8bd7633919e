"""`torch.distributed`: one process; what harmless programs ask is answered.

It says that it is not available. What asks a group of processes raises PyTorch's error of a group that was not initialised, and
initialising one is refused.
"""

from __future__ import annotations

import datetime
import enum
import os
from typing import Any

from ..core.refused import lazily, refused

_WHY = "training takes place in one process: ask torch.distributed.is_available(), or run the program without a launcher"
_NO_GROUP = "Default process group has not been initialized, please make sure to call init_process_group. But " + _WHY

default_pg_timeout = datetime.timedelta(minutes=30)

globals().update(refused(__name__, _WHY, functions="init_process_group init_device_mesh breakpoint rendezvous register_rendezvous_handler"))
globals().update(
    refused(
        __name__,
        _WHY,
        classes="ProcessGroup ProcessGroupGloo ProcessGroupNCCL DeviceMesh Store TCPStore FileStore HashStore PrefixStore P2POp Work"
        " GradBucket Reducer Logger BackendConfig AllreduceOptions BroadcastOptions AllToAllOptions BarrierOptions"
        " AllreduceCoalescedOptions GatherOptions ReduceOptions ReduceScatterOptions ScatterOptions BuiltinCommHookType",
    )
)
globals().update(
    refused(
        __name__,
        _NO_GROUP,
        functions="get_backend get_backend_config get_process_group_ranks get_global_rank get_group_rank get_pg_count new_group"
        " new_subgroups new_subgroups_by_enumeration all_reduce all_reduce_coalesced all_gather all_gather_into_tensor"
        " all_gather_coalesced all_gather_object all_to_all all_to_all_single barrier monitored_barrier broadcast"
        " broadcast_object_list gather gather_object scatter scatter_object_list reduce reduce_scatter reduce_scatter_tensor send recv"
        " isend irecv send_object_list recv_object_list batch_isend_irecv supports_complex split_group shrink_group _all_gather_base"
        " _reduce_scatter_base _broadcast_coalesced _get_process_group_name",
        error=ValueError,
    )
)


class RedOpType(enum.IntEnum):
    """How values of all processes become one."""

    SUM = 0
    AVG = 1
    PRODUCT = 2
    MIN = 3
    MAX = 4
    BAND = 5
    BOR = 6
    BXOR = 7
    PREMUL_SUM = 8

    __str__ = enum.Enum.__str__


class ReduceOp:
    """The names of `RedOpType`."""

    RedOpType = RedOpType
    SUM, AVG, PRODUCT, MIN, MAX = RedOpType.SUM, RedOpType.AVG, RedOpType.PRODUCT, RedOpType.MIN, RedOpType.MAX
    BAND, BOR, BXOR, PREMUL_SUM = RedOpType.BAND, RedOpType.BOR, RedOpType.BXOR, RedOpType.PREMUL_SUM


class reduce_op(ReduceOp):
    """The old name of `ReduceOp`."""


class DebugLevel(enum.IntEnum):
    """How much is said about groups."""

    OFF = 0
    INFO = 1
    DETAIL = 2


class Backend(str):
    """The name of a way to send messages, in lower case."""

    UNDEFINED = "undefined"
    GLOO = "gloo"
    NCCL = "nccl"
    UCC = "ucc"
    MPI = "mpi"
    XCCL = "xccl"
    FAKE = "fake"
    backend_list = [UNDEFINED, GLOO, NCCL, XCCL, UCC, MPI, FAKE]
    default_device_backend_map = {"cpu": GLOO, "cuda": NCCL, "xpu": XCCL, "mps": GLOO}

    def __new__(cls, name: str) -> Backend:
        if not isinstance(name, str):
            raise ValueError("Backend constructor parameter must be string-ish")
        return str.__new__(cls, name.lower())


class group:
    """The group of all processes: there is none."""

    WORLD: Any = None


class GroupMember:
    """What stands for a group that this process is no part of."""

    WORLD: Any = None
    NON_GROUP_MEMBER = -100


class DistError(RuntimeError):
    """Processes failed to work together."""


class DistBackendError(DistError):
    """A way to send messages failed."""


class DistNetworkError(DistError):
    """The network failed."""


class DistStoreError(DistError):
    """What processes tell each other could not be read."""


class QueueEmptyError(DistStoreError):
    """There was nothing to read."""


def is_available() -> bool:
    """False."""
    return False


def is_initialized() -> bool:
    """False."""
    return False


def is_torchelastic_launched() -> bool:
    """Whether a launcher started this process."""
    return os.environ.get("TORCHELASTIC_RUN_ID") is not None


def is_backend_available(backend: str) -> bool:
    """False."""
    return False


def is_gloo_available() -> bool:
    """False."""
    return False


is_mpi_available = is_nccl_available = is_ucc_available = is_xccl_available = is_gloo_available


def get_rank(group: Any = None) -> int:
    """-1 for a group that this process is no part of; otherwise ValueError: no group was initialised."""
    return _without_group(group)


def get_world_size(group: Any = None) -> int:
    """-1 for a group that this process is no part of; otherwise ValueError: no group was initialised."""
    return _without_group(group)


def _without_group(group: Any) -> int:
    if _rank_not_in_group(group):
        return -1
    raise ValueError(_NO_GROUP)


def _rank_not_in_group(group: Any) -> bool:
    """Whether this stands for a group that the process is no part of."""
    return group is not None and group == GroupMember.NON_GROUP_MEMBER


def get_node_local_rank(fallback_rank: int | None = None) -> int:
    """The LOCAL_RANK that a launcher set, or the number given for where there is none."""
    if "LOCAL_RANK" in os.environ:
        return int(os.environ["LOCAL_RANK"])
    if fallback_rank is None:
        raise RuntimeError("get_node_local_rank(): no launcher has set LOCAL_RANK in the environment: give fallback_rank")
    return int(fallback_rank)


def get_default_backend_for_device(device: Any) -> str:
    """The way to send messages that PyTorch takes for a kind of device."""
    kind = str(device).partition(":")[0]
    if kind not in Backend.default_device_backend_map:
        raise ValueError(f"Default backend not registered for device : {device}")
    return Backend.default_device_backend_map[kind]


def get_debug_level() -> DebugLevel:
    """OFF."""
    return DebugLevel.OFF


def set_debug_level(level: DebugLevel) -> None:
    """Nothing: there is no group to tell about."""


def set_debug_level_from_env() -> None:
    """Nothing: there is no group to tell about."""


def destroy_process_group(group: Any = None) -> None:
    """AssertionError: there is no group to destroy."""
    raise AssertionError("Process group cannot be None: none was initialised. " + _WHY)


__getattr__ = lazily(__name__, __path__)
