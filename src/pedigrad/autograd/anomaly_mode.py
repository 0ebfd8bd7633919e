"""`torch.autograd.anomaly_mode`: the search for what first gives nan."""

from ..core.modes import detect_anomaly, set_detect_anomaly

__all__ = ["detect_anomaly", "set_detect_anomaly"]
