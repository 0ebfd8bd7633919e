"""Compute the polynomials of `pedigrad.codegen.formulas.coefficients` by Remez's exchange algorithm: `python scripts/minimax.py`.

Each row of FITS names a function g, an interval, a degree for each precision and a weight w; the polynomial p minimises
max |w(x) (p(x) - g(x))|, so that w times the ulp bound is the error that the polynomial adds to the finished function.
"""

from __future__ import annotations

import struct
import sys
import textwrap
from collections.abc import Callable
from typing import Any

import mpmath as mp

mp.mp.dps = 70
HALF_LN2 = mp.log(2) / 2 * mp.mpf("1.002")
QUARTER = (mp.pi / 4 * mp.mpf("1.002")) ** 2
S_MAX = ((mp.sqrt(2) - 1) / (mp.sqrt(2) + 1)) * mp.mpf("1.002")

Function = Callable[[Any], Any]


def odd(f: Function) -> Function:
    """P in f(x) = x + x z P(z), z = x x."""
    return lambda z: (f(mp.sqrt(z)) / mp.sqrt(z) - 1) / z


def scaled_erfc(centre: int) -> Function:
    """(1 + 2 x) exp(x x) erfc(x) as a function of t = (x - centre) / (x + centre)."""

    def g(t: Any) -> Any:
        x = centre * (1 + t) / (1 - t)
        return (1 + 2 * x) * mp.exp(x * x) * mp.erfc(x)

    return g


def one(_: Any) -> Any:
    return mp.mpf(1)


# name, function, weight, {precision: (lower, upper, degree)}; "short" is a float32 function's polynomial evaluated in float64
FITS: list[tuple[str, Function, Function, dict[str, tuple[Any, Any, int]]]] = [
    (
        "exp",
        lambda r: (mp.expm1(r) - r) / r**2,
        lambda r: r,
        {p: (-HALF_LN2, HALF_LN2, d) for p, d in (("f32", 4), ("short", 5), ("f64", 10))},
    ),
    (
        "exp2",
        lambda r: mp.expm1(r * mp.log(2)) / r,
        lambda r: r,
        {p: (-mp.mpf("0.501"), mp.mpf("0.501"), d) for p, d in (("f32", 5), ("f64", 11))},
    ),
    ("log1p", lambda f: (mp.log1p(f) - f + f * f / 2) / f**3, lambda f: f**2, {"f32": (mp.sqrt(0.5) - 1.001, mp.sqrt(2) - 0.999, 8)}),
    (
        "atanh",  # 2 atanh(s) = 2 s + s z (2/3 + z P(z)), z = s s
        lambda z: ((2 * mp.atanh(mp.sqrt(z)) / mp.sqrt(z) - 2) / z - mp.mpf(2) / 3) / z,
        lambda z: z * z,
        {p: (0, S_MAX**2, d) for p, d in (("short", 3), ("f64", 6))},
    ),
    ("tanh", odd(mp.tanh), lambda z: z, {"f32": (0, mp.mpf("0.626") ** 2, 5)}),
    ("sinh", odd(mp.sinh), lambda z: z, {p: (0, mp.mpf("1.001"), d) for p, d in (("short", 3), ("f64", 6))}),
    ("asin", odd(mp.asin), lambda z: z, {p: (0, mp.mpf("0.2505"), d) for p, d in (("short", 6), ("f64", 12))}),
    ("atan", odd(mp.atan), lambda z: z, {p: (0, mp.mpf("0.172"), d) for p, d in (("short", 5), ("f64", 12))}),
    ("sin", odd(mp.sin), lambda z: z, {p: (0, QUARTER, d) for p, d in (("f32", 3), ("short", 3), ("f64", 5))}),
    (
        "cos",
        lambda z: (mp.cos(mp.sqrt(z)) - 1 + z / 2) / z**2,
        lambda z: z**2,
        {p: (0, QUARTER, d) for p, d in (("f32", 3), ("short", 3), ("f64", 5))},
    ),
    ("erf", lambda z: mp.erf(mp.sqrt(z)) / mp.sqrt(z) - 1, one, {"f32": (0, mp.mpf("0.93") ** 2, 6), "f64": (0, mp.mpf("1.001"), 12)}),
    ("log_erfc", lambda x: mp.log(mp.erfc(x)), mp.erfc, {"f32": (mp.mpf("0.92"), mp.mpf("4.1"), 7)}),
    ("erfcx", scaled_erfc(2), one, {"short": (-1, mp.mpf("8.3") / mp.mpf("12.3"), 12)}),
    ("erfcx", scaled_erfc(4), one, {"f64": (-1, mp.mpf(24) / 32, 23)}),
]


def value(p: list[Any], x: Any) -> Any:
    total = mp.mpf(0)
    for c in reversed(p):
        total = total * x + c
    return total


def remez(g: Function, w: Function, lower: Any, upper: Any, degree: int) -> tuple[list[Any], Any]:
    """The coefficients, lowest first, and the largest weighted error."""
    middle, half, n = (mp.mpf(lower) + upper) / 2, (mp.mpf(upper) - lower) / 2, degree + 2
    grid = [middle - half * mp.cos(mp.pi * (i + mp.mpf("0.37")) / (30 * n)) for i in range(30 * n)]
    targets, weights = [g(x) for x in grid], [abs(w(x)) for x in grid]
    points = [min(30 * n - 1, round(30 * n * i / (n - 1))) for i in range(n)]
    for _ in range(30):
        rows = [[grid[i] ** k for k in range(degree + 1)] + [(-1) ** j / weights[i]] for j, i in enumerate(points)]
        *p, level = mp.lu_solve(mp.matrix(rows), mp.matrix([targets[i] for i in points]))
        errors = [u * (value(p, x) - t) for x, t, u in zip(grid, targets, weights, strict=True)]
        worst = max(map(abs, errors))
        peaks: list[int] = []
        for i, e in enumerate(errors):  # the largest error of each run of one sign
            if peaks and (errors[peaks[-1]] > 0) == (e > 0):
                if abs(e) > abs(errors[peaks[-1]]):
                    peaks[-1] = i
            else:
                peaks.append(i)
        while len(peaks) > n:
            peaks.pop(0 if abs(errors[peaks[0]]) < abs(errors[peaks[-1]]) else -1)
        if worst < abs(level) * mp.mpf("1.01") or len(peaks) < n:
            break
        points = peaks
    return p, worst


def nearest(c: Any, precision: str) -> float:
    return struct.unpack("f", struct.pack("f", float(c)))[0] if precision == "f32" else float(c)


def main() -> None:
    print('"""Minimax polynomials, lowest coefficient first; scripts/minimax.py computes them and says what each approximates."""\n')
    print("# fmt: off\nPOLYNOMIALS: dict[tuple[str, str], tuple[float, ...]] = {")
    for name, g, w, precisions in FITS:
        for precision, (lower, upper, degree) in precisions.items():
            p, worst = remez(g, w, lower, upper, degree)
            print(f'    ("{name}", "{precision}"): (  # weighted error 2^{float(mp.log(worst, 2)):.1f}')
            print(textwrap.fill(" ".join(f"{nearest(c, precision)!r}," for c in p), 110, initial_indent=" " * 8, subsequent_indent=" " * 8))
            print("    ),")
            print(name, precision, mp.nstr(mp.log(worst, 2), 5), file=sys.stderr)
    print("}")


if __name__ == "__main__":
    main()
