"""`torch.distributed.rpc`, calls of functions in other processes: the names are there; using them is refused."""

from ... import distributed as _distributed
from ...core.refused import lazily, refused
from ...futures import Future as Future

globals().update(refused(__name__, _distributed._WHY, classes="RRef WorkerInfo RpcBackendOptions TensorPipeRpcBackendOptions BackendType"))
globals().update(refused(__name__, _distributed._WHY, functions="init_rpc shutdown remote rpc_sync rpc_async get_worker_info"))


def is_available() -> bool:
    """False."""
    return False


__getattr__ = lazily(__name__, __path__)
