"""What a model is and how its training goes: `summary(model, input)` and `watch(model)`."""

from .summary import Summary, summary
from .watch import Watch, watch

__all__ = ["Summary", "Watch", "summary", "watch"]
