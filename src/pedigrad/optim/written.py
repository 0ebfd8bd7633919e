"""What optimizers that users write in the way of PyTorch's own import from `torch.optim.optimizer`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..core import dtypes, modes
from ..core.declare import PLACES
from ..core.tensor import Tensor

_params_doc = "params: parameters, or dicts of parameters and options of their group."
_foreach_doc = "foreach: kept; it changes nothing."
_fused_doc = "fused: kept; it changes nothing."
_maximize_doc = "maximize: whether the objective is to grow."
_capturable_doc = "capturable: kept; it changes nothing on a CPU."
_differentiable_doc = "differentiable: whether the step itself is to be differentiated."


def _use_grad_for_differentiable(func: Callable[..., Any]) -> Callable[..., Any]:
    """A method `step` that records what it computes only if the optimizer was made with `differentiable=True`."""

    @functools.wraps(func)
    def step(*args: Any, **kwargs: Any) -> Any:
        with modes.set_grad_enabled(args[0].defaults["differentiable"]):
            return func(*args, **kwargs)

    return step


def _get_value(x: Any) -> Any:
    """The number in a tensor; anything else as it is."""
    return x.item() if isinstance(x, Tensor) else x


def _to_scalar(x: Any) -> Any:
    """A tensor of one element without dimensions; anything else as it is."""
    return x.squeeze() if isinstance(x, Tensor) and x.dim() else x  # type: ignore[attr-defined]


def _stack_if_compiling(x: Any) -> Any:
    """What was given: steps are not traced."""
    return x


def _default_to_fused_or_foreach(params: list[Any], differentiable: bool, use_fused: bool = False) -> tuple[bool, bool]:
    """Whether the parameters are moved by one fused kernel, and whether all at once: neither is asked for on a CPU."""
    return False, False


def _get_scalar_dtype(is_fused: bool | None = None) -> Any:
    """The dtype of counts of steps."""
    return dtypes.float64 if dtypes.get_default_dtype() is dtypes.float64 and not is_fused else dtypes.float32


def _view_as_real(params: list[Any], *state_and_grads: list[Any]) -> None:
    """Put views of pairs of real numbers in the place of the complex tensors in the lists."""
    for i, p in enumerate(params):
        if p.is_complex():
            for each in (params, *state_and_grads):
                each[i] = PLACES["torch"]["view_as_real"](each[i])


def _disable_dynamo_if_unsupported(single_tensor_fn: Any = None) -> Callable[[Any], Any]:
    """A decorator that gives the function back."""
    return lambda function: function
