"""Accuracy and special values of the compiled mathematics, against float64 NumPy for float32 and against mpmath for float64."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
import scipy.special

pytest.importorskip("llvmlite")

from pedigrad.codegen.emit import llvm, mathlib
from pedigrad.codegen.ir.instructions import ELEMENTWISE

INF, NAN = math.inf, math.nan
TYPES = {"f32": (np.float32, "float", 2.0), "f64": (np.float64, "double", 4.0)}  # the last: the ulp allowed


def sigmoid(x: np.ndarray) -> np.ndarray:
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, 1) / (1 + e)


# name: NumPy's function, mpmath's, arguments where something changes
FUNCTIONS: dict[str, tuple[Callable[..., Any], Callable[..., Any], tuple[float, ...]]] = {
    "exp": (np.exp, mpmath.exp, (88.72284, -87.33655, -103.97208, 709.782712893384, -708.396418532264, -745.1332191019411)),
    "exp2": (np.exp2, lambda x: mpmath.mpf(2) ** x, (128, -126, -149, -150, 1024, -1022, -1074, -1075, 0.5, 1.5)),
    "expm1": (np.expm1, mpmath.expm1, (88.72284, -17.5, 0.34657, -0.34657, 709.782712893384, -37.5)),
    "log": (np.log, mpmath.log, (1, math.sqrt(0.5), math.sqrt(2), 2)),
    "log2": (np.log2, lambda x: mpmath.log(x, 2), (1, math.sqrt(0.5), math.sqrt(2), 8)),
    "log10": (np.log10, mpmath.log10, (1, math.sqrt(0.5), math.sqrt(2), 1000)),
    "log1p": (np.log1p, mpmath.log1p, (-1, 1e-8, -1e-8, 1e-17, 0.41421356, -0.29289322, 2.0**60)),
    "sigmoid": (sigmoid, lambda x: 1 / (1 + mpmath.exp(-x)), (-87.33655, -103.97208, -69, -690, 16.6, 36.7, -708.4, -745.13)),
    "tanh": (np.tanh, mpmath.tanh, (0.625, -0.625, 9.01, 19.06)),
    "sinh": (np.sinh, mpmath.sinh, (1, -1, 89.4159, -89.4159, 710.4758600739439)),
    "cosh": (np.cosh, mpmath.cosh, (1, 89.4159, 710.4758600739439)),
    "asinh": (np.arcsinh, mpmath.asinh, (2.0**28, -(2.0**28), 1e-4)),
    "acosh": (np.arccosh, mpmath.acosh, (1, 2.0**28)),
    "atanh": (np.arctanh, mpmath.atanh, (1, -1, 0.5)),
    "erf": (scipy.special.erf, mpmath.erf, (0.92, 1, 3.9192059, 5.9215871)),
    "erfc": (scipy.special.erfc, mpmath.erfc, (0.5, 9.194549, 10.054, 26.543, 27.226, -4, -6)),
    "sin": (np.sin, mpmath.sin, (math.pi, math.pi / 4, 1e5, 2.0**29, 3 * math.pi / 4, 355, 5419351 / 1725033)),
    "cos": (np.cos, mpmath.cos, (math.pi / 2, math.pi / 4, 1e5, 2.0**29, 3 * math.pi / 4)),
    "tan": (np.tan, mpmath.tan, (math.pi / 2, math.pi / 4, 1e5, 2.0**29, 3 * math.pi / 4)),
    "asin": (np.arcsin, mpmath.asin, (0.5, -0.5, 1, -1)),
    "acos": (np.arccos, mpmath.acos, (0.5, -0.5, 1, -1)),
    "atan": (np.arctan, mpmath.atan, (0.41421356, 2.4142135, 1)),
    "rsqrt": (lambda x: 1 / np.sqrt(x), lambda x: 1 / mpmath.sqrt(x), (1, 4)),
    "cbrt": (np.cbrt, lambda x: mpmath.sign(x) * mpmath.cbrt(abs(x)), (1, 8, 27)),
}
POSITIVE = {"log", "log2", "log10", "rsqrt"}  # mpmath's domain, where it is not that of float64 NumPy
DOMAIN = {"acosh": (1, INF), "log1p": (-1, INF), "asin": (-1, 1), "acos": (-1, 1), "atanh": (-1, 1)}


def loop(name: str, type: str) -> str:
    """IR of the function with a loop over arrays around it."""
    real, operands = TYPES[type][1], range(ELEMENTWISE[name].operands)
    loads = "\n".join(f"%p{i} = getelementptr {real}, ptr %a{i}, i64 %i\n%x{i} = load {real}, ptr %p{i}" for i in operands)
    return f"""{mathlib.definitions([(name, type)])}
