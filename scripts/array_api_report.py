"""How pedigrad fares with the Python array API standard, through `array_api_compat.torch` in a process where it stands in for torch.

Without arguments it says which names of the standard, as `array_api_strict` has them, are there, and compares what calls of them give with
what they give there. `--suite PATH` runs the standard's own tests, a checkout of data-apis/array-api-tests, which no registry has.
`--update` writes the result into docs/coverage.md. It needs array-api-compat and array-api-strict; `--path` says where they are.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import re
import subprocess
import sys
import textwrap
from typing import Any

import numpy as np

ROOT = pathlib.Path(__file__).parents[1]
DOCUMENT = ROOT / "docs" / "coverage.md"
SUITE = "The standard's own tests"
BEGIN, END = "<!-- array-api:begin -->", "<!-- array-api:end -->"

FLOATS = """abs acos acosh asin asinh atan atanh ceil cos cosh exp expm1 floor isfinite isinf isnan log log1p log2 log10 negative positive
 reciprocal round sign signbit sin sinh sqrt square tan tanh trunc"""
PAIRS = "add atan2 copysign divide equal floor_divide greater greater_equal hypot less less_equal logaddexp maximum minimum multiply"
PAIRS += " nextafter not_equal pow remainder subtract"
WHOLE = "bitwise_and bitwise_or bitwise_xor bitwise_left_shift bitwise_right_shift add multiply floor_divide remainder maximum minimum pow"
REDUCTIONS = "max min mean prod sum std var any all count_nonzero argmax argmin"

CALLS = [f"xp.{name}({x})" for name in FLOATS.split() for x in ("f", "d", "wild")]
CALLS += [f"xp.{name}({x})" for name in "abs exp log sqrt sin cos tanh sinh square negative isnan real imag conj".split() for x in ("z",)]
CALLS += [f"xp.{name}({x}, {y})" for name in PAIRS.split() for x, y in (("f", "f2"), ("d", "d2"), ("wild", "wild2"))]
CALLS += [f"xp.{name}({x}, {y})" for name in WHOLE.split() for x, y in (("i", "small"), ("u", "usmall"))]
CALLS += [f"xp.{name}(b, b2)" for name in "logical_and logical_or logical_xor equal bitwise_and".split()]
CALLS += [
    "xp.logical_not(b)",
    "xp.bitwise_invert(i)",
    "xp.clip(f, -0.5, 0.5)",
    "xp.clip(f, min=xp.asarray([0.0, 0.1, 0.2], dtype=f.dtype))",
]
CALLS += [f"xp.{name}(f{axis})" for name in REDUCTIONS.split() for axis in ("", ", axis=0", ", axis=-1, keepdims=True")]
CALLS += [f"xp.{name}(f, axis=(0, 1))" for name in "max min mean prod sum std var any all count_nonzero".split()]
CALLS += [f"xp.{name}({x})" for name in "sum prod max min any all".split() for x in ("i", "u")] + ["xp.any(b)", "xp.all(b)"]
CALLS += ["xp.std(f, axis=1, correction=1)", "xp.var(d, correction=1)", "xp.sum(u, dtype=xp.int32)", "xp.sum(f, dtype=xp.float64)"]
CALLS += [
    "xp.cumulative_sum(f, axis=1)",
    "xp.cumulative_sum(f, axis=0, include_initial=True)",
    "xp.cumulative_prod(f, axis=1)",
    "xp.diff(f)",
]
CALLS += """xp.astype(f, xp.int32)
xp.astype(i, xp.float32)
xp.broadcast_to(f[0, :], (2, 3))
xp.broadcast_arrays(f, f[0, :])
xp.can_cast(xp.int32, xp.int64)
xp.isdtype(f.dtype, "real floating")
xp.isdtype(i.dtype, ("integral", "bool"))
xp.result_type(f, d)
xp.finfo(xp.float32).max
xp.iinfo(xp.int16).min
xp.arange(2, 9, 3)
xp.arange(5.0, dtype=xp.float32)
xp.linspace(0, 1, 5, dtype=xp.float64)
xp.linspace(0, 1, 5, dtype=xp.float64, endpoint=False)
xp.eye(3, 4, k=1, dtype=xp.float32)
xp.full((2, 2), 7)
xp.full_like(f, 3.0)
xp.ones((2, 3), dtype=xp.int8)
xp.zeros_like(i)
xp.asarray([1, 2, 3])
xp.asarray(f, copy=True)
xp.tril(f)
xp.triu(f, k=1)
xp.meshgrid(f[0, :], f[:, 0], indexing="ij")
xp.meshgrid(f[0, :], f[:, 0])
xp.concat([f, f2], axis=1)
xp.concat([f, f2], axis=None)
xp.concat([f, d])
xp.expand_dims(f, axis=1)
xp.flip(f)
xp.flip(f, axis=1)
xp.moveaxis(t, 0, -1)
xp.permute_dims(t, (2, 0, 1))
xp.repeat(f, 2, axis=1)
xp.repeat(f, 2)
xp.reshape(f, (3, 2))
xp.roll(f, 1)
xp.roll(f, (1, 1), axis=(0, 1))
xp.squeeze(xp.expand_dims(f, axis=0), axis=0)
xp.stack([f, f2], axis=1)
xp.tile(f, (2, 1))
xp.unstack(f, axis=1)
xp.argsort(f, axis=1)
xp.argsort(f, axis=1, descending=True)
xp.sort(f, axis=0)
xp.sort(f, descending=True)
xp.searchsorted(xp.asarray([1.0, 2.0, 3.0]), xp.asarray([0.5, 2.0, 9.0]))
xp.searchsorted(xp.asarray([1.0, 2.0, 3.0]), xp.asarray([0.5, 2.0, 9.0]), side="right")
xp.nonzero(b)
xp.where(b, f, f2)
xp.where(b, f, d)
xp.take(f, xp.asarray([2, 0]), axis=1)
xp.take_along_axis(f, xp.argsort(f, axis=1), axis=1)
xp.unique_values(xp.asarray([3, 1, 1, 2]))
xp.unique_counts(xp.asarray([3, 1, 1, 2]))[1]
xp.unique_inverse(xp.asarray([3, 1, 1, 2]))[1]
xp.unique_all(xp.asarray([3, 1, 1, 2]))[0]
xp.matmul(f, xp.matrix_transpose(f2))
xp.tensordot(t, t, axes=((0, 1), (0, 1)))
xp.tensordot(f, xp.matrix_transpose(f2), axes=1)
xp.vecdot(f, f2)
xp.vecdot(z, z)
f @ xp.matrix_transpose(f2)
xp.linalg.cholesky(spd)
xp.linalg.cross(f, f2)
xp.linalg.det(m)
xp.linalg.diagonal(m, offset=1)
xp.linalg.eigvalsh(spd)
xp.linalg.eigh(spd)[0]
xp.linalg.inv(m)
xp.linalg.matrix_norm(m)
xp.linalg.matrix_norm(m, ord=1, keepdims=True)
xp.linalg.matrix_power(m, 3)
int(xp.linalg.matrix_rank(m))
xp.linalg.outer(f[0, :], f[1, :])
xp.linalg.pinv(d)
xp.abs(xp.linalg.qr(m)[1])
xp.linalg.slogdet(m)[1]
xp.linalg.solve(m, d[0, :])
xp.linalg.solve(m, xp.matrix_transpose(d))
xp.linalg.svdvals(d)
xp.linalg.svd(d, full_matrices=False)[1]
xp.linalg.trace(m)
xp.linalg.vector_norm(f, axis=1)
xp.linalg.vector_norm(f, axis=(0, 1), ord=1)
xp.linalg.tensordot(f, xp.matrix_transpose(f2), axes=1)
xp.linalg.vecdot(f, f2)
xp.linalg.matrix_transpose(f)
xp.fft.fft(z)
xp.fft.ifft(z)
xp.fft.fftn(z)
xp.fft.rfft(d, n=4)
xp.fft.irfft(xp.fft.rfft(d))
xp.fft.rfftn(d)
xp.fft.hfft(z)
xp.fft.ihfft(d)
xp.fft.fftfreq(5, d=0.5, dtype=xp.float64)
xp.fft.rfftfreq(5, dtype=xp.float64)
xp.fft.fftshift(d)
xp.fft.ifftshift(d, axes=1)
f + 1
2 ** f
f // f2
i % small
-f
abs(f)
f[..., 1]
f[:, None, 1:]
f[b]
b & b2
~b
f == f2
float(f[0, 0])
int(i[0, 0])
bool(b[0, 0])
f.shape
f.ndim
f.T
m.mT
xp.pi
xp.e
xp.inf
xp.newaxis""".splitlines()  # fmt: skip


def operands(xp: Any) -> dict[str, Any]:
    """What the calls are given, the same numbers in each namespace."""
    rng = np.random.default_rng(0)
    made = {"f": rng.normal(size=(2, 3)), "f2": rng.normal(size=(2, 3)), "d": rng.uniform(-0.9, 0.9, (2, 3)), "d2": rng.normal(size=(2, 3))}
    found = {n: xp.asarray(x.tolist(), dtype=xp.float32 if n[0] == "f" else xp.float64) for n, x in made.items()}
    inf, nan = float("inf"), float("nan")
    found |= {"wild": xp.asarray([0.0, -0.0, inf, -inf, nan, 1.5, -2.0], dtype=xp.float64)}
    found |= {"wild2": xp.asarray([-0.0, inf, 2.0, -inf, 1.0, nan, 0.0], dtype=xp.float64)}
    found |= {"i": xp.asarray([[7, -5, 3], [0, 9, -8]]), "small": xp.asarray([[2, 3, 1], [4, 2, 3]])}
    found |= {"u": xp.asarray([7, 5, 250], dtype=xp.uint8), "usmall": xp.asarray([2, 1, 3], dtype=xp.uint8)}
    found |= {"b": xp.asarray([[True, False, True], [False, True, True]]), "b2": xp.asarray([[True, True, False], [False, True, False]])}
    found |= {"z": xp.asarray([[1 + 2j, -0.5j, 2.0], [0.3, -1 + 1j, 2 - 3j]], dtype=xp.complex128)}
    found |= {"m": xp.asarray((rng.normal(size=(3, 3)) + 2 * np.eye(3)).tolist(), dtype=xp.float64)}
    half = rng.normal(size=(3, 3))
    found |= {"spd": xp.asarray((half @ half.T + np.eye(3)).tolist(), dtype=xp.float64)}
    return found | {"t": xp.asarray(rng.normal(size=(2, 3, 4)).tolist(), dtype=xp.float64)}


def plain(result: Any) -> Any:
    """A result as dtypes, shapes and NumPy arrays."""
    if isinstance(result, (tuple, list)) and not hasattr(result, "numel"):
        return [plain(each) for each in result]
    if hasattr(result, "dtype") and hasattr(result, "shape"):
        kind = str(result.dtype).rpartition(".")[2]
        return kind, tuple(result.shape), np.asarray(np.from_dlpack(result) if kind != "bool" else result.__array__())
    return str(result).rpartition(".")[2] if "float" in str(result) or "int" in str(result) else result


def agree(one: Any, other: Any) -> bool:
    """Whether two results are the same, numbers nearly."""
    if isinstance(one, (list, tuple)):
        same = isinstance(other, (list, tuple)) and len(one) == len(other)
        return same and all(agree(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, np.ndarray):
        return bool(np.allclose(one, other, rtol=1e-5, atol=1e-6, equal_nan=True))
    return bool(one == other or (isinstance(one, float) and abs(one - other) <= 1e-5 * abs(one)))


def differences(ours: Any, strict: Any) -> list[str]:
    """The calls that do not give the same, each with what is different."""
    found = []
    mine, theirs = ({"xp": xp, **operands(xp)} for xp in (ours, strict))
    for code in CALLS:
        try:
            expected = plain(eval(code, theirs))
        except Exception as error:
            raise RuntimeError(f"array_api_strict refuses {code}") from error
        try:
            got = plain(eval(code, mine))
        except Exception as error:
            found.append(f"{code}: {type(error).__name__}: {str(error).splitlines()[0]}")
            continue
        if not agree(expected, got):
            found.append(f"{code}: {got} for {expected}".replace("\n", " ")[:300])
    return found


def missing_names(ours: Any, strict: Any) -> list[str]:
    """The names of the standard that are not there."""
    found = [name for name in strict.__all__ if not name.startswith("__") and not hasattr(ours, name)]
    for part in ("linalg", "fft"):
        found += [f"{part}.{name}" for name in getattr(strict, part).__all__ if not hasattr(getattr(ours, part), name)]
    settings = {"get_array_api_strict_flags", "set_array_api_strict_flags", "reset_array_api_strict_flags", "ArrayAPIStrictFlags", "Device"}
    return [name for name in found if name not in settings]


def run_suite(path: pathlib.Path, more: list[str]) -> str:
    """What the standard's own tests end with, run where pedigrad is torch."""
    start = "import pedigrad; pedigrad.install_as_torch(); import sys, pytest; sys.exit(pytest.main(sys.argv[1:]))"
    surroundings = {**os.environ, "ARRAY_API_TESTS_MODULE": "array_api_compat.torch", "PYTHONPATH": os.pathsep.join(sys.path[1:])}
    command = [sys.executable, "-c", start, "-q", "array_api_tests", *more]
    done = subprocess.run(command, cwd=path, env=surroundings, capture_output=True, text=True)
    print(done.stdout)
    lines = [line for line in done.stdout.splitlines() if re.search(r"\d+ (passed|failed)", line)]
    return lines[-1].strip("= ") if lines else f"the suite could not be run: {done.stderr[-300:]}"


