"""Signals cut into frames that overlap, and the frequencies in each."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core import dtypes
from ...core.declare import composite, function
from ...core.lifted import whole
from ...core.origin import located, warn
from ...core.shapes import as_int
from ...core.tensor import Tensor, constant, read
from ..shape.padding import constant_pad_nd, pad
from ..shape.view import reshape, transpose
from .complexes import view_as_real
from .fft import complex_transform, half_transform, real_transform, resized_along


@composite(wide=False, places="", samples=[((9,), 4, 2), ((2, 7), 3, 5), ((2, 5), 5, 1)])
def framed(x, /, size, hop):
    """Stretches of `size` elements along the last dimension, one each `hop` elements, as a further dimension before them."""
    return np.copy(np.lib.stride_tricks.sliding_window_view(x, size, -1)[..., ::hop, :])


@framed.grad("x")
def _(g, x_shape, hop):
    return resized_along(overlapped(g, hop), (len(x_shape) - 1,), (x_shape[-1],))


@composite(places="", samples=[((3, 4), 2), ((2, 3, 5), 2), ((2, 3), 5), ((1, 4), 1)])
def overlapped(x, /, hop):
    """Rows, each `hop` elements after the one before, added up into one."""
    lead, (count, size) = x.shape[:-2], x.shape[-2:]
    pieces = -(-size // hop)
    x = np.reshape(resized_along(x, (x.ndim - 1,), (pieces * hop,)), (*lead, count, pieces, hop))
    out = 0
    for i in range(pieces):
        low, high = (np.zeros((*lead, n, hop), x.dtype) for n in (i, pieces - 1 - i))
        out = out + np.concatenate([low, x[..., i, :], high], -2)
    whole = np.reshape(out, (*lead, (count + pieces - 1) * hop))
    return resized_along(whole, (len(lead),), (size + hop * (count - 1),))


@overlapped.grad("x")
def _(g, x_shape, hop):
    return framed(g, x_shape[-1], hop)


def _sizes(name: str, n_fft: Any, hop_length: Any, win_length: Any) -> tuple[int, int, int]:
    n_fft = as_int(n_fft)
    hop = n_fft // 4 if hop_length is None else as_int(hop_length)
    width = n_fft if win_length is None else as_int(win_length)
    if hop <= 0:
        raise RuntimeError(located(f"{name}: expected hop_length > 0, but got hop_length={hop}"))
    if not 0 < width <= n_fft:
        raise RuntimeError(located(f"{name}: expected 0 < win_length <= n_fft, but got win_length={width}"))
    return n_fft, hop, width


def _window(name: str, window: Any, n_fft: int, width: int) -> Any:
    """The window in the middle of `n_fft` elements; None where all are taken as they are."""
    if window is None:
        warn(
            f"{name}: no window was given, so frames are cut out sharply, which smears frequencies; torch.hann_window(n_fft) avoids"
            " that, and window=torch.ones(n_fft) this warning"
        )
        if width == n_fft:
            return None
        window = constant(np.ones(width, dtypes.to_numpy(dtypes.get_default_dtype())))
    elif window.ndim != 1 or window.shape[0] != width:
        what = f"expected a 1D window tensor of size equal to win_length={width}"
        raise RuntimeError(located(f"{name}: {what}, but got window with size {list(window.shape)}"))
    left = (n_fft - width) // 2
    return window if width == n_fft else constant_pad_nd(window, (left, n_fft - width - left))


@function()
def stft(
    input: Tensor, n_fft: int, hop_length: int | None = None, win_length: int | None = None, window: Tensor | None = None,
    center: bool = True, pad_mode: str = "reflect", normalized: bool = False, onesided: bool | None = None,
    return_complex: bool | None = None, align_to_window: bool | None = None,
) -> Tensor:  # fmt: skip
    """The frequencies in each frame of a signal, of shape (..., frequencies, frames).

    Frames are `n_fft` long, `hop_length` apart, and multiplied by `window`; with `center` the first one has the first element in its
    middle, and the signal goes on beyond its ends as `pad_mode` says.
    """
    if input.ndim not in (1, 2):
        raise RuntimeError(located(f"stft: expected a 1D or 2D tensor, got shape {tuple(input.shape)}"))
    if not (input.is_floating_point() or input.is_complex()):
        raise RuntimeError(located(f"stft: expected a tensor of floating point or complex values, got {input.dtype}"))
    if center and align_to_window is not None:
        raise RuntimeError(located("stft align_to_window should only be set when center = false"))
    n_fft, hop, width = _sizes("stft", n_fft, hop_length, win_length)
    complex_ = input.is_complex() or (window is not None and window.is_complex())
    if return_complex is None and not complex_:
        raise RuntimeError(located("stft requires the return_complex parameter be given for real inputs: return_complex=True"))
    if onesided and complex_:
        raise RuntimeError(located("Cannot have onesided output if window or input is complex"))
    full = _window("stft", window, n_fft, width)
    x: Any = reshape(input, (1, *input.shape)) if input.ndim == 1 else input
    if center:
        x = reshape(pad(reshape(x, (1, *x.shape)), (n_fft // 2, n_fft // 2), pad_mode), (x.shape[0], -1))
    elif align_to_window:
        left = (n_fft - width) // 2
        x = constant_pad_nd(x, (left, n_fft - width - left))
    if not 0 < n_fft <= x.shape[-1]:
        raise RuntimeError(located(f"stft: expected 0 < n_fft <= {x.shape[-1]}, but got n_fft={n_fft}"))
    frames = framed(x, n_fft, hop)
    frames = frames if full is None else frames * full
    norm = "ortho" if normalized else "backward"
    if complex_:
        out = complex_transform(frames, (2,), norm, True)
    else:
        if frames.dtype not in (dtypes.float32, dtypes.float64):
            raise RuntimeError(located(f"stft: Unsupported dtype {frames.dtype}"))
        out = real_transform(frames, (2,), norm, onesided is None or bool(onesided))
    out = transpose(out, 1, 2)
    out = out[0] if input.ndim == 1 else out
    return out if return_complex or return_complex is None else view_as_real(out)


@function()
def istft(
    input: Tensor, n_fft: int, hop_length: int | None = None, win_length: int | None = None, window: Tensor | None = None,
    center: bool = True, normalized: bool = False, onesided: bool | None = None, length: int | None = None,
    return_complex: bool = False,
) -> Tensor:  # fmt: skip
    """The signal that has these frequencies in its frames, of shape (..., frequencies, frames), as `stft` gives them.

    Frames that overlap are averaged, each element weighted with the window; RuntimeError where all windows are zero.
    """
    if not input.is_complex():
        raise RuntimeError(located("istft requires a complex-valued input tensor matching the output from stft with return_complex=True."))
    n_fft, hop, width = _sizes("istft", n_fft, hop_length, win_length)
    if hop > width:
        raise RuntimeError(located(f"istft: expected 0 < hop_length <= win_length, but got hop_length={hop}, win_length={width}"))
    if input.ndim == 1:
        raise IndexError(located("istft: expected a tensor with 2 or 3 dimensions, but got 1"))
    if input.numel() == 0:
        raise RuntimeError(located("istft: input tensor cannot be empty."))
    if input.ndim not in (2, 3):
        raise RuntimeError(located(f"istft: expected a tensor with 2 or 3 dimensions, but got {input.ndim}"))
    bins = input.shape[-2]
    half = bins != n_fft if onesided is None else bool(onesided)
    if bins != (n_fft // 2 + 1 if half else n_fft):
        wanted = "n_fft / 2 + 1 when onesided=True" if half else "n_fft when onesided=False"
        raise RuntimeError(located(f"istft: expected the frequency dimension of the input tensor to match {wanted}, but got {bins}"))
    if window is not None and window.is_complex() and not return_complex:
        raise RuntimeError(located("Complex windows are incompatible with return_complex=False"))
    if return_complex and half:
        raise RuntimeError(located("Cannot have onesided output if window or input is complex"))
    full = _window("istft", window, n_fft, width)
    x: Any = reshape(input, (1, *input.shape)) if input.ndim == 2 else input
    x = transpose(x, 1, 2)
    norm = "ortho" if normalized else "backward"
    if return_complex:
        frames = complex_transform(x, (2,), norm, False)
    else:
        frames = half_transform(x if half else x[:, :, : n_fft // 2 + 1], (2,), norm, n_fft)
    if full is None:
        full = constant(np.ones(n_fft, frames._array.dtype))
    count = frames.shape[1]
    out = overlapped(frames * full, hop)
    weight = overlapped((full * full).expand(count, n_fft), hop)
    start = n_fft // 2 if center else 0
    end = start + as_int(length) if length is not None else out.shape[-1] - start
    out, weight = out[:, start:end], weight[start:end]
    read(weight._array, "istft()")
    if weight.numel() and np.abs(whole(weight._array)).min() <= 1e-11:
        raise RuntimeError(located("istft: window overlap add min: 1: somewhere all windows are zero, so the signal is not known there"))
    out = out / weight
    if length is not None and out.shape[-1] < length:
        warn("istft: the signal is shorter than `length`, and filled up with zeros")
        out = constant_pad_nd(out, (0, length - out.shape[-1]))
    return out[0] if input.ndim == 2 else out


__all__ = ["framed", "overlapped"]
