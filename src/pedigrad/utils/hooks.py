"""torch.utils.hooks: what registering a hook returns."""

from __future__ import annotations

from typing import Any

from ..core.origin import warn
from ..nn.hooks import RemovableHandle

__all__ = ["RemovableHandle", "unserializable_hook", "warn_if_has_hooks"]


def unserializable_hook(f: Any) -> Any:
    """The hook `f`, marked as one that is not to be pickled with its tensor."""
    f.__torch_unserializable__ = True
    return f


def warn_if_has_hooks(tensor: Any) -> None:
    """Nothing: hooks belong to a tensor's history, which is never pickled. A warning if `tensor` has other marks of some."""
    for hook in (getattr(tensor, "_backward_hooks", None) or {}).values():
        if not hasattr(hook, "__torch_unserializable__"):
            warn(f"backward hook {hook!r} on tensor will not be serialized")
