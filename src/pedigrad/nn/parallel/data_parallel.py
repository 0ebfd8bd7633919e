"""DataParallel: a module by another name, since there is one device to run it on."""

from ..module import Module


class DataParallel(Module):
    """`module` called on the whole batch; it is found as `.module`, and its state is saved with that prefix.

    Args:
        module: the module.
        device_ids, output_device: ignored: there is one device.
        dim: ignored: the batch is not divided.

    Shape: that of the module.

    >>> torch.nn.DataParallel(torch.nn.Linear(2, 3))(torch.zeros(4, 2)).shape
    torch.Size([4, 3])
    """

    def __init__(self, module, device_ids=None, output_device=None, dim=0):
        super().__init__()
        self.module, self.device_ids, self.output_device, self.dim = module, [], output_device, dim

    def forward(self, *inputs, **kwargs):
        """What the module gives."""
        return self.module(*inputs, **kwargs)


def data_parallel(module, inputs, device_ids=None, output_device=None, dim=0, module_kwargs=None):
    """What `module` gives for `inputs`, one or a tuple of them."""
    inputs = inputs if isinstance(inputs, tuple) else () if inputs is None else (inputs,)
    return module(*inputs, **(module_kwargs or {}))
