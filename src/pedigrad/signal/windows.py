"""`torch.signal.windows`: windows of `M` values, symmetric ones or, without `sym`, periods."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import dtypes
from ..core.origin import located
from ..core.tensor import Tensor
from ..ops.creation import strided, tensor
from ..ops.math.tapers import cosines, spread
from ..ops.math.tapers import kaiser as kaiser_values

Options = Any


def _made(name: str, M: Any, values: Callable[[], Any], dtype: Any, layout: Any, device: Any, requires_grad: bool) -> Tensor:
    """The window as a tensor; ValueError for what is no size, dtype or layout of one."""
    if isinstance(M, bool) or not hasattr(M, "__index__"):
        raise TypeError(located(f"{name}(): M must be int, not {type(M).__name__}"))
    if M < 0:
        raise ValueError(located(f"{name} requires non-negative window length, got M={M}"))
    if layout is not strided:
        raise ValueError(located(f"{name} is implemented for strided tensors only, got: {layout}"))
    dtype = dtypes.get_default_dtype() if dtype is None else dtype
    if dtype not in (dtypes.float32, dtypes.float64):
        raise ValueError(located(f"{name} expects float32 or float64 dtypes, got: {dtype}"))
    numbers = np.ones(1) if M == 1 else values()
    return tensor(numbers, dtype=dtype, device=device, requires_grad=requires_grad)


def general_cosine(
    M: int, *, a: Any, sym: bool = True, dtype: Any = None, layout: Any = strided, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """The sum of cosines of the multiples of one turn, with weights `a` whose signs alternate."""
    if not isinstance(a, (list, tuple)):
        raise TypeError(located("Coefficients must be a list/tuple"))
    if not a:
        raise ValueError(located("Coefficients cannot be empty"))
    return _made("general_cosine", M, lambda: cosines(spread(M, sym), a), dtype, layout, device, requires_grad)


def general_hamming(M: int, *, alpha: float = 0.54, **options: Options) -> Tensor:
    """A cosine of height `1 - alpha` around `alpha`."""
    return general_cosine(M, a=[alpha, 1 - alpha], **options)


def hamming(M: int, **options: Options) -> Tensor:
    """Hamming's window, a cosine that ends above zero."""
    return general_hamming(M, **options)


def hann(M: int, **options: Options) -> Tensor:
    """Hann's window, a raised cosine."""
    return general_hamming(M, alpha=0.5, **options)


def blackman(M: int, **options: Options) -> Tensor:
    """Blackman's window, a sum of two cosines."""
    return general_cosine(M, a=[0.42, 0.5, 0.08], **options)


def nuttall(M: int, **options: Options) -> Tensor:
    """Nuttall's window, a sum of three cosines."""
    return general_cosine(M, a=[0.3635819, 0.4891775, 0.1365995, 0.0106411], **options)


def bartlett(
    M: int, *, sym: bool = True, dtype: Any = None, layout: Any = strided, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Bartlett's window, a triangle."""
    return _made("bartlett", M, lambda: 1 - np.abs(2 * spread(M, sym) - 1), dtype, layout, device, requires_grad)


def cosine(
    M: int, *, sym: bool = True, dtype: Any = None, layout: Any = strided, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Half a sine."""
    return _made("cosine", M, lambda: np.sin(np.pi * (np.arange(M) + 0.5) / (M + (not sym))), dtype, layout, device, requires_grad)


def exponential(
    M: int, *, center: float | None = None, tau: float = 1.0, sym: bool = True, dtype: Any = None, layout: Any = strided,
    device: Any = None, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """Powers that fall off from `center`, the middle, to a part e of themselves in `tau` steps."""
    if tau <= 0:
        raise ValueError(located(f"Tau must be positive, got: {tau} instead."))
    if sym and center is not None:
        raise ValueError(located("Center must be None for symmetric windows"))
    middle = (M - sym) / 2 if center is None else center
    return _made("exponential", M, lambda: np.exp(-np.abs(np.arange(M) - middle) / tau), dtype, layout, device, requires_grad)


def gaussian(
    M: int, *, std: float = 1.0, sym: bool = True, dtype: Any = None, layout: Any = strided, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """A bell `std` wide."""
    if std <= 0:
        raise ValueError(located(f"Standard deviation must be positive, got: {std} instead."))
    return _made("gaussian", M, lambda: np.exp(-0.5 * ((np.arange(M) - (M - sym) / 2) / std) ** 2), dtype, layout, device, requires_grad)


def kaiser(
    M: int,
    *,
    beta: float = 12.0,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = strided,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Kaiser's window, the narrower the larger `beta`."""
    if beta < 0:
        raise ValueError(located(f"beta must be non-negative, got: {beta} instead."))
    return _made("kaiser", M, lambda: kaiser_values(spread(M, sym), beta), dtype, layout, device, requires_grad)


__all__ = [
    "bartlett", "blackman", "cosine", "exponential", "gaussian", "general_cosine", "general_hamming", "hamming", "hann", "kaiser",
    "nuttall",
]  # fmt: skip
