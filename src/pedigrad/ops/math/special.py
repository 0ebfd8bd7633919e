"""Special functions: error functions, gamma functions, Bessel functions, entropies. SciPy computes most of them."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from ...core.declare import elementwise, function, publish
from ...core.inplace import write
from ...core.large import MANY
from ...core.origin import located
from ...core.quiet import astype
from ...core.tensor import Tensor
from ..xp import conj


@functools.cache
def from_scipy(name: str) -> Any:
    """The function of that name in `scipy.special`."""
    import scipy.special

    return getattr(scipy.special, name)


TWO_OVER_ROOT_PI = 2 / math.sqrt(math.pi)


@elementwise(native_from=MANY, real=True, result="float", places="torch Tensor special")
def erf(x, /):
    """The error function."""
    return from_scipy("erf")(x)


@erf.grad("x")
def _(g, x):
    return g * (TWO_OVER_ROOT_PI * np.exp(-(x * x)))


@elementwise(native_from=MANY, real=True, result="float", places="torch Tensor special")
def erfc(x, /):
    """One less the error function."""
    return from_scipy("erfc")(x)


@erfc.grad("x")
def _(g, x):
    return g * (-TWO_OVER_ROOT_PI * np.exp(-(x * x)))


@elementwise(result="float", places="torch Tensor special", domain=(-0.9, 0.9))
def erfinv(x, /):
    """The inverse of the error function."""
    return np.where(x == 0, x, from_scipy("erfinv")(x))


@erfinv.grad("x")
def _(g, x):
    out = erfinv(x)
    return g * (math.sqrt(math.pi) / 2 * np.exp(out * out))


@elementwise(result="float", places="special", inplace=False, node="SpecialErfcxBackward0")
def erfcx(x, /):
    """`exp(x * x) * erfc(x)`."""
    return from_scipy("erfcx")(x)


@erfcx.grad("x")
def _(g, x, out):
    return g * (2 * x * out - TWO_OVER_ROOT_PI)


@elementwise(real=True, result="float", places="special", inplace=False, node="MulBackward1")
def ndtr(x, /):
    """The distribution function of the standard normal distribution."""
    return from_scipy("ndtr")(x)


@ndtr.grad("x")
def _(g, x):
    return g * (np.exp(-0.5 * (x * x)) * (1 / math.sqrt(2 * math.pi)))


@elementwise(result="float", places="special", inplace=False, node="SpecialNdtriBackward0", domain=(0.1, 0.9))
def ndtri(x, /):
    """The quantile function of the standard normal distribution."""
    return from_scipy("ndtri")(x)


@ndtri.grad("x")
def _(g, out):
    return g * (math.sqrt(2 * math.pi) * np.exp(0.5 * (out * out)))


@elementwise(real=True, result="float", places="special", inplace=False, node="SpecialLogNdtrBackward0")
def log_ndtr(x, /):
    """The logarithm of the distribution function of the standard normal distribution."""
    return from_scipy("log_ndtr")(x)


@log_ndtr.grad("x")
def _(g, x):
    return g * normal_score(x)


@elementwise(result="float", places="", inplace=False)
def normal_score(x, /):
    """The density of the standard normal distribution divided by its distribution function."""
    return math.sqrt(2 / math.pi) / from_scipy("erfcx")(x * -math.sqrt(0.5))


@normal_score.grad("x")
def _(g, x, out):
    return -g * out * (x + out)


# Gamma functions


@elementwise(result="float", domain=(0.3, 4))
def lgamma(x, /):
    """The logarithm of the absolute value of the gamma function."""
    size = np.abs(x)
    tiny = size < 1e-300  # SciPy's is infinite where its reciprocal overflows, and negative at -inf
    return np.where(tiny, -np.log(size), np.where(size == np.inf, size, from_scipy("gammaln")(x)))


@lgamma.grad("x")
def _(g, x):
    return g * digamma(x)


@elementwise(result="float", places="torch Tensor special", domain=(0.3, 4))
def digamma(x, /):
    """The derivative of the logarithm of the gamma function."""
    return np.where(x == 0, -np.copysign(np.inf, x), from_scipy("psi")(x))


@digamma.grad("x")
def _(g, x):
    return g * nth_polygamma(x, 1)


@elementwise(name="polygamma", places="", result="float", domain=(0.3, 4))
def nth_polygamma(x, /, n=1, shift=0.0):
    """The derivative of order `n` of the digamma function at `x - shift`."""
    x = x - shift
    if n == 0:
        return from_scipy("psi")(x)
    return (-1.0) ** (n + 1) * math.factorial(n) * from_scipy("zeta")(n + 1, np.where(x == -np.inf, np.nan, x))  # no limit there


@nth_polygamma.grad("x")
def _(g, x, n, shift):
    return g * nth_polygamma(x, n + 1, shift)


@function("torch special")
def polygamma(n: int, input: Tensor, *, out: Any = None) -> Tensor:
    """The derivative of order `n` of the digamma function."""
    if n < 0:
        raise RuntimeError(located("polygamma(n, x) does not support negative n."))
    return nth_polygamma(input, n, out=out)


@function("Tensor", name="polygamma")
def polygamma_method(self: Tensor, n: int) -> Tensor:
    """The derivative of order `n` of the digamma function."""
    return polygamma(n, self)


@function("Tensor")
def polygamma_(self: Tensor, n: int) -> Tensor:
    """`polygamma` in place."""
    return write(nth_polygamma.op, (self,), (n, 0.0))


@elementwise(result="float", layout="rows", domain=(3, 6), samples=[((2, 3), 2), ((), 3)])
def mvlgamma(x, /, p):
    """The logarithm of the multivariate gamma function of dimension `p`."""
    if p < 1:
        raise RuntimeError(f"p has to be greater than or equal to 1, got {p}")
    return sum(lgamma(x - 0.5 * j) for j in range(p)) + p * (p - 1) / 4 * math.log(math.pi)


@mvlgamma.grad("x")
def _(g, x, p):
    return g * sum(nth_polygamma(x, 0, 0.5 * j) for j in range(p))


def _no_derivative(name: str) -> Any:
    def refuse(g: Any) -> Any:
        raise NotImplementedError(f"the derivative for '{name}' is not implemented.")

    return refuse


@elementwise(result="float", aliases=("gammainc",), places="torch Tensor special", domain=(0.3, 4))
def igamma(x, y, /):
    """The regularized lower incomplete gamma function of order `input` at `other`."""
    known = (y == 0) | (np.isinf(y) & ~np.isinf(x))  # also for an order of nan
    return np.where((x == 0) & (y == 0), np.nan, np.where(known & ~(x < 0) & (y >= 0), y != 0, from_scipy("gammainc")(x, y)))


def _gamma_density(x, y):
    return np.exp((x - 1) * np.log(y) - y - lgamma(x))


@igamma.grad("y")
def _(g, x, y):
    return g * _gamma_density(x, y)


@elementwise(result="float", aliases=("gammaincc",), places="torch Tensor special", domain=(0.3, 4))
def igammac(x, y, /):
    """The regularized upper incomplete gamma function of order `input` at `other`."""
    known = (y == 0) | (np.isinf(y) & ~np.isinf(x))
    return np.where((x == 0) & (y == 0), np.nan, np.where(known & ~(x < 0) & (y >= 0), y == 0, from_scipy("gammaincc")(x, y)))


@igammac.grad("y")
def _(g, x, y):
    return -g * _gamma_density(x, y)


igamma.grad("x")(_no_derivative("igamma: input"))
igammac.grad("x")(_no_derivative("igammac: input"))


@elementwise(result="float", places="special", inplace=False, node="SpecialZetaBackward0", domain=(1.2, 4))
def zeta(x, y, /):
    """The Hurwitz zeta function."""
    return from_scipy("zeta")(x, y)


@zeta.grad("y")
def _(g, x, y):
    return g * -x * zeta(x + 1, y)


zeta.grad("x")(_no_derivative("special_zeta: input"))


# Bessel functions


def _is_tiny(x):
    """Where `f(x) / x` of an odd function is its slope at zero; so it is for nan."""
    return np.logical_not(np.abs(x) > (2.2e-16 if x.dtype.itemsize == 8 else 1.2e-7))


@elementwise(result="float", places="torch Tensor special")
def i0(x, /):
    """The modified Bessel function of the first kind of order 0."""
    return from_scipy("i0")(x)


@i0.grad("x")
def _(g, x):
    return g * i1(x)


@elementwise(result="float", places="special", inplace=False, node="SpecialI0EBackward0")
def i0e(x, /):
    """`exp(-abs(x)) * i0(x)`."""
    return from_scipy("i0e")(x)


@i0e.grad("x")
def _(g, x, out):
    return g * (i1e(x) - np.sign(x) * out)


@elementwise(result="float", places="special", inplace=False, node="SpecialI1Backward0")
def i1(x, /):
    """The modified Bessel function of the first kind of order 1."""
    return from_scipy("i1")(x)


@i1.grad("x")
def _(g, x, out):
    tiny = _is_tiny(x)
    return g * np.where(tiny, 0.5, i0(x) - out / np.where(tiny, 1.0, x))


@elementwise(result="float", places="special", inplace=False, node="SpecialI1EBackward0")
def i1e(x, /):
    """`exp(-abs(x)) * i1(x)`."""
    return from_scipy("i1e")(x)


@i1e.grad("x")
def _(g, x, out):
    tiny = _is_tiny(x)
    return g * np.where(tiny, 0.5, i0e(x) - out * (np.sign(x) + 1 / np.where(tiny, 1.0, x)))


# Products with logarithms


@elementwise(real=True, result="float", places="torch Tensor special", domain=(0.2, 4))
def xlogy(x, y, /):
    """`x * log(y)`, and 0 where x is 0 unless y is nan."""
    return np.where((x == 0) & ~np.isnan(y), 0.0, x * np.log(y))


def _like(y, g):
    """Integers in the dtype of a gradient: NumPy's logarithms of bytes have 16 bits."""
    return y if isinstance(y, (int, float)) or y.dtype.kind not in "biu" else astype(y, g.dtype)


