"""`torch.distributed.tensor.device_mesh`: names of `torch.distributed.device_mesh`."""

from .. import device_mesh as _place

globals().update(
    {
        _name: getattr(_place, _name)
        for _name in (
            "DeviceMesh",
            "init_device_mesh",
        )
    }
)
