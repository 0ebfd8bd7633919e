"""What a model is and how its training goes: `summary(model, input)` and `watch(model)`; `progress` is a bar for loops."""

from .progress import Progress, progress
from .summary import Summary, summary
from .watch import Watch, watch

__all__ = ["Progress", "Summary", "Watch", "progress", "summary", "watch"]
