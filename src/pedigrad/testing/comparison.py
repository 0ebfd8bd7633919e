"""`assert_close`: whether two values are equal, or nearly; and where they are not.

Values are taken apart into pairs: None, booleans, numbers and tensors, in whatever lists and dictionaries hold them.
"""

from __future__ import annotations

import cmath
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..core.declare import PLACES
from ..core.origin import located, warn
from ..core.sparse import Coordinates
from ..core.sparse_tensor import SparseTensor
from ..core.tensor import Tensor, wrap

torch: Any = PLACES["torch"]
TOLERANCES = {  # dtype -> relative and absolute
    "float16": (1e-3, 1e-5), "bfloat16": (1.6e-2, 1e-5), "float32": (1.3e-6, 1e-5), "float64": (1e-7, 1e-7), "complex32": (1e-3, 1e-5),
    "complex64": (1.3e-6, 1e-5), "complex128": (1e-7, 1e-7),
}  # fmt: skip


class Mismatch(Exception):
    """Two values differ, or cannot be compared: the type of the error to raise, and what it says."""

    def __init__(self, message: str, kind: type[Exception] = AssertionError, path: tuple[Any, ...] = ()):
        super().__init__(message)
        self.kind, self.message, self.path = kind, message, path

    def error(self, msg: Any) -> Exception:
        """The error, in the user's own words if there are any."""
        text = self.message
        if self.path:
            text += f"\n\nThe failure occurred for item {''.join(f'[{each!r}]' for each in self.path)}"
        if msg is not None:
            text = msg(text) if callable(msg) else msg
        return self.kind(text)


class Options:
    """What `assert_close` was asked for."""

    def __init__(self, rtol: Any, atol: Any, **flags: Any):
        if (rtol is None) != (atol is None):
            missing = "rtol" if rtol is None else "atol"
            raise ValueError(located(f"Both 'rtol' and 'atol' must be either specified or omitted, but got no {missing}."))
        self.__dict__.update(flags)
        self.rtol, self.atol = rtol, atol

    allow_subclasses: bool
    equal_nan: bool
    check_device: bool
    check_dtype: bool
    check_layout: bool
    check_stride: bool

    def tolerances(self, *dtypes: str) -> tuple[float, float]:
        """The relative and the absolute tolerance for values of these dtypes."""
        if self.rtol is not None:
            return self.rtol, self.atol
        known = [TOLERANCES.get(each, (0.0, 0.0)) for each in dtypes]
        return max(each[0] for each in known), max(each[1] for each in known)


def assert_close(
    actual: Any, expected: Any, *, allow_subclasses: bool = True, rtol: float | None = None, atol: float | None = None,
    equal_nan: bool = False, check_device: bool = True, check_dtype: bool = True, check_layout: bool = True, check_stride: bool = False,
    msg: str | Callable[[str], str] | None = None,
) -> None:  # fmt: skip
    """AssertionError, which says where, unless `actual` is `expected` but for rounding.

    Elements are close if they differ by at most `atol + rtol * abs(expected)`; the tolerances follow from the dtype unless given.

    Args:
        allow_subclasses: whether the classes of the two may differ.
        rtol, atol: the relative and absolute tolerance; both are given or neither.
        equal_nan: whether two nans are close.
        check_device, check_dtype, check_layout, check_stride: what must be the same too.
        msg: the error's message, or a function of it.

    Shape: must be the same.

    Raises:
        AssertionError: the two differ.

    >>> import pedigrad as torch
    >>> torch.testing.assert_close(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.0 + 1e-7]))
    """
    options = Options(
        rtol, atol, allow_subclasses=allow_subclasses, equal_nan=equal_nan, check_device=check_device, check_dtype=check_dtype,
        check_layout=check_layout, check_stride=check_stride,
    )  # fmt: skip
    try:
        _compare(actual, expected, options, ())
    except Mismatch as mismatch:
        error = mismatch
    else:
        return
    raise error.error(msg)


