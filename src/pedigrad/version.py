"""`torch.version`: what it was built with."""

from typing import Any

cuda: Any = None
hip: Any = None
debug = False
git_version = "Unknown"
