"""DistributedDataParallel on the one process there is."""

from contextlib import contextmanager

from ...core.origin import located
from ..module import Module


class DistributedDataParallel(Module):
    """`module`, whose gradients are averaged over the one process there is; it is found as `.module`.

    The arguments that say how gradients are exchanged are kept and have no effect.
    """

    def __init__(
        self, module, device_ids=None, output_device=None, dim=0, broadcast_buffers=True, init_sync=True, process_group=None,
        bucket_cap_mb=None, find_unused_parameters=False, check_reduction=False, gradient_as_bucket_view=False, static_graph=False,
        delay_all_reduce_named_params=None, param_to_hook_all_reduce=None, mixed_precision=None, device_mesh=None,
        skip_all_reduce_unused_params=False, **unused,
    ):  # fmt: skip
        super().__init__()
        if not any(p.requires_grad for p in module.parameters()):
            message = "DistributedDataParallel is not needed when a module doesn't have any parameters that require a gradient."
            raise RuntimeError(located(message))
        if device_ids is not None and len(device_ids) > 1:
            raise ValueError(located("device_ids can only be None or contain a single element."))
        self.module = module
        self.device_ids, self.output_device, self.dim = device_ids, output_device, dim
        self.broadcast_buffers, self.find_unused_parameters = broadcast_buffers, find_unused_parameters
        self.process_group, self.static_graph, self.gradient_as_bucket_view = process_group, static_graph, gradient_as_bucket_view
        self.device = next(module.parameters()).device
        self.device_type = self.device.type
        self.require_backward_grad_sync = self.require_forward_param_sync = True

    def forward(self, *inputs, **kwargs):
        """What the module gives."""
        return self.module(*inputs, **kwargs)

    @contextmanager
    def no_sync(self):
        """Within it gradients would not be exchanged."""
        before, self.require_backward_grad_sync = self.require_backward_grad_sync, False
        try:
            yield
        finally:
            self.require_backward_grad_sync = before

    @contextmanager
    def join(self, divide_by_initial_world_size=True, enable=True, throw_on_early_termination=False):
        """Within it processes could have different numbers of batches."""
        yield

    def register_comm_hook(self, state, hook):
        """Nothing: gradients are not exchanged."""

    def _set_static_graph(self):
        self.static_graph = True