def _compare(actual: Any, expected: Any, options: Options, path: tuple[Any, ...]) -> None:
    """Mismatch at the first pair that differs, sequences and mappings in their order."""
    if _are(actual, expected, Sequence) and not isinstance(actual, str) and not isinstance(expected, str):
        if len(actual) != len(expected):
            raise Mismatch(f"The length of the sequences mismatch: {len(actual)} != {len(expected)}", path=path)
        for i, (a, e) in enumerate(zip(actual, expected, strict=True)):
            _compare(a, e, options, (*path, i))
    elif _are(actual, expected, Mapping):
        missing, more = expected.keys() - actual.keys(), actual.keys() - expected.keys()
        if missing or more:
            keys = f"Missing keys in the actual mapping: {sorted(missing)}\nAdditional keys in the actual mapping: {sorted(more)}"
            raise Mismatch(f"The keys of the mappings do not match:\n{keys}", path=path)
        for key in expected:
            _compare(actual[key], expected[key], options, (*path, key))
    elif actual is None or expected is None:
        if actual is not expected:
            raise Mismatch(f"None mismatch: {actual} is not {expected}", path=path)
    elif _are(actual, expected, (bool, np.bool_)):
        if bool(actual) is not bool(expected):
            raise Mismatch(f"Booleans mismatch: {actual} is not {expected}", path=path)
    elif _are(actual, expected, (int, float, complex, np.number)):
        _compare_numbers(actual, expected, options, path)
    else:
        _compare_tensors(actual, expected, options, path)


def _are(actual: Any, expected: Any, kinds: Any) -> bool:
    return isinstance(actual, kinds) and isinstance(expected, kinds)


def _compare_numbers(actual: Any, expected: Any, options: Options, path: tuple[Any, ...]) -> None:
    actual, expected = (v.item() if isinstance(v, np.number) else v for v in (actual, expected))
    if options.check_dtype and type(actual) is not type(expected):
        raise Mismatch(f"The (d)types do not match: {type(actual)} != {type(expected)}.", path=path)
    rtol, atol = options.tolerances(*({int: "int64", float: "float64"}.get(type(v), "complex128") for v in (actual, expected)))
    if actual == expected or (options.equal_nan and cmath.isnan(actual) and cmath.isnan(expected)):
        return
    difference, allowed = abs(actual - expected), atol + rtol * abs(expected)
    if cmath.isfinite(difference) and difference <= allowed:
        return
    raise Mismatch(_described_numbers(actual, expected, rtol, atol), path=path)


def _described_numbers(actual: Any, expected: Any, rtol: float, atol: float) -> str:
    difference = abs(actual - expected)
    relative = difference / abs(expected) if expected != 0 else float("inf")
    exact = rtol == 0 and atol == 0
    lines = [f"Expected {expected} but got {actual}.", f"Absolute difference: {difference}", f"Relative difference: {relative}"]
    if not exact:
        lines[1] += f" (up to {atol} allowed)"
        lines[2] += f" (up to {rtol} allowed)"
    return f"Scalars are not {'equal' if exact else 'close'}!\n\n" + "\n".join(lines)


def _as_tensor(value: Any) -> Tensor:
    if isinstance(value, Tensor):
        return value
    try:
        return torch["as_tensor"](value)
    except Exception:
        raise TypeError from None


def _compare_tensors(actual: Any, expected: Any, options: Options, path: tuple[Any, ...]) -> None:
    related = isinstance(actual, type(expected)) or isinstance(expected, type(actual))
    same = type(actual) is type(expected)
    usable = all(isinstance(v, (Tensor, np.ndarray, int, float, complex, bool, np.generic)) for v in (actual, expected))
    if not related or not usable or not (same or options.allow_subclasses):
        what = f"of type {type(actual)} and {type(expected)}"
        raise Mismatch(f"No comparison pair was able to handle inputs {what}.", TypeError, path)
    a, e = _as_tensor(actual), _as_tensor(expected)
    for name, checked in (
        ("shape", True),
        ("layout", options.check_layout),
        ("device", options.check_device),
        ("dtype", options.check_dtype),
    ):
        left, right = getattr(a, name), getattr(e, name)
        if checked and left != right:
            raise Mismatch(f"The values for attribute '{name}' do not match: {left} != {right}.", path=path)
    if options.check_stride and a.stride() != e.stride():
        raise Mismatch(f"The values for attribute 'stride()' do not match: {a.stride()} != {e.stride()}.", path=path)
    if a.layout is not e.layout:
        a, e = a.to_dense(), e.to_dense()  # type: ignore[attr-defined]
    elif isinstance(a, SparseTensor) and isinstance(e, SparseTensor):
        return _compare_sparse(a, e, options, path)
    _compare_elements(a, e, options, path)


