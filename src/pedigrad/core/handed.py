"""What lies above and is handed down, for methods of the same name below: the package puts it here when it is imported."""

from __future__ import annotations

from typing import Any


def compile(model: Any, *args: Any, **kwargs: Any) -> Any:
    """`torch.compile`: what runs compiled programs of a function or a module."""
    raise RuntimeError("the compiler is handed down by the package, which has not been imported")
