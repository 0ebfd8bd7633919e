"""`torch.nn.parallel` on one process and one device: wrappers that hand everything through."""

from . import _functions as _functions
from . import comm, distributed, scatter_gather
from .data_parallel import DataParallel, data_parallel
from .distributed import DistributedDataParallel
from .parallel_apply import parallel_apply
from .replicate import replicate
from .scatter_gather import gather, scatter, scatter_kwargs

DistributedDataParallelCPU = DistributedDataParallel

__all__ = [
    "DataParallel", "DistributedDataParallel", "comm", "data_parallel", "distributed", "gather", "parallel_apply", "replicate", "scatter",
    "scatter_gather", "scatter_kwargs",
]  # fmt: skip
