"""Fourier transforms: SciPy's, along any dimensions, of complex and of real signals.

Three operations are all: complex to complex, real to complex, complex to real. `norm` says what a transform is divided by: "forward"
(its size, on the way into frequencies), "backward" (its size, on the way back), "ortho" (the root of it, on both). The adjoint of a
transform is the one in the other direction with the norm turned round, which is what the gradient rules say.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core import dtypes
from ...core.declare import function, kernel
from ...core.origin import located
from ...core.shapes import as_int, one_dim
from ...core.tensor import Tensor
from ..creation import factory, numpy_dtype
from ..destination import deliver
from ..shape.convert import LEGACY_NAMES, converted
from ..shape.rearrange import roll
from .complexes import COMPLEX_SAMPLE, conj

TURNED = {"forward": "backward", "backward": "forward", "ortho": "ortho"}


def transform(name: str) -> Any:
    """The function of that name in `scipy.fft`."""
    import scipy.fft

    return getattr(scipy.fft, name)


def whole_lines(x: Any, dims: Any) -> bool:
    """Whether there is anything to transform."""
    return bool(dims) and 0 not in x.shape


@kernel(wide=False, places="", samples=[((3, 4), (1,), (2,)), ((3, 4), (0, 1), (5, 3)), ((3,), (0,), (3,))])
def resized_along(x, /, dims, sizes):
    """The first elements along each of `dims`, as many as `sizes` says, zeros after the last."""
    out = x[tuple(slice(sizes[dims.index(d)]) if d in dims else slice(None) for d in range(x.ndim))]
    for d, n in zip(dims, sizes, strict=True):
        if out.shape[d] < n:
            out = np.concatenate([out, np.zeros((*out.shape[:d], n - out.shape[d], *out.shape[d + 1 :]), x.dtype)], d)
    return np.copy(out)


@resized_along.grad("x")
def _(g, x_shape, dims):
    return resized_along(g, dims, tuple(x_shape[d] for d in dims))


@kernel(
    name="fft_c2c",
    called="fft",
    places="",
    out=True,
    node="FftC2CBackward0",
    samples=[(COMPLEX_SAMPLE, (0, 1), "ortho", True), (COMPLEX_SAMPLE, (1,), "backward", False)],
)
def complex_transform(x, /, dims, norm, forward):
    """Complex signals along `dims` into frequencies, or back."""
    if not whole_lines(x, dims):
        return np.copy(x)
    return transform("fftn" if forward else "ifftn")(x, axes=dims, norm=norm)


@complex_transform.grad("x")
def _(g, dims, norm, forward):
    return complex_transform(g, dims, TURNED[norm], not forward)


@kernel(
    name="fft_r2c",
    called="rfft",
    places="",
    out=True,
    node="FftR2CBackward0",
    samples=[((3, 4), (0, 1), "backward", True), ((2, 3), (1,), "ortho", False)],
)
def real_transform(x, /, dims, norm, half):
    """Real signals along `dims` into frequencies; with `half` those along the last of them that are not conjugates of others."""
    if not whole_lines(x, dims):
        shape = tuple(n // 2 + 1 if half and d == dims[-1] else n for d, n in enumerate(x.shape))
        return np.zeros(shape, np.result_type(x.dtype, np.complex64))
    return transform("rfftn" if half else "fftn")(x, axes=dims, norm=norm)


@real_transform.grad("x")
def _(g, x_shape, dims, norm, half):
    whole = resized_along(g, (dims[-1],), (x_shape[dims[-1]],)) if half else g
    return np.real(complex_transform(whole, dims, TURNED[norm], False))


@kernel(
    name="fft_c2r",
    called="irfft",
    places="",
    out=True,
    node="FftC2RBackward0",
    samples=[(COMPLEX_SAMPLE, (0, 1), "backward", 5), (COMPLEX_SAMPLE, (1,), "ortho", 4)],
)
def half_transform(x, /, dims, norm, size):
    """Frequencies along `dims`, of the last the half that says all, back into real signals of `size` along that."""
    if not whole_lines(x, dims):
        shape = tuple(size if d == dims[-1] else n for d, n in enumerate(x.shape))
        return np.zeros(shape, np.real(x).dtype)
    return transform("irfftn")(x, tuple(size if d == dims[-1] else x.shape[d] for d in dims), axes=dims, norm=norm)


@half_transform.grad("x")
def _(g, x_shape, dims, norm, size):
    last = dims[-1]
    weights = np.full(x_shape[last], 2.0, kind_of_real(g))  # frequencies whose conjugates are left out count for both
    weights[0] = 1
    if size % 2 == 0:
        weights[size // 2] = 1
    shape = tuple(-1 if d == last else 1 for d in range(len(x_shape)))
    return real_transform(g, dims, TURNED[norm], True) * np.reshape(weights, shape)


def kind_of_real(x):
    """NumPy's dtype of the real numbers in an array or a Tensor."""
    return np.dtype(x.dtype.name.replace("complex128", "float64").replace("complex64", "float32"))