def told_of_the_suite() -> list[str]:
    """What the page says of the suite since it was run last."""
    lines = DOCUMENT.read_text().partition(BEGIN)[2].partition(END)[0].strip().splitlines()
    first = next((i for i, line in enumerate(lines) if line.startswith(SUITE)), None)
    return [f"{SUITE} (`--suite PATH` runs them) were not run."] if first is None else lines[first:]


def write(text: list[str]) -> None:
    """Put the result into docs/coverage.md."""
    before, _, after = DOCUMENT.read_text().partition(BEGIN)
    DOCUMENT.write_text("\n".join([before + BEGIN, *text, END]) + after.partition(END)[2])


def main() -> None:
    """Run the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--path", action="append", default=[], help="where array-api-compat and array-api-strict are, if not installed")
    parser.add_argument("--suite", type=pathlib.Path, help="a checkout of data-apis/array-api-tests")
    parser.add_argument("--real", action="store_true", help="ask PyTorch itself, for comparison")
    parser.add_argument("--update", action="store_true", help="write the result into docs/coverage.md")
    options, more = parser.parse_known_args()
    sys.path[1:1] = [str(ROOT / "src"), *options.path]

    if not options.real:
        import pedigrad

        pedigrad.install_as_torch()
    import array_api_compat
    import array_api_compat.torch as ours
    import array_api_strict as strict

    missing, found = missing_names(ours, strict), differences(ours, strict)
    for line in found:
        print(line)
    if options.real:
        print(f"PyTorch itself: {len(CALLS) - len(found)} of {len(CALLS)}; missing {missing}")
        return
    versions = f"array_api_compat {array_api_compat.__version__}, array_api_strict {strict.__version__}"
    same = f"{len(CALLS) - len(found)} of {len(CALLS)} calls of functions of the standard give what array_api_strict gives"
    said = [
        f"Through `array_api_compat.torch`, where pedigrad stands in for torch ({versions}, of the standard's version",
        f"{strict.__array_api_version__}), {same}. Names of it that are not there: {', '.join(missing) or 'none'}.",
        "scikit-learn and SciPy take tensors with `array_api_dispatch=True` and `SCIPY_ARRAY_API=1`",
        "(tests/conformance/test_array_api.py). Not the same are:" if found else "(tests/conformance/test_array_api.py).",
    ]
    text = [*textwrap.wrap(" ".join(said), 130, break_long_words=False), "", *(f"- `{line.partition(': ')[0]}`" for line in found)]
    if options.suite is not None:
        text += ["", f"{SUITE}: {run_suite(options.suite, more)}."]
    else:
        text += ["", *told_of_the_suite()]
    print("\n".join(text))
    if options.update:
        write(text)


if __name__ == "__main__":
    main()