define void @loop({", ".join(f"ptr noalias %a{i}" for i in operands)}, ptr noalias %out, i64 %n) "prefer-vector-width"="512" {{
entry:
  br label %body
body:
  %i = phi i64 [0, %entry], [%next, %body]
  {loads}
  %y = call {real} @pg.{name}.{type}({", ".join(f"{real} %x{i}" for i in operands)})
  %q = getelementptr {real}, ptr %out, i64 %i
  store {real} %y, ptr %q
  %next = add i64 %i, 1
  %more = icmp ult i64 %next, %n
  br i1 %more, label %body, label %end
end:
  ret void
}}"""


@functools.cache
def compiled(name: str, type: str) -> Callable[..., np.ndarray]:
    count = ELEMENTWISE[name].operands + 1
    call = llvm.function(llvm.load(loop(name, type), ["loop"])["loop"], count, 1)

    def run(*operands: Any) -> np.ndarray:
        arrays = [np.ascontiguousarray(x, dtype=TYPES[type][0]) for x in operands]
        out = np.empty_like(arrays[0])
        call(*[x.ctypes.data for x in (*arrays, out)], out.size)
        return out

    return run


def samples(rng: np.random.Generator, type: str, count: int, thresholds: tuple[float, ...]) -> np.ndarray:
    """Random bit patterns, moderate numbers, numbers near one, and the neighbours of the thresholds."""
    real = TYPES[type][0]
    pattern = np.dtype(f"u{np.dtype(real).itemsize}")
    anything = rng.integers(0, np.iinfo(pattern).max, count, dtype=pattern, endpoint=True).view(real)
    reach = 110 if type == "f32" else 750
    parts: list[Any] = [anything, rng.uniform(-10, 10, count), rng.uniform(-1, 1, count), rng.uniform(-reach, reach, count)]
    parts.append(1 + rng.uniform(-1, 1, count) * 10.0 ** rng.uniform(-8, 0, count))
    parts.append(rng.standard_normal(count) * 10.0 ** rng.uniform(-8, 8, count))
    for x in thresholds:
        parts.append(real(x) * (1 + np.arange(-16, 17) * np.finfo(real).eps))
    with np.errstate(over="ignore"):
        x = np.concatenate([np.asarray(part).astype(real) for part in parts])
    return x[np.isfinite(x)]


def errors(out: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """Distances from exact float64 results in ulp of float32; 0 where both are the same infinity or NaN."""
    with np.errstate(all="ignore"):
        rounded = exact.astype(np.float32)
        size = np.maximum(np.abs(exact), np.finfo(np.float32).tiny)
        ulp = np.ldexp(1.0, np.frexp(size)[1] - 24)
        distance = np.abs(out.astype(np.float64) - exact) / ulp
    same = (out == rounded) | (np.isnan(out) & np.isnan(rounded))
    return np.where(np.isfinite(rounded) & np.isfinite(out), distance, np.where(same, 0, INF))


def exact_errors(out: np.ndarray, exact: list[Any]) -> list[float]:
    """Distances from mpmath's results in ulp of float64."""
    found = []
    for y, w in zip(out.tolist(), exact, strict=True):
        if not math.isfinite(y):
            found.append(0.0 if abs(w) >= 2**1024 - 2**970 and (y > 0) == (w > 0) else INF)
        else:
            ulp = mpmath.ldexp(1, max(mpmath.frexp(w)[1] - 53, -1074)) if w else mpmath.ldexp(1, -1074)
            found.append(float(abs(w - mpmath.mpf(y)) / ulp))
    return found


@pytest.mark.parametrize("name", FUNCTIONS)
def test_float32_is_within_2_ulp(name: str) -> None:
    reference, _, thresholds = FUNCTIONS[name]
    x = samples(np.random.default_rng(0), "f32", 50_000, thresholds)
    with np.errstate(all="ignore"):
        e = errors(compiled(name, "f32")(x), reference(x.astype(np.float64)))
    assert e.max() <= TYPES["f32"][2], (x[e.argmax()], e.max())


