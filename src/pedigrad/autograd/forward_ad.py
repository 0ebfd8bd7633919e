"""torch.autograd.forward_ad: tensors with a tangent, whose derivatives are carried along with what is computed."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..core.lifted import levels_of
from ..core.modes import _Switch, settings
from ..core.origin import located
from ..core.tensor import Tensor
from .levels.dual import Derivative
from .levels.edges import primal_of, tangent_of
from .levels.mapping import dual

__all__ = ["UnpackedDualTensor", "dual_level", "enter_dual_level", "exit_dual_level", "make_dual", "unpack_dual"]


class UnpackedDualTensor(NamedTuple):
    """A tensor without its tangent, and that; None if it has none."""

    primal: Any
    tangent: Any


def enter_dual_level() -> int:
    """Begin a level, in which tensors can be given tangents; returns its number, 0, since there is one at most."""
    if settings.dual_level is not None:
        message = "Nested forward mode AD is not supported at the moment: use torch.func.jvp for derivatives of derivatives"
        raise RuntimeError(located(message))
    settings.dual_level = Derivative()
    return 0


def exit_dual_level(*, level: int | None = None) -> None:
    """End the level: what has a tangent in it is what it is without, from then on."""
    if settings.dual_level is None or level not in (None, 0):
        message = "Trying to exit a forward AD level that was not the last one that was created"
        raise RuntimeError(located(f"{message}: there is {'no level' if settings.dual_level is None else 'level 0'}"))
    settings.dual_level.ended = True
    settings.dual_level = None


def make_dual(tensor: Tensor, tangent: Tensor, *, level: int | None = None) -> Tensor:
    """`tensor` with the tangent `tangent`, in the level that was entered; gradients of both go on through it.

    >>> import pedigrad as torch
    >>> import pedigrad.autograd.forward_ad as fwAD
    >>> with fwAD.dual_level():
    ...     x = fwAD.make_dual(torch.tensor(2.0), torch.tensor(1.0))
    ...     fwAD.unpack_dual(x**3).tangent
    tensor(12.)
    """
    if settings.dual_level is None or (level is not None and level < 0):
        message = "Trying to create a dual Tensor for forward AD but no level exists, make sure to enter_dual_level() first."
        raise RuntimeError(located(message))
    return dual(tensor, tangent, settings.dual_level)


def unpack_dual(tensor: Tensor, *, level: int | None = None) -> UnpackedDualTensor:
    """The tensor without its tangent, and the tangent, None if it has none in the level."""
    current = settings.dual_level
    if current is None or not has_tangent(tensor, current):
        return UnpackedDualTensor(tensor, None)
    return UnpackedDualTensor(primal_of(tensor, current), tangent_of(tensor, current))


def has_tangent(tensor: Tensor, level: Derivative) -> bool:
    """Whether a tensor has a tangent in a level, also one of each sample of a batch."""
    return level in levels_of(tensor._array)


class dual_level(_Switch):
    """A context in which tensors can be given tangents."""

    def __enter__(self) -> int:
        return enter_dual_level()

    def __exit__(self, *exc: object) -> None:
        exit_dual_level()
