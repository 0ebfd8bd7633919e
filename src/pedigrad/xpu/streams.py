"""`torch.xpu.streams`: the names of `torch.xpu` that are about it."""

from .. import xpu as _xpu

globals().update(
    {
        _name: getattr(_xpu, _name)
        for _name in (
            "Stream",
            "Event",
        )
    }
)
