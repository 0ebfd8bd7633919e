"""Padding: constants, mirror images, edges and wrapped copies around the last dimensions; negative pads cut off."""

from __future__ import annotations

import numpy as np

from ...core.data import element
from ...core.declare import composite, function
from ...core.layout import RULES
from ..linked import linked
from ..nn.interpolate import Taps, resample
from ..xp import kind_of, zeros

MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def _pairs(pad, ndim):
    """A flat `pad`, last dimension first, as (low, high) for every dimension."""
    pad = tuple(int(p) for p in pad)
    if len(pad) % 2:
        raise RuntimeError("Padding length must be divisible by 2")
    if len(pad) > 2 * ndim:
        raise RuntimeError(
            "Padding length should be less than or equal to two times the input dimension but got padding length "
            f"{len(pad)} and input of dimension {ndim}"
        )
    given = tuple((pad[i], pad[i + 1]) for i in range(0, len(pad), 2))[::-1]
    return ((0, 0),) * (ndim - len(given)) + given


def _inside(n, low, high):
    """Where the kept part of a dimension of `n` elements lies in the padded one, and which part that is."""
    return slice(max(low, 0), max(low, 0) + n + min(low, 0) + min(high, 0)), slice(max(-low, 0), n - max(-high, 0))


@composite(
    wide="rules", layout="channels", places="torch",
    samples=[((2, 3), (1, 2)), ((2, 3), (1, -1, 0, 2), 1.5), ((), ()), ((0, 2), (1, 1, 1, 0))],
)  # fmt: skip
def constant_pad_nd(x, /, pad, value=0):
    """`x` with `pad` (low, high, last dimension first) elements of `value` around it; negative pads cut off."""
    pads = _pairs(pad, x.ndim)
    shape = tuple(n + low + high for n, (low, high) in zip(x.shape, pads, strict=True))
    if any(n < 0 for n in shape):
        sizes = f"{list(x.shape)}, plus negative padding {list(pad)}"
        raise RuntimeError(f"The input size {sizes}, resulted in a negative output size, which is invalid.")
    out = zeros(x, shape)
    if value:
        out[...] = element(float(value), kind_of(x)) if value.__class__ is int else element(value, kind_of(x))
    parts = [_inside(n, low, high) for n, (low, high) in zip(x.shape, pads, strict=True)]
    out[tuple(p[0] for p in parts)] = x[tuple(p[1] for p in parts)]
    return out


@constant_pad_nd.grad("x")
def _(g, pad):
    return constant_pad_nd(g, tuple(-p for p in pad))


def _order(shape, arrays, attributes):
    """Channels last if `x` has them so; a circle is joined from pieces, in rows."""
    return None if attributes[1] == "circular" else RULES["channels"](shape, arrays, attributes)


@composite(
    called="pad",
    wide="rules",
    places="",
    layout=_order,
    samples=[((2, 4), ((0, 0), (1, 2)), "reflect"), ((1, 2, 4), ((0, 0), (2, 1), (3, 4)), "circular")],
)
def pad_around(x, /, pads, mode):
    """`x` continued on all sides by reflection, by its edges or in a circle; `pads` are (low, high), none negative."""
    return np.pad(x, pads, mode=MODES[mode])


@composite(called="pad", wide="rules", places="", layout=_order, samples=[
    ((2, 4), ((0, 0), (1, 2)), "reflect"), ((2, 3, 4), ((0, 0), (1, 1), (3, 0)), "replicate"),
])  # fmt: skip
def mirror_around(x, /, pads, mode):
    """`pad_around` whose gradient is, as PyTorch's is, connected to `x`."""
    return np.pad(x, pads, mode=MODES[mode])


@mirror_around.grad("x")
def _(g, x, pads, mode):
    return linked(fold_around(g, pads, mode), x)


@composite(places="", samples=[((2, 7), ((0, 0), (1, 2)), "reflect"), ((2, 6), ((0, 0), (2, 1)), "circular")])
def fold_around(y, /, pads, mode):
    """The adjoint of `pad_around`: what lies in the padding added to the elements that it is a copy of."""
    for dim, (low, high) in enumerate(pads):
        if low == 0 and high == 0:
            continue
        y = np.moveaxis(y, dim, 0)
        n = len(y) - low - high
        out = np.copy(y[low : low + n])
        before, after = y[:low], y[low + n :]
        if mode == "reflect":
            out[1 : low + 1] += before[::-1]
            out[n - 1 - high : n - 1] += after[::-1]
        elif mode == "replicate":
            out[0] += np.add.reduce(before, axis=0)
            out[n - 1] += np.add.reduce(after, axis=0)
        else:
            out[n - low :] += before
            out[:high] += after
        y = np.moveaxis(out, 0, dim)
    return np.copy(y, order="C")