# What users call


def _checked(input: Tensor, real: str = "", complex_: bool = True) -> Tensor:
    """`input` in a dtype that can be transformed; with `real` only real ones are taken, and `real` is the start of the complaint."""
    if real and input.is_complex():
        raise RuntimeError(located(f"{real}, but got {LEGACY_NAMES[input.dtype.name]}"))
    if input.dtype in (dtypes.float16, dtypes.bfloat16):
        raise RuntimeError(located(f"Unsupported dtype {LEGACY_NAMES[input.dtype.name]}"))
    if not (input.is_complex() or input.is_floating_point()):
        input = converted(input, dtypes.get_default_dtype())
        if input.dtype in (dtypes.float16, dtypes.bfloat16):
            raise RuntimeError(located(f"Unsupported dtype {LEGACY_NAMES[input.dtype.name]}"))
    return input


def _as_complex(input: Tensor) -> Tensor:
    if input.is_complex():
        return input
    return converted(input, dtypes.complex128 if input.dtype is dtypes.float64 else dtypes.complex64)


def _norm(norm: str | None) -> str:
    norm = "backward" if norm is None else norm
    if norm not in TURNED:
        raise RuntimeError(located(f'Invalid normalization mode: "{norm}"'))
    return norm


def _dim(input: Tensor, dim: Any) -> int:
    if input.ndim == 0:
        raise IndexError(located(f"Dimension specified as {dim} but tensor has no dimensions"))
    return one_dim(dim, input.ndim)


def _lines(input: Tensor, s: Any, dim: Any) -> tuple[tuple[int, ...], tuple[int | None, ...]]:
    """The dimensions to be transformed and the sizes asked for, None where that is the tensor's own."""
    dims = None if dim is None else tuple(_dim(input, d) for d in ((dim,) if hasattr(dim, "__index__") else dim))
    if dims is not None and len(set(dims)) != len(dims):
        raise RuntimeError(located("FFT dims must be unique"))
    if s is None:
        dims = tuple(range(input.ndim)) if dims is None else dims
        return dims, (None,) * len(dims)
    sizes = tuple(as_int(n) for n in ((s,) if hasattr(s, "__index__") else s))
    if dims is not None and len(sizes) != len(dims):
        raise RuntimeError(located("When given, dim and shape arguments must have the same length"))
    if len(sizes) > input.ndim:
        raise RuntimeError(located(f"Got shape with {len(sizes)} values but input tensor only has {input.ndim} dimensions."))
    dims = tuple(range(input.ndim - len(sizes), input.ndim)) if dims is None else dims
    return dims, tuple(None if n == -1 else n for n in sizes)


def _fitted(input: Tensor, dims: tuple[int, ...], sizes: Any) -> Tensor:
    """`input` cut or filled up with zeros to `sizes`."""
    sizes = tuple(input.shape[d] if n is None else n for d, n in zip(dims, sizes, strict=True))
    for n in sizes:
        if n < 1:
            raise RuntimeError(located(f"Invalid number of data points ({n}) specified"))
    return input if sizes == tuple(input.shape[d] for d in dims) else resized_along(input, dims, sizes)


def _to_whole(input: Tensor, dims: Any, sizes: Any, norm: Any, forward: bool, out: Any) -> Tensor:
    input, norm = _fitted(_checked(input), dims, sizes), _norm(norm)
    if input.is_complex() or not dims:
        return complex_transform(_as_complex(input), dims, norm, forward, out=out)
    if forward:
        return real_transform(input, dims, norm, False, out=out)
    return deliver(conj(real_transform(input, dims, TURNED[norm], False)), out)


def _to_half(name: str, input: Tensor, dims: Any, sizes: Any, norm: Any, forward: bool, out: Any) -> Tensor:
    if not dims:
        raise RuntimeError(located(f"{name} must transform at least one axis"))
    input, norm = _fitted(input, dims, sizes), _norm(norm)
    if forward:
        return real_transform(input, dims, norm, True, out=out)
    return deliver(conj(real_transform(input, dims, TURNED[norm], True)), out)