@pytest.mark.parametrize("name", FUNCTIONS)
def test_float64_is_within_4_ulp(name: str) -> None:
    _, reference, thresholds = FUNCTIONS[name]
    x = samples(np.random.default_rng(1), "f64", 60, thresholds)
    low, high = DOMAIN.get(name, (0, INF) if name in POSITIVE else (-INF, INF))
    if name in ("exp", "exp2", "expm1", "sigmoid", "tanh", "sinh", "cosh", "erf", "erfc"):
        low, high = -1e4, 1e4  # mpmath would compute numbers with as many digits as the exponent says
    x = x[(x > low) & (x < high)]
    with mpmath.workdps(60):
        exact = []
        for v in x.tolist():
            with mpmath.workdps(400 if abs(v) > 1e20 else 60 + max(0, -math.frexp(v)[1] // 2)):
                exact.append(reference(mpmath.mpf(v)))
        e = exact_errors(compiled(name, "f64")(x), exact)
    worst = int(np.argmax(e))
    assert e[worst] <= TYPES["f64"][2], (x[worst], e[worst])


def pairs(type: str, count: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(2)
    x, y = samples(rng, type, count, (1, -1)), samples(rng, type, count, (1, -1))
    reach = 80 if type == "f32" else 600
    moderate = np.exp(rng.uniform(-reach, reach, 4 * count)), rng.uniform(-9, 9, 4 * count)
    real = TYPES[type][0]
    n = min(x.size, y.size)
    return np.concatenate([x[:n], moderate[0]]).astype(real), np.concatenate([rng.permutation(y)[:n], moderate[1]]).astype(real)


@pytest.mark.parametrize(("name", "reference"), [("pow", np.power), ("atan2", np.arctan2)])
def test_float32_of_two_operands(name: str, reference: Any) -> None:
    x, y = pairs("f32", 20_000)
    with np.errstate(all="ignore"):
        e = errors(compiled(name, "f32")(x, y), reference(x.astype(np.float64), y.astype(np.float64)))
    assert e.max() <= TYPES["f32"][2], (x[e.argmax()], y[e.argmax()], e.max())


@pytest.mark.parametrize(("name", "reference"), [("pow", mpmath.power), ("atan2", mpmath.atan2)])
def test_float64_of_two_operands(name: str, reference: Any) -> None:
    x, y = pairs("f64", 60)
    if name == "pow":
        x = np.abs(x)
        keep = (x > 0) & (np.abs(y * np.log(np.maximum(x, 5e-324))) < 800)
        x, y = x[keep], y[keep]
    with mpmath.workdps(60):
        exact = [reference(mpmath.mpf(a), mpmath.mpf(b)) for a, b in zip(x.tolist(), y.tolist(), strict=True)]
        e = exact_errors(compiled(name, "f64")(x, y), exact)
    worst = int(np.argmax(e))
    assert e[worst] <= TYPES["f64"][2], (x[worst], y[worst], e[worst])


def check_special(out: np.ndarray, expected: np.ndarray, x: Any) -> None:
    """NaN, infinities and signed zeros agree exactly, other results nearly."""
    np.testing.assert_allclose(out, expected, rtol=1e-6, err_msg=str(x))
    zero = expected == 0
    assert (np.signbit(out[zero]) == np.signbit(expected[zero])).all(), x


@pytest.mark.parametrize("type", TYPES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_special_values(name: str, type: str) -> None:
    real = TYPES[type][0]
    edge = np.finfo(real)
    x = np.array([0.0, -0.0, INF, -INF, NAN, 1, -1, 2, -2, edge.max, -edge.max], real)
    with np.errstate(all="ignore"):
        expected = FUNCTIONS[name][0](x)
    check_special(compiled(name, type)(x), expected, x)
    small = np.array([edge.tiny, -edge.tiny, edge.smallest_subnormal, -edge.smallest_subnormal, 5 * edge.smallest_subnormal], real)
    if name in ("expm1", "log1p", "tanh", "sinh", "asinh", "atanh", "sin", "tan", "asin", "atan"):
        np.testing.assert_array_equal(compiled(name, type)(small), small)


@pytest.mark.parametrize("type", TYPES)
@pytest.mark.parametrize(("name", "reference"), [("pow", np.power), ("atan2", np.arctan2)])
def test_special_pairs(name: str, reference: Any, type: str) -> None:
    real = TYPES[type][0]
    edge = np.finfo(real)
    values = [0.0, -0.0, INF, -INF, NAN, 1, -1, 2, -2, 0.5, -0.5, 3, -3, edge.max, -edge.max, edge.tiny, -edge.tiny]
    x, y = (v.ravel() for v in np.meshgrid(np.array(values, real), np.array(values, real)))
    with np.errstate(all="ignore"):
        expected = reference(x, y)
    check_special(compiled(name, type)(x, y), expected, (x, y))


@pytest.mark.parametrize("type", TYPES)
@pytest.mark.parametrize("name", [row.name for row in ELEMENTWISE.values() if row.formula])
def test_loops_are_vectorised(name: str, type: str) -> None:
    if not re.search(r"\+(fma|neon)\b", llvm.host()[1]):
        pytest.skip("without an instruction for it, fma is a call")
    text = llvm.optimised(loop(name, type))
    lanes = [int(n) for n in re.findall(rf"store <(\d+) x {TYPES[type][1]}>", text)]
    assert lanes and max(lanes) * np.dtype(TYPES[type][0]).itemsize * 8 >= 128
    assert f"@pg.{name}" not in text, "not inlined"


def test_definitions_come_once() -> None:
    text = mathlib.definitions([("exp", "f32"), ("log", "f64"), ("exp", "f32")])
    assert text.count("define ") == 2
    with pytest.raises(KeyError):
        mathlib.definitions([("gamma", "f32")])
