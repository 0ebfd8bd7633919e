"""`torch.cuda.streams`: streams and events, which no device has."""

from .. import cuda as _cuda

globals().update(
    {
        _name: getattr(_cuda, _name)
        for _name in (
            "Stream",
            "Event",
            "ExternalStream",
        )
    }
)
