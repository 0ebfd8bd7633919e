"""What constructors of optimizers check, and the options that many updates share."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.origin import located
from ..core.quiet import astype
from ..core.tensor import Tensor

Array = np.ndarray[Any, Any]


def check(condition: bool, message: str) -> None:
    """ValueError with `message` unless `condition`."""
    if not condition:
        raise ValueError(located(message))


def check_lr(lr: Any, message: str = "Invalid learning rate: {}") -> None:
    """ValueError unless `lr` is a number or a tensor of one element, and not negative."""
    check(not isinstance(lr, Tensor) or lr.numel() == 1, "Tensor lr must be 1-element")
    check(lr >= 0, message.format(lr))


def check_betas(betas: Any) -> None:
    """ValueError unless both rates of decay are in [0, 1)."""
    for i, beta in enumerate(betas):
        check(not isinstance(beta, Tensor) or beta.numel() == 1, f"Tensor betas[{i}] must be 1-element")
        check(0 <= beta < 1, f"Invalid beta parameter at index {i}: {beta}")


def check_implementation(differentiable: bool, foreach: bool | None = None, fused: bool | None = None) -> None:
    """The errors of options that choose an implementation: those that exclude each other, and the one that we do not have."""
    if fused and differentiable:
        raise RuntimeError(located("`fused` does not support `differentiable`"))
    if fused and foreach:
        raise RuntimeError(located("`fused` and `foreach` cannot be `True` together."))
    if differentiable:
        raise NotImplementedError(located("the option differentiable=True of this optimizer is not supported: steps are not recorded"))


def descend(p: Array, g: Array, group: dict[str, Any]) -> Array:
    """The gradient as an algorithm uses it: its sign turned for `maximize`, the L2 penalty's gradient added."""
    if group["maximize"]:
        g = -g
    return g + p * group["weight_decay"] if group["weight_decay"] else g


def decay(p: Array, g: Array, group: dict[str, Any]) -> tuple[Array, Array]:
    """The parameter, shrunk if the decay of weights is decoupled (Loshchilov and Hutter 2019), and the gradient to use."""
    if not group["decoupled_weight_decay"] or not group["weight_decay"]:
        return p, descend(p, g, group)
    return p * (1 - group["lr"] * group["weight_decay"]), -g if group["maximize"] else g


def number(value: Any) -> Any:
    """An option as the update takes it: Python numbers in place of tensors of one element."""
    if isinstance(value, Tensor):
        return value.item()
    return tuple(map(number, value)) if isinstance(value, tuple) else value


def widened(array: Array) -> Array:
    """The array in float32 if its elements have fewer bits."""
    return array if array.dtype.itemsize > 2 else astype(array, np.float32)