def _from_half(name: str, input: Tensor, dims: Any, sizes: Any, norm: Any, forward: bool, out: Any) -> Tensor:
    if not dims:
        raise RuntimeError(located(f"{name} must transform at least one axis"))
    input, norm = _as_complex(_checked(input)), _norm(norm)
    size = 2 * (input.shape[dims[-1]] - 1) if sizes[-1] is None else sizes[-1]
    if size < 1:
        raise RuntimeError(located(f"Invalid number of data points ({size}) specified"))
    input = _fitted(input, dims, (*sizes[:-1], size // 2 + 1))
    if forward:
        return half_transform(conj(input), dims, TURNED[norm], size, out=out)
    return half_transform(input, dims, norm, size, out=out)


def _family(suffix: str, what: str, make: Any) -> None:
    """Publish a transform along one dimension, two, and any number of them."""

    def one(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Any = None) -> Tensor:
        return make(suffix, input, (_dim(input, dim),), (None if n is None else as_int(n),), norm, out)

    def two(input: Tensor, s: Any = None, dim: Any = (-2, -1), norm: str | None = None, *, out: Any = None) -> Tensor:
        return make(f"{suffix}n", input, *_lines(input, s, dim), norm, out)

    def many(input: Tensor, s: Any = None, dim: Any = None, norm: str | None = None, *, out: Any = None) -> Tensor:
        return make(f"{suffix}n", input, *_lines(input, s, dim), norm, out)

    forms = {
        suffix: (one, "along `dim`, cut or filled up with zeros to `n` elements."),
        f"{suffix}2": (two, "along two dimensions, cut or filled up with zeros to the sizes `s`."),
        f"{suffix}n": (many, "along `dim`, all dimensions or the last ones of which `s` gives the sizes."),
    }
    for name, (form, where) in forms.items():
        form.__name__ = form.__qualname__ = name
        form.__doc__ = f"{what} {where}"
        function("fft")(form)


def _fft(name, input, dims, sizes, norm, out):
    return _to_whole(input, dims, sizes, norm, True, out)


def _ifft(name, input, dims, sizes, norm, out):
    return _to_whole(input, dims, sizes, norm, False, out)


def _rfft(name, input, dims, sizes, norm, out):
    kind = "real-valued" if name == "rfftn" else "real"
    return _to_half(name, _checked(input, f"{name} expects a {kind} input tensor"), dims, sizes, norm, True, out)


def _ihfft(name, input, dims, sizes, norm, out):
    return _to_half(name, _checked(input, f"{name} expects a real input tensor"), dims, sizes, norm, False, out)


def _irfft(name, input, dims, sizes, norm, out):
    return _from_half(name, input, dims, sizes, norm, False, out)


def _hfft(name, input, dims, sizes, norm, out):
    return _from_half(name, input, dims, sizes, norm, True, out)


_family("fft", "The frequencies in a signal", _fft)
_family("ifft", "The signal of given frequencies", _ifft)
_family("rfft", "The frequencies in a real signal, without those that are conjugates of others,", _rfft)
_family("irfft", "The real signal of given frequencies, of which the last dimension holds one half,", _irfft)
_family("hfft", "The real frequencies in a signal that equals its own conjugate in reverse, given by one half,", _hfft)
_family("ihfft", "The half of a signal of given real frequencies that says all of it,", _ihfft)


def _frequencies(name: str, count: Any, which: str) -> None:
    def frequencies(n: int, d: float = 1.0, *, dtype: Any = None) -> Any:
        n, kind = as_int(n), numpy_dtype(dtype)
        if kind.kind == "c":
            raise NotImplementedError(located(f"{name}() takes no complex dtype, got {dtypes.from_numpy(kind)}"))
        if kind.kind in "biu":
            raise RuntimeError(located(f"{name} requires a floating point or complex dtype, got {dtypes.from_numpy(kind)}"))
        if n < 0:
            raise RuntimeError(located(f"{name}(): n must not be negative, got {n}"))
        return (count(n) * np.divide(1.0, n * d)).astype(kind)

    frequencies.__name__ = frequencies.__qualname__ = name
    frequencies.__doc__ = f"The {which} of `n` elements `d` apart."
    factory(frequencies, places="fft")


_frequencies("fftfreq", lambda n: np.concatenate([np.arange((n + 1) // 2), np.arange(-(n // 2), 0)]), "frequencies of a transform")
_frequencies("rfftfreq", lambda n: np.arange(n // 2 + 1), "frequencies, from zero on, of a transform of a real signal")


def _shifted(input: Tensor, dim: Any, half: Any) -> Tensor:
    dims = range(input.ndim) if dim is None else (dim,) if hasattr(dim, "__index__") else dim
    dims = tuple(one_dim(d, input.ndim) for d in dims)
    return roll(input, tuple(half(input.shape[d]) for d in dims), dims) if dims else roll(input, 0)


@function("fft")
def fftshift(input: Tensor, dim: Any = None) -> Tensor:
    """Frequencies in rising order, zero in the middle, along `dim` or all dimensions."""
    return _shifted(input, dim, lambda n: n // 2)


@function("fft")
def ifftshift(input: Tensor, dim: Any = None) -> Tensor:
    """Frequencies in the order of `fft`, zero first: what `fftshift` did undone."""
    return _shifted(input, dim, lambda n: -(n // 2))


__all__ = ["complex_transform", "half_transform", "real_transform"]
