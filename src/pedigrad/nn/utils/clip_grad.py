"""Clipping of gradients by norm and by value."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from ...core import modes, watching
from ...core.graph import note_write
from ...core.origin import located, warn
from ...core.profiling import profiled
from ...core.tensor import Tensor, wrap


def _gradients(parameters: Any) -> list[np.ndarray[Any, Any]]:
    listed = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    return [p.grad._array for p in listed if p.grad is not None]


def _norm(arrays: list[np.ndarray[Any, Any]], order: float) -> np.ndarray[Any, Any]:
    """The norm of all elements of all arrays together, as a 0-d array in their dtype."""
    if not arrays:
        return np.zeros((), np.float32)
    dtype = np.result_type(*arrays)
    if order == math.inf:
        return np.asarray(max(np.abs(a).max(initial=0) for a in arrays), dtype)
    if order == 2:
        return np.asarray(math.sqrt(sum(float(np.vdot(a, a).real) for a in arrays)), dtype)
    return np.asarray(sum(float((np.abs(a) ** order).sum()) for a in arrays) ** (1 / order), dtype)


@profiled
def get_total_norm(tensors: Any, norm_type: float = 2.0, error_if_nonfinite: bool = False, foreach: bool | None = None) -> Tensor:
    """The norm of all tensors together, as a 0-d tensor."""
    listed = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    total = _norm([t._array for t in listed], float(norm_type))
    if error_if_nonfinite and not np.isfinite(total):
        message = f"The total norm of order {norm_type} for gradients from `parameters` is non-finite, so it cannot be clipped."
        raise RuntimeError(located(message))
    return wrap(total)


@profiled
def clip_grads_with_norm_(parameters: Any, max_norm: float, total_norm: Tensor, foreach: bool | None = None) -> None:
    """Scale all gradients by `max_norm / total_norm` where that is below one."""
    scale = float(max_norm) / (total_norm.item() + 1e-6)
    if scale >= 1.0:
        return
    for array in _gradients(parameters):
        np.multiply(array, scale, out=array)
        note_write(array, "clip_grad_norm_")


@profiled
def clip_grad_norm_(
    parameters: Any, max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False, foreach: bool | None = None
) -> Tensor:
    """Scale the gradients in place so that their norm, of all together, is at most `max_norm`; returns the norm before.

    Args:
        parameters: tensors whose `.grad` is changed.
        max_norm: the largest norm that stays.
        norm_type: the order of the norm; inf for the largest element.
        error_if_nonfinite: whether a norm of nan or inf is an error.
        foreach: ignored: there is one implementation.

    Shape: the norm is a scalar tensor.

    Raises:
        RuntimeError: the norm is not finite, with `error_if_nonfinite`.

    >>> w = torch.ones(2, requires_grad=True)
    >>> (3 * w[0] + 4 * w[1]).backward()
    >>> torch.nn.utils.clip_grad_norm_([w], max_norm=1.0), w.grad
    (tensor(5.), tensor([0.6000, 0.8000]))
    """
    listed = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    if watching.watcher is not None:
        watching.watcher.clipping("clip_grad_norm_", listed, float(max_norm))
    if modes.special and modes.settings.recorder is not None and not error_if_nonfinite:
        return _recorded(_gradients(listed), float(max_norm), float(norm_type), modes.settings.recorder)
    grads = [p.grad for p in listed if p.grad is not None]
    total = get_total_norm(grads, norm_type, error_if_nonfinite)
    clip_grads_with_norm_(listed, max_norm, total)
    return total


def clip_grad_norm(
    parameters: Any, max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False, foreach: bool | None = None
) -> Tensor:
    """The old name of `clip_grad_norm_`."""
    warn("`torch.nn.utils.clip_grad_norm` is now deprecated in favor of `torch.nn.utils.clip_grad_norm_`.", FutureWarning)
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite, foreach)


def _recorded(arrays: list[np.ndarray[Any, Any]], max_norm: float, order: float, recorder: Any) -> Tensor:
    """The same while a program is recorded: without a look at the norm, the gradients are always scaled."""
    places = list(map(id, arrays))  # one that is that of two parameters is scaled twice

    def clipped(*arrays: Any) -> Any:
        if order == math.inf:
            total = functools.reduce(np.maximum, [np.max(np.abs(a)) for a in arrays])
        else:
            powers = [np.sum(a * a if order == 2 else np.abs(a) ** order) for a in arrays]
            total = functools.reduce(np.add, powers) ** (1 / order)
        scale = np.minimum(max_norm / (total + 1e-6), 1.0)
        scaled: dict[int, Any] = {}
        for place, a in zip(places, arrays, strict=True):
            scaled[place] = scaled.get(place, a) * scale
        return [total, *(scaled[place] for place in places)]

    total, *scaled = recorder.run(clipped, tuple(arrays), "clip_grad_norm_") if arrays else [np.zeros((), np.float32)]
    for array, new in zip(arrays, scaled, strict=True):
        np.copyto(array, new)
        note_write(array, "clip_grad_norm_")
        recorder.write(array, new)
    return wrap(total)


@profiled
def clip_grad_value_(parameters: Any, clip_value: float, foreach: bool | None = None) -> None:
    """Limit every element of the gradients, in place, to [-clip_value, clip_value]."""
    recorder = modes.settings.recorder if modes.special else None
    listed = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    if watching.watcher is not None:
        watching.watcher.clipping("clip_grad_value_", listed, float(clip_value))
    for array in _gradients(listed):
        if recorder is not None:
            recorder.write(array, recorder.run(np.clip, (array, -clip_value, clip_value), "clip_grad_value_"))
        np.clip(array, -clip_value, clip_value, out=array)
        note_write(array, "clip_grad_value_")
