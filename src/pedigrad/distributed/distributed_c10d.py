"""`torch.distributed.distributed_c10d`: names of `torch.distributed`."""

from typing import Any

from .. import distributed as _place

globals().update(
    {
        _name: getattr(_place, _name)
        for _name in (
            "Backend",
            "BackendConfig",
            "GroupMember",
            "P2POp",
            "PrefixStore",
            "ProcessGroup",
            "ReduceOp",
            "Store",
            "Work",
            "_get_process_group_name",
            "_rank_not_in_group",
            "all_gather",
            "all_gather_object",
            "all_reduce",
            "barrier",
            "broadcast",
            "broadcast_object_list",
            "default_pg_timeout",
            "destroy_process_group",
            "gather",
            "get_backend",
            "get_global_rank",
            "get_process_group_ranks",
            "get_rank",
            "get_world_size",
            "group",
            "init_process_group",
            "is_available",
            "is_gloo_available",
            "is_initialized",
            "is_mpi_available",
            "is_nccl_available",
            "is_torchelastic_launched",
            "is_ucc_available",
            "is_xccl_available",
            "new_group",
            "recv",
            "reduce",
            "reduce_op",
            "reduce_scatter",
            "scatter",
            "send",
        )
    }
)
_pg_map: dict[Any, Any] = {}
