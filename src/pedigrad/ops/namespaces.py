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
            function = _INNER.get(name) or next((PLACES[place][name] for place in ("torch", "Tensor", "F") if name in PLACES[place]), None)
            if function is not None:
                return operations.setdefault(name, Aten(name, function))
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


def _index(self: Any, indices: Any) -> Any:
    return self[tuple(slice(None) if each is None else each for each in indices)]


def _slice(self: Any, dim: int = 0, start: Any = None, end: Any = None, step: int = 1) -> Any:
    dim = dim + self.dim() if dim < 0 else dim
    return self[(*[slice(None)] * dim, slice(start, end, step))]


def _to_copy(self: Any, *, dtype: Any = None, device: Any = None, memory_format: Any = None, **options: Any) -> Any:
    return self.to(device=self.device if device is None else device, dtype=dtype or self.dtype, copy=True, memory_format=memory_format)


def _gradients(*args: Any, **kwargs: Any) -> Any:
    raise NotImplementedError("aten.convolution_backward: gradients of a convolution are taken by backward() and torch.autograd.grad()")


# Operations that PyTorch has under `aten` alone: indexing, slices and copies as its dispatcher sees them.
_INNER: dict[str, Any] = {
    "alias": lambda self: self.view_as(self),
    "index": _index,
    "slice": _slice,
    "_to_copy": _to_copy,
    "_pin_memory": lambda self, device=None: self.pin_memory(),
    "lift_fresh": lambda self: self,
    "sym_size": lambda self, dim=None: self.size() if dim is None else self.size(dim),
    "sym_stride": lambda self, dim=None: self.stride() if dim is None else self.stride(dim),
    "sym_numel": lambda self: self.numel(),
    "sym_storage_offset": lambda self: self.storage_offset(),
    "_local_scalar_dense": lambda self: self.item(),
    "_sparse_addmm": lambda self, sparse, dense, *, beta=1, alpha=1: beta * self + alpha * (sparse @ dense),
    "convolution_backward": _gradients,
    "_unsafe_view": lambda self, size: self.reshape(size),
}

NAMESPACES: dict[str, Namespace] = {"aten": Namespace("aten")}
