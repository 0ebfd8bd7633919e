"""Householder reflections: the form in which LAPACK gives the Q of a QR factorization."""

from __future__ import annotations

import numpy as np

from ...core.declare import function, kernel
from ...core.origin import located
from ...core.quiet import quietly
from ..destination import deliver
from .factor import check_matrices


@kernel(layout="columns", outputs=("a", "tau"), out=True)
def geqrf(x, /):
    """R and, below it, the reflections whose product is Q, and their factors."""
    check_matrices("geqrf", x)
    reflections, tau = quietly(np.linalg.qr, x, "raw")
    return np.swapaxes(reflections, -1, -2), tau


def reflected(reflections, tau, matrix, adjoint=False):
    """The product of the reflections `I - tau v v.mH` (or its adjoint) times `matrix`."""
    m, k = reflections.shape[-2], tau.shape[-1]
    for i in range(k) if adjoint else reversed(range(k)):
        column = reflections[..., i]
        place = np.arange(m)
        v = np.expand_dims(np.where(place == i, 1, np.where(place > i, column, 0)), -1)
        factor = np.expand_dims(tau[..., i : i + 1], -1)
        matrix = matrix - (factor.conj() if adjoint else factor) * (v @ (v.mH @ matrix))
    return matrix


@function("torch Tensor", name="orgqr", takes={"input2": "tau"})
def householder_product(input, tau, *, out=None):
    """The first columns of the product of reflections, as many as `input` has."""
    if input.ndim < 2 or tau.shape[:-1] != input.shape[:-2] or tau.ndim != input.ndim - 1:
        shapes = f"{tuple(input.shape)} and {tuple(tau.shape)}"
        raise RuntimeError(located(f"torch.linalg.householder_product: Expected tau to have one dimension less than input, got {shapes}"))
    m, n = input.shape[-2:]
    if n > m or tau.shape[-1] > n:
        raise RuntimeError(located(f"linalg.householder_product: expects n <= m and k <= n, got {(m, n)} and k = {tau.shape[-1]}"))
    start = np.where(np.zeros(input.shape, bool), input, np.eye(m, n, dtype=input._array.dtype))
    return deliver(reflected(input, tau, start), out)


@function("linalg", name="householder_product")
def householder_product_of(A, tau, *, out=None):
    """The first columns of the product of reflections, as many as `A` has."""
    return householder_product(A, tau, out=out)


@function(takes={"input2": "tau", "input3": "other"})
def ormqr(input, tau, other, left=True, transpose=False, *, out=None):
    """Q (or its adjoint) times `other`, or `other` times it, where Q is the product of reflections."""
    if input.ndim < 2 or other.ndim < 2 or other.shape[-2 if left else -1] != input.shape[-2] or tau.ndim != input.ndim - 1:
        shapes = f"{tuple(input.shape)}, {tuple(tau.shape)} and {tuple(other.shape)}"
        raise RuntimeError(located(f"torch.ormqr: the shapes of input, tau and other do not fit: {shapes}"))
    if tau.shape[-1] > min(input.shape[-2:]):
        raise RuntimeError(located(f"torch.ormqr: tau.shape[-1] must be less than or equal to input.shape[-2:], got {tau.shape[-1]}"))
    if left:
        return deliver(reflected(input, tau, other, transpose), out)
    return deliver(reflected(input, tau, other.mH, not transpose).mH, out)
