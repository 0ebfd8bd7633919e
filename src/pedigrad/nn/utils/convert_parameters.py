"""Parameters as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable

from ...core.declare import PLACES
from ...core.origin import located
from ...core.tensor import Tensor, wrap

__all__ = ["parameters_to_vector", "vector_to_parameters"]


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All parameters end to end in one vector."""
    return PLACES["torch"]["cat"]([p.reshape(-1) for p in parameters])  # type: ignore[attr-defined]


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Give the parameters the values that lie end to end in `vec`."""
    if not isinstance(vec, Tensor):
        raise TypeError(located(f"expected torch.Tensor, but got: {type(vec).__name__}"))
    start = 0
    for p in parameters:
        size = p.numel()
        p.data = wrap(vec._array[start : start + size].reshape(p.shape))
        start += size