def _compare_sparse(actual: SparseTensor, expected: SparseTensor, options: Options, path: tuple[Any, ...]) -> None:
    """Mismatch unless the same places are kept and the values are close."""
    a, e = actual._sparse, expected._sparse
    if isinstance(a, Coordinates):
        a, e = a.coalesce(), e.coalesce()
    if a.count != e.count:
        raise Mismatch(f"The number of specified values in sparse tensors does not match: {a.count} != {e.count}", path=path)
    exact = Options(**{**options.__dict__, "rtol": 0, "atol": 0})
    for name in ("indices",) if isinstance(a, Coordinates) else ("pointers", "indices"):
        _compare_elements(wrap(getattr(a, name)), wrap(getattr(e, name)), exact, path)
    _compare_elements(wrap(a.values), wrap(e.values), options, path)


def _compare_elements(a: Tensor, e: Tensor, options: Options, path: tuple[Any, ...]) -> None:
    rtol, atol = options.tolerances(a.dtype.name, e.dtype.name)
    left, right = _arrays(a, e)
    with np.errstate(all="ignore"):
        wrong = ~np.isclose(left, right, rtol=rtol, atol=atol, equal_nan=options.equal_nan)
        if wrong.any():
            raise Mismatch(_described(left, right, wrong, rtol, atol), path=path)


def _arrays(*tensors: Tensor) -> list[Any]:
    """The elements, in dtypes in which differences can be taken."""
    arrays = [t.detach()._array for t in tensors]
    wide = [a.astype(np.float64) if a.dtype.kind in "fV" and a.dtype.itemsize <= 4 else a for a in arrays]
    wide = [a.astype(np.int64) if a.dtype.kind in "biu" and a.dtype != np.uint64 else a for a in wide]
    return [a.astype(np.complex128) if a.dtype == np.complex64 else a for a in wide]


def _described(actual: Any, expected: Any, wrong: Any, rtol: float, atol: float) -> str:
    """How many elements differ, and by how much at most."""
    if actual.ndim == 0:
        return _described_numbers(actual.item(), expected.item(), rtol, atol)
    exact = rtol == 0 and atol == 0
    difference = np.where(wrong, np.abs(actual - expected), 0)
    relative = np.where(wrong, difference / np.abs(expected), 0)
    text = f"Tensor-likes are not {'equal' if exact else 'close'}!\n\nMismatched elements: "
    text += f"{int(wrong.sum())} / {wrong.size} ({wrong.sum() / wrong.size:.1%})"
    for name, values, allowed in (("absolute", difference, atol), ("relative", relative, rtol)):
        place = int(np.argmax(np.where(np.isnan(values), np.inf, values)))
        index = tuple(int(i) for i in np.unravel_index(place, values.shape))
        text += f"\nGreatest {name} difference: {values.reshape(-1)[place].item()} at index {index}"
        text += "" if exact else f" (up to {allowed} allowed)"
    return text


def assert_allclose(
    actual: Any, expected: Any, rtol: float | None = None, atol: float | None = None, equal_nan: bool = True, msg: str = ""
) -> None:
    """The same as `assert_close`, under its old name: dtypes may differ.

    Args:
        actual, expected: numbers, arrays, tensors or sequences of them.
        rtol, atol: the tolerances, as `assert_close` has them.
        equal_nan: whether two nans are close.
        msg: the error's message.

    Shape: must be the same.

    Raises:
        AssertionError: the two differ.
    """
    message = "`torch.testing.assert_allclose()` is deprecated: use `torch.testing.assert_close()` instead."
    warn(message, FutureWarning)
    actual, expected = _as_tensor(actual), _as_tensor(expected)
    assert_close(
        actual,
        expected,
        rtol=rtol,
        atol=atol,
        equal_nan=equal_nan,
        check_device=True,
        check_dtype=False,
        check_stride=False,
        msg=msg or None,
    )
