"""Complex numbers: their parts, conjugates, and views of them as pairs of real numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...core import dtypes
from ...core.declare import elementwise, function, publish, view
from ...core.inplace import inplace_form
from ...core.origin import located
from ...core.quiet import astype
from ...core.storage import whole_of
from ...core.tensor import Tensor
from ..xp import conj as conj_of

COMPLEX_SAMPLE = lambda rng: rng.standard_normal((2, 3)) + 1j * rng.standard_normal((2, 3))  # noqa: E731


def _address(x):
    return x.__array_interface__["data"][0]


@view(name="real", places="", samples=[(COMPLEX_SAMPLE,)])
def real_part(x, /):
    """The real parts, on the same memory."""
    return np.real(x)


@real_part.grad("x")
def _(g):
    return g + 0j


@view(name="imag", places="", samples=[(COMPLEX_SAMPLE,)])
def imag_part(x, /):
    """The imaginary parts, on the same memory."""
    return np.imag(x)


@imag_part.grad("x")
def _(g):
    return g * 1j


@function("torch")
def real(input: Tensor) -> Tensor:
    """The real parts of a complex tensor, on the same memory; a real tensor itself."""
    return real_part(input) if input._array.dtype.kind == "c" else input


@function("torch")
def imag(input: Tensor) -> Tensor:
    """The imaginary parts of a complex tensor, on the same memory."""
    if input._array.dtype.kind != "c":
        raise RuntimeError(located("imag is not implemented for tensors with non-complex dtypes."))
    return imag_part(input)


def _property(part: Any) -> property:
    """The property of Tensor that is a part of its numbers."""

    def get_part(self: Tensor) -> Tensor:
        return part(self)

    def set_part(self: Tensor, value: Any) -> None:
        target = part(self)
        target.copy_(value) if isinstance(value, Tensor) else target.fill_(value)

    return property(get_part, set_part, doc=part.__doc__)


for _name, _part in (("real", real), ("imag", imag)):
    setattr(Tensor, _name, _property(_part))


@elementwise(name="conj_physical", places="")
def conjugate(x, /):
    """The complex conjugate of each element."""
    return np.conjugate(x)


@conjugate.grad("x")
def _(g):
    return conj_of(g)


@function()
def conj(input: Tensor) -> Tensor:
    """The complex conjugate of each element; a real tensor itself."""
    return conjugate(input) if input._array.dtype.kind == "c" else input


@function()
def conj_physical(input: Tensor, *, out: Any = None) -> Tensor:
    """The complex conjugate of each element; a real tensor itself."""
    return conjugate(input, out=out) if out is not None or input._array.dtype.kind == "c" else input


publish(inplace_form(conjugate.op), "conj_physical_", ["torch", "Tensor"])


@function()
def resolve_conj(input: Tensor) -> Tensor:
    """The tensor itself: conjugates are never put off."""
    return input


@function()
def resolve_neg(input: Tensor) -> Tensor:
    """The tensor itself: negatives are never put off."""
    return input


@function()
def is_conj(input: Tensor) -> bool:
    """False: conjugates are never put off."""
    return False


@function()
def is_neg(input: Tensor) -> bool:
    """False: negatives are never put off."""
    return False


@elementwise(result=None, inplace=False)
def angle(x, /):
    """The angle of each complex element; 0 or pi for real ones by their sign."""
    if x.dtype.kind == "c":
        return np.arctan2(np.imag(x), np.real(x))
    if x.dtype.kind in "biu":
        x = astype(x, dtypes.to_numpy(dtypes.get_default_dtype()))
    return np.where(np.isnan(x), x, np.where(x < 0, np.full_like(x, math.pi), np.zeros_like(x)))


@angle.grad("x")
def _(g, x):
    if x.dtype.kind != "c":
        return np.zeros_like(g)
    square = np.real(x) * np.real(x) + np.imag(x) * np.imag(x)
    zero = square == 0
    return np.where(zero, 0.0, g * x * 1j / np.where(zero, 1.0, square))


def _joined(real, imag, name):
    if real.dtype != imag.dtype:
        given = f"{dtypes.of(real).name} but got scalar type {dtypes.of(imag).name}"
        raise RuntimeError(f"Expected object of scalar type {given} for second argument of {name}()")
    if real.dtype.kind != "f":
        raise RuntimeError(f"{name}() takes float32 or float64 tensors, but got {dtypes.of(real).name}")
    if real.dtype == np.float16:
        raise RuntimeError(f"{name}() of float16 would be complex32, which is not supported: convert the operands with .float()")
    pair = np.stack(np.broadcast_arrays(real, imag), axis=-1)
    return pair.view(np.result_type(pair.dtype, np.complex64))[..., 0]


@elementwise(result=None, promote=False, inplace=False, out="own", wide="rules", samples=[((2, 3), (2, 3)), ((3,), ())])
def complex(real, imag, /):
    """Complex numbers of these real and imaginary parts."""
    return _joined(real, imag, "complex")


@complex.grad("real")
def _(g):
    return np.real(g)


@complex.grad("imag")
def _(g):
    return np.imag(g)


@elementwise(result=None, promote=False, inplace=False, wide="rules", samples=[((2, 3), (2, 3)), ((3,), ())])
def polar(abs, angle, /):
    """Complex numbers of these absolute values and angles."""
    return _joined(abs * np.cos(angle), abs * np.sin(angle), "polar")


@polar.grad("abs")
def _(g, angle):
    return np.real(g) * np.cos(angle) + np.imag(g) * np.sin(angle)


@polar.grad("angle")
def _(g, out):
    return np.imag(g) * np.real(out) - np.real(g) * np.imag(out)


@view(places="torch", samples=[(COMPLEX_SAMPLE,)])
def view_as_real(x, /):
    """Complex numbers of shape (...) as pairs of their real and imaginary parts, of shape (..., 2), on the same memory.

    Shape: (...) gives (..., 2).

    >>> torch.view_as_real(torch.tensor([1 + 2j]))
    tensor([[1., 2.]])
    """
    if x.dtype.kind != "c":
        raise RuntimeError("view_as_real is only supported for complex tensors")
    real = np.real(np.asarray(x) if isinstance(x, np.generic) else x)  # of a scalar there is no memory to look at
    return np.lib.stride_tricks.as_strided(real, (*x.shape, 2), (*x.strides, real.itemsize))


@view_as_real.grad("x")
def _(g):
    return g[..., 0] + g[..., 1] * 1j


@view(places="torch", samples=[((3, 2),), ((2,),)])
def view_as_complex(x, /):
    """Pairs of real and imaginary parts, of shape (..., 2), as complex numbers of shape (...), on the same memory."""
    if x.ndim == 0 or x.shape[-1] != 2:
        raise RuntimeError(f"Tensor must have a last dimension of size 2, its shape is {tuple(x.shape)}")
    if x.dtype == np.float16:
        raise RuntimeError("view_as_complex() of float16 would be complex32, which is not supported: convert the tensor with .float()")
    if x.dtype not in (np.float32, np.float64):
        raise RuntimeError(f"view_as_complex is only supported for floating point tensors, but got {dtypes.of(x).name}")
    if x.strides[-1] != x.itemsize:
        raise RuntimeError("Tensor must have a last dimension with stride 1")
    if x.__class__ is np.ndarray and (_address(x) - _address(whole_of(x))) % (2 * x.itemsize):
        raise RuntimeError("Tensor must have a storage_offset divisible by 2")
    return x.view({"float32": np.complex64, "float64": np.complex128}[x.dtype.name])[..., 0]


@view_as_complex.grad("x")
def _(g):
    return view_as_real(g)
