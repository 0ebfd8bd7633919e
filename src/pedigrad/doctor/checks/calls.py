"""How models are called."""

from __future__ import annotations

from ...core.origin import Origin
from ...nn.module import Module
from ..findings import Check

HOOKS = ("_forward_pre_hooks", "_forward_hooks", "_backward_pre_hooks", "_backward_hooks")


class HooksPassedOver(Check):
    """A module with hooks is not called itself, but its `forward`, which runs none of them."""

    name = "hooks-passed-over"
    remedy = "Call the module: model(x), not model.forward(x)."

    def forwarded(self, module: Module) -> None:
        hooks = sum(len(getattr(module, kind, None) or ()) for kind in HOOKS)
        if not hooks:
            return
        if self.times_here() == 2:
            which = f"its {hooks} hooks" if hooks > 1 else "its hook"
            self.found(f"{type(module).__name__}.forward() is called itself: that passes over {which}.", Origin.here())
