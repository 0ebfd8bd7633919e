"""What lies above and is handed down, for methods of the same name below: the package puts it here when it is imported."""

from __future__ import annotations

from typing import Any


def auto(enabled: bool, module: dict[str, Any]) -> None:
    """Whether training steps, those of a module among them, are compiled without being asked."""
    raise RuntimeError("the compiler is handed down by the package, which has not been imported")


def compile(model: Any, *args: Any, **kwargs: Any) -> Any:
    """`torch.compile`: what runs compiled programs of a function or a module."""
    raise RuntimeError("the compiler is handed down by the package, which has not been imported")