@pad_around.grad("x")
def _(g, pads, mode):
    return fold_around(g, pads, mode)


@fold_around.grad("y")
def _(g, pads, mode):
    return pad_around(g, pads, mode)


@composite(wide="rules", places="", samples=[([(2, 3), (4, 3)], True, 0.5, "right"), ([(2,), (1,)], False, 0.0, "left")])
def padded_stack(*xs, batch_first=False, padding_value=0.0, padding_side="right"):
    """Sequences (length, ...) of several lengths in one tensor, the shorter ones padded: (longest, sequences, ...)."""
    longest = max(len(x) for x in xs)
    out = np.full((len(xs), longest, *xs[0].shape[1:]), padding_value, xs[0].dtype)
    for row, x in zip(out, xs, strict=True):
        row[_place(longest, len(x), padding_side)] = x
    return out if batch_first else np.ascontiguousarray(out.swapaxes(0, 1))


def _place(longest, n, padding_side):
    return slice(0, n) if padding_side == "right" else slice(longest - n, longest)


@padded_stack.grad("xs")
def _(g, xs_shape, batch_first, padding_side):
    g = g if batch_first else np.swapaxes(g, 0, 1)
    return tuple(g[i, _place(g.shape[1], shape[0], padding_side)] for i, shape in enumerate(xs_shape))


def _nearest(n, low, high):
    """The map of one dimension that takes for each place the nearest element there is; pads may be negative."""
    if n == 0 or n + low + high < 0:
        raise RuntimeError(f"cannot pad a dimension of {n} elements by {low} and {high} with its edges")
    return Taps(np.clip(np.arange(n + low + high) - low, 0, n - 1)[None], None, n)


def _check_fits(x, pads, mode):
    for dim, ((low, high), n) in enumerate(zip(pads, x.shape, strict=True)):
        widest = max(low, high)
        if mode == "reflect" and widest >= n and widest > 0:
            raise RuntimeError(
                "Argument #4: Padding size should be less than the corresponding input dimension, "
                f"but got: padding ({low}, {high}) at dimension {dim} of input {list(x.shape)}"
            )
        if mode == "circular" and widest > n:
            where = f"({low}, {high}) at dimension {dim} of {list(x.shape)}"
            raise RuntimeError(f"Padding value causes wrapping around more than once: {where}")
        if mode == "replicate" and n == 0 and widest > 0:
            raise RuntimeError(f"Expected a non-empty dimension {dim} to pad, but got input {list(x.shape)}")


@function("F")
def pad(input, pad, mode="constant", value=None):
    """`input` with elements added around it: `pad` is (low, high) of the last dimension, then of the one before, and so on.

    Modes are "constant" (of `value`, 0 by default), "reflect", "replicate" and "circular"; negative pads cut off.

    Args:
        pad: an even number of integers, the last dimension first.
        mode: how elements come about.
        value: the number for "constant".

    Shape: each size grows by its two numbers.

    Raises:
        RuntimeError: the mode cannot make so many elements, or pads more than all dimensions.

    >>> torch.nn.functional.pad(torch.ones(1, 2), (1, 2))
    tensor([[0., 1., 1., 0., 0.]])
    """
    if mode == "constant":
        return constant_pad_nd(input, tuple(pad), 0 if value is None else value)
    if value is not None and value != 0:
        raise ValueError(f'Padding mode "{mode}" doesn\'t take in value argument')
    if mode not in MODES:
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    pads = _pairs(pad, input.ndim)
    if len(pad) // 2 not in (input.ndim - 1, input.ndim - 2) or not 2 <= len(pad) <= 6:
        raise NotImplementedError("Only 2D, 3D, 4D, 5D padding with non-constant padding are supported for now")
    for n, (low, high) in zip(input.shape, pads, strict=True) if mode != "circular" else ():
        if (low or high) and n + low + high < 1:
            raise RuntimeError(f"input (W: {n}) is too small. Calculated output W: {n + low + high}")
    if mode == "replicate" and any(p < 0 for p in pad):
        return resample(input, tuple(_nearest(n, *sides) for n, sides in zip(input.shape, pads, strict=True)))
    cut = tuple(min(int(p), 0) for p in pad)
    around = tuple((max(low, 0), max(high, 0)) for low, high in pads)
    if mode == "circular" and any(cut):
        input = constant_pad_nd(input, cut)
    _check_fits(input, around, mode)
    padded = (pad_around if mode == "circular" else mirror_around)(input, around, mode)
    return constant_pad_nd(padded, cut) if mode == "reflect" and any(cut) else padded  # what is cut off is reflected before