@xlogy.grad("x")
def _(g, x, y):
    low = not y > 0 if isinstance(y, (int, float)) else y <= 0
    return np.where((x == 0) & low, 0.0, xlogy(g, _like(y, g)))


@xlogy.grad("y")
def _(g, x, y):
    return g * x / y


@elementwise(real=True, result="float", places="special", inplace=False, node="SpecialXlog1PyBackward0", domain=(0.2, 4))
def xlog1py(x, y, /):
    """`x * log1p(y)`, and 0 where x is 0 unless y is nan."""
    return np.where((x == 0) & ~np.isnan(y), 0.0, x * np.log1p(y))


@xlog1py.grad("x")
def _(g, x, y):
    return np.where((x == 0) & (y <= -1), 0.0, xlog1py(g, _like(y, g)))


@xlog1py.grad("y")
def _(g, x, y):
    return g * x / (y + 1)


@elementwise(real=True, result="float", places="special", inplace=False, node="SpecialEntrBackward0", domain=(0.2, 4))
def entr(x, /):
    """`-x * log(x)`, 0 at zero and minus infinity below."""
    return np.where(np.isnan(x), x, np.where(x > 0, -x * np.log(np.where(x > 0, x, 1.0)), np.where(x == 0, 0.0, -np.inf)))


