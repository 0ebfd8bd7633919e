"""`torch._C._distributed_rpc`: no function is called in other processes."""


def _is_current_rpc_agent_set() -> bool:
    """False."""
    return False
