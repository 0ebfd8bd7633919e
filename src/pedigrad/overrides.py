"""torch.overrides: functions that other classes take over."""