@entr.grad("x")
def _(g, x):
    return g * (-1 - np.log(x))


@elementwise(real=True, result="float", places="torch Tensor special", domain=(0.1, 0.9))
def logit(x, /, eps=None):
    """`log(x / (1 - x))`, of x brought into the range from `eps` to `1 - eps` if that is given."""
    z = x if eps is None else np.minimum(np.maximum(x, eps), 1 - eps)
    return np.log(z / (1 - z))


@logit.grad("x")
def _(g, x, eps):
    low = 0.0 if eps is None else eps
    return np.where((x >= low) & (x <= 1 - low), g / (x * (1 - x)), np.nan if eps is None else 0.0)


@elementwise(result="float", places="torch Tensor special")
def sinc(x, /):
    """`sin(pi * x) / (pi * x)`, and 1 at zero."""
    z = np.where(x == 0, 1.0, x) * math.pi
    return np.where(x == 0, 1.0, np.sin(z) / z)


@sinc.grad("x")
def _(g, x):
    near = np.abs(x) < 0.01  # there the difference of z * cos(z) and sin(z) has few digits
    small, z = x * math.pi, np.where(near, 1.0, x) * math.pi
    square = small * small
    series = small * (-1 / 3 + square * (1 / 30 - square * (1 / 840)))
    slope = np.where(near, series, (z * np.cos(z) - np.sin(z)) / (z * z))
    return g * conj(slope * math.pi)


def _publish_synonyms() -> None:
    for name, of in {"gammaln": lgamma, "psi": digamma, "multigammaln": mvlgamma}.items():
        publish(of, name, ["special"])


_publish_synonyms()
