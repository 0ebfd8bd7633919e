"""`torch.ops.<namespace>.<name>`: operations by namespace, users' and, as `aten`, our own."""

from __future__ import annotations

from typing import Any

from ..core.declare import PLACES


class Namespace:
    """The operations of one namespace, as attributes."""

    def __init__(self, name: str):
        self.name = name
        self.operations: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        operations = self.__dict__.get("operations", {})
        if name in operations:
            return operations[name]
        if self.__dict__.get("name") == "aten":
            for place in ("torch", "Tensor", "F"):
                if name in PLACES[place]:
                    return Aten(name, PLACES[place][name])
        raise AttributeError(f"'_OpNamespace' '{self.__dict__.get('name')}' object has no attribute '{name}'", name=name, obj=self)


class Aten:
    """One of our operations by the name that PyTorch's own have; all its overloads are the function itself."""

    def __init__(self, name: str, function: Any):
        self.__name__, self.function = name, function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self.function

    def __repr__(self) -> str:
        return f"aten.{self.__name__}"


NAMESPACES: dict[str, Namespace] = {"aten": Namespace("aten")}
