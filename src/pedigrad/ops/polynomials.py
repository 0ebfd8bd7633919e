"""Orthogonal polynomials, Bessel and Airy functions: from SciPy, without gradients, in `torch.special` alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..op import Op
from .special import from_scipy


def _degree(n: Any) -> Any:
    return np.trunc(n).astype(np.int64) if isinstance(n, np.ndarray) else int(n)


def _evaluate(name: str, x: Any, n: Any) -> Any:
    """SciPy's polynomial of degree `n`; zero for negative degrees."""
    n = _degree(n)
    return np.where(n < 0, 0.0, from_scipy(name)(np.maximum(n, 0), x))


def _third_kind(x: Any, n: Any, sign: float = -1.0) -> Any:
    """Chebyshev's V, the difference of two neighbours of the second kind; with `sign` 1 their sum, W."""
    n = _degree(n)
    return _evaluate("eval_chebyu", x, n) + sign * _evaluate("eval_chebyu", x, n - 1)


def _fourth_kind(x: Any, n: Any) -> Any:
    return _third_kind(x, n, 1.0)


def _shifted(kind: Any) -> Any:
    return lambda x, n: kind(2 * x - 1, n)


def _polynomial(name: str) -> Any:
    return lambda x, n: _evaluate(name, x, n)


POLYNOMIALS = {
    "chebyshev_polynomial_t": _polynomial("eval_chebyt"),
    "chebyshev_polynomial_u": _polynomial("eval_chebyu"),
    "chebyshev_polynomial_v": _third_kind,
    "chebyshev_polynomial_w": _fourth_kind,
    "hermite_polynomial_h": _polynomial("eval_hermite"),
    "hermite_polynomial_he": _polynomial("eval_hermitenorm"),
    "laguerre_polynomial_l": _polynomial("eval_laguerre"),
    "legendre_polynomial_p": _polynomial("eval_legendre"),
    "shifted_chebyshev_polynomial_t": _shifted(_polynomial("eval_chebyt")),
    "shifted_chebyshev_polynomial_u": _shifted(_polynomial("eval_chebyu")),
    "shifted_chebyshev_polynomial_v": _shifted(_third_kind),
    "shifted_chebyshev_polynomial_w": _shifted(_fourth_kind),
}

BESSEL = {
    "bessel_j0": "j0", "bessel_j1": "j1", "bessel_y0": "y0", "bessel_y1": "y1",
    "modified_bessel_i0": "i0", "modified_bessel_i1": "i1", "modified_bessel_k0": "k0", "modified_bessel_k1": "k1",
    "scaled_modified_bessel_k0": "k0e", "scaled_modified_bessel_k1": "k1e",
}  # fmt: skip


def _declare(name: str, forward: Any, doc: str) -> None:
    forward.__name__ = forward.__qualname__ = name
    forward.__doc__ = doc
    names = "x n" if forward.__code__.co_posonlyargcount == 2 else "input"
    Op(forward, "elementwise", places="special", promote=True, result="float", layout="iterator", out=True, names=names)


def _bessel(name: str, scipy_name: str) -> None:
    def forward(x, /):
        return from_scipy(scipy_name)(x)

    _declare(name, forward, f"The {name.replace('_', ' ')} function of each element.")


def _orthogonal(name: str, evaluate: Any) -> None:
    def forward(x, n, /):
        return evaluate(x, n)

    _declare(name, forward, f"The {name.replace('_', ' ')} of degree `n` at each element.")


def _airy(x, /):
    return from_scipy("airy")(x)[0]


def _spherical(x, /):
    z = np.where(x == 0, 1.0, x)
    return np.where(x == 0, 1.0, np.where(np.isinf(x), 0.0, np.sin(z) / z))


for _name, _scipy_name in BESSEL.items():
    _bessel(_name, _scipy_name)
for _name, _kind in POLYNOMIALS.items():
    _orthogonal(_name, _kind)
_declare("airy_ai", _airy, "The Airy function Ai of each element.")
_declare("spherical_bessel_j0", _spherical, "The spherical Bessel function of the first kind of order 0 of each element.")
