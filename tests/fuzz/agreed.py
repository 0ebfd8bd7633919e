"""What else counts as agreement of single operations: where PyTorch's result is not the right one, or there is none.

Each rule names calls, says why, and marks single elements. What it does not mark is a finding.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from fuzz import programs


class Case:
    """A program and what its operands are, looked at only if a rule asks."""

    def __init__(self, program: programs.Program, torch: Any, right: programs.Observations):
        self.program, self.torch, self.right = program, torch, right
        text = next((t for t in program.statements if t.startswith("y = ")), "y = f()")
        self.call = text[4:].partition("(")[0].removeprefix("torch.").removeprefix("nn.functional.")
        self.call = re.sub(r"^a\d+v?\.", "", self.call)  # a method
        self.text = text
        names = [n.id for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Name)]
        self.names = sorted({n for n in names if re.fullmatch(r"a\d+v?", n)}, key=text.index)
        gradients = next((t for t in program.statements if t.startswith("g = [")), "")
        self.leaves = re.findall(r"(a\d+)\.grad", gradients)

    @functools.cached_property
    def values(self) -> dict[str, np.ndarray]:
        found = programs.run(programs.Program(self.program.statements, (*self.names, *self.leaves)), self.torch).values
        return {name: value.array for name, value in found.items() if isinstance(value, programs.Seen) and value.array is not None}

    def operands(self) -> list[np.ndarray]:
        """The tensors that the call is given."""
        return [self.values[n] for n in self.names if n in self.values]

    def at(self, name: str, number: int) -> np.ndarray:
        """The operand whose elements those of a result belong to: the leaf of a gradient, the first operand of a value."""
        if name == "g":
            return self.values.get(self.leaves[number], np.zeros(()))
        return self.operands()[0] if self.operands() else np.zeros(())

    def results(self) -> list[np.ndarray]:
        return [t.array for t in tensors(self.right.values.get("y")) if t is not None]


def tensors(value: Any) -> list[programs.Seen | None]:
    """The tensors in a seen value."""
    if isinstance(value, programs.Seen):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [each for inner in value for each in ([None] if inner is None else tensors(inner))]
    return []


Test = Callable[[Case, np.ndarray, np.ndarray, str, int], Any]  # the case, ours, PyTorch's, "y" or "g", which of them


@dataclasses.dataclass(frozen=True)
class Rule:
    """Elements of a result (`where`: "y", "g" or both) of the calls that are no finding, and why."""

    calls: str
    where: str
    why: str
    test: Test


def nan_is_theirs(case: Case, a: np.ndarray, b: np.ndarray, name: str, number: int) -> Any:
    return np.isnan(b) & ~np.isnan(a) & (not any(np.isnan(x).any() for x in case.operands() if x.dtype.kind in "fc"))


def not_finite(case: Case, a: np.ndarray, b: np.ndarray, name: str, number: int) -> Any:
    return ~np.isfinite(b) & ~np.isnan(a) & ~np.isnan(case.at(name, number))


def few_digits(case: Case, a: np.ndarray, b: np.ndarray, name: str, number: int) -> Any:
    return (case.at(name, number) < -50) & (np.abs(a - b) <= 1e-5 * np.abs(b))


def infinite(case: Case, a: np.ndarray, b: np.ndarray, name: str, number: int) -> Any:
    return ~np.isfinite(a) & ~np.isfinite(b)


def overflowing(case: Case, a: np.ndarray, b: np.ndarray, name: str, number: int) -> Any:
    """Infinite both, or only one near the end of the range: what is added up first decides."""
    near = {"float16": 4e3}.get(b.dtype.name, 1e37 if b.dtype.itemsize in (4, 8) and b.dtype.name != "float64" else 1e307)
    return ~np.isfinite(a) & (~np.isfinite(b) | (np.abs(b) > near)) | (~np.isfinite(b) & (np.abs(a) > near))


def of_overflown_variance(case: Case, a: np.ndarray, b: np.ndarray, name: str, number: int) -> Any:
    x = case.operands()[0]
    return np.isnan(a) & (np.abs(x[np.isfinite(x)]).max(initial=0.0) > (1e18 if x.dtype != np.float64 else 1e150))


def cancelled(case: Case, a: np.ndarray, b: np.ndarray, name: str, number: int) -> Any:
    return np.abs(a - b) <= 16 * np.finfo(b.dtype).eps


def of_equal_observations(case: Case, a: np.ndarray, b: np.ndarray, name: str, number: int) -> Any:
    x = case.operands()[0]
    size = np.abs(x[np.isfinite(x)]).max(initial=0.0)
    return np.abs(a - b) <= 16 * np.finfo(np.float32).eps ** 2 * size**2


def with_half_the_digits(case: Case, a: np.ndarray, b: np.ndarray, name: str, number: int) -> Any:
    size = max(np.abs(x[np.isfinite(x)]).max(initial=0.0) for x in case.operands())
    return ("'use_mm_for" in case.text) & (np.abs(a - b) <= 4 * np.sqrt(np.finfo(b.dtype).eps) * (size if name == "y" else 1.0))


def near_zero(case: Case, a: np.ndarray, b: np.ndarray, name: str, number: int) -> Any:
    return (np.abs(case.operands()[0]) < 1e-10) & (np.abs(a - b) <= 0.1 * np.abs(b))


def cancelled_by(case: Case, a: np.ndarray, b: np.ndarray, name: str, number: int) -> Any:
    return np.abs(a - b) <= 50 * np.finfo(b.dtype).eps / np.abs(case.at(name, number))


def cancelled_pixels(case: Case, a: np.ndarray, b: np.ndarray, name: str, number: int) -> Any:
    pixels = case.operands()[0]
    size = np.abs(pixels[np.isfinite(pixels)]).max(initial=0.0) * max(pixels.shape)
    return (number == len(case.leaves) - 1) & (np.abs(a - b) <= 1000 * np.finfo(b.dtype).eps * size)


def at_no_place(case: Case, a: np.ndarray, b: np.ndarray, name: str, number: int) -> Any:
    return (not (np.abs(case.operands()[1]) < 1e15).all()) & ((b == 0) | np.isnan(a) | np.isnan(b))


def too_large(case: Case, a: np.ndarray, b: np.ndarray, name: str, number: int) -> Any:
    x = case.operands()[0]
    return ~(np.abs(x) < 2**31) if x.dtype.kind == "f" and b.dtype.kind in "iu" else False


def wrapped(case: Case, a: np.ndarray, b: np.ndarray, name: str, number: int) -> Any:
    return case.operands()[0].dtype.kind in "iu"


def undone(case: Case, a: np.ndarray, b: np.ndarray, name: str, number: int) -> Any:
    x, y = case.operands()[0], case.results()[0]
    return np.allclose(x, y, rtol=2e-2 if "16)" in str(case.program) else 1e-5, equal_nan=True)


def of_zero_times_infinity(case: Case, a: np.ndarray, b: np.ndarray, name: str, number: int) -> Any:
    x = case.operands()[0]
    return ((not np.isfinite(x).all()) and (x == 0).any()) & np.isnan(a)


def of_what_is_not_finite(case: Case, a: np.ndarray, b: np.ndarray, name: str, number: int) -> Any:
    return np.isnan(a) & any(not np.isfinite(x).all() for x in case.operands())


def near_the_end(case: Case, a: np.ndarray, b: np.ndarray, name: str, number: int) -> Any:
    sizes = [np.abs(x[np.isfinite(x)]).max(initial=0.0) for x in case.operands() if x.dtype.kind == "f"]
    return (max(sizes, default=0.0) > 1e37) & ~(np.isfinite(a) & np.isfinite(b))


def poles(case: Case, a: np.ndarray, b: np.ndarray, name: str, number: int) -> Any:
    x = case.at(name, number)
    return (x <= 0) & (x == np.floor(x)) & np.isinf(a)


def lost_digits(case: Case, a: np.ndarray, b: np.ndarray, name: str, number: int) -> Any:
    eps = {"float64": 2.3e-16, "bfloat16": 7.9e-3, "float16": 9.8e-4}
    seen = [t for t in tensors(case.right.values.get("y")) if t is not None and t.array is not None]
    sizes = [np.abs(t.array[np.isfinite(t.array)]).max(initial=0.0) * eps.get(t.dtype, 1.2e-7) for t in seen]
    return np.abs(a - b) <= np.maximum(np.abs(a), np.abs(b)) * np.expm1(8.0 * max(sizes, default=0.0))


def of_nan(case: Case, a: np.ndarray, b: np.ndarray, name: str, number: int) -> Any:
    if name == "g":
        return np.isnan(case.at(name, number)) & np.isnan(a)
    return np.isnan(a) & functools.reduce(np.logical_or, (np.isnan(x) for x in case.operands() if x.dtype.kind == "f"), np.zeros((), bool))


def among_nan(case: Case, a: np.ndarray, b: np.ndarray, name: str, number: int) -> Any:
    return np.isnan(b) & np.isnan(case.at(name, number)) & ("include_self=False" in case.text)


def of_singular(case: Case, a: np.ndarray, b: np.ndarray, name: str, number: int) -> Any:
    info = case.results()[-1]
    if name == "g":
        return (info > 0).any()
    at = info > 0
    return at.reshape(at.shape + (1,) * (b.ndim - at.ndim)) if b.ndim >= at.ndim else at.any()


def one_apart(case: Case, a: np.ndarray, b: np.ndarray, name: str, number: int) -> Any:
    return (b.dtype == np.uint8) & (np.abs(a.astype(int) - b.astype(int)) <= 1)


def at_edges(case: Case, a: np.ndarray, b: np.ndarray, name: str, number: int) -> Any:
    x = case.operands()[0]
    return number == 0 and x.size > 0 and x.min() == x.max() and a.sum() == b.sum()


NORMS = "_?(native_)?(group|batch|instance|layer)_norm(_legit)?"
RULES = (
    Rule("logcumsumexp", "g", "PyTorch adds the gradient's logarithm to the result, whose last digit may be larger", lost_digits),
    Rule("digamma|lgamma|polygamma|special.polygamma|mvlgamma", "yg", "at poles PyTorch's trigamma divides by a rounded sine", poles),
    Rule("softsign", "y", "PyTorch adds 1 to the 255 of uint8, which is 0", lambda c, a, b, n, i: np.isinf(b) & np.isfinite(a)),
    Rule(r"(masked\.)?(cumprod|prod)", "g", "PyTorch divides by what may be infinite", nan_is_theirs),
    Rule(
        r"(masked\.)?(cumprod|prod)",
        "g",
        "PyTorch divides by a nan that the slope does not depend on",
        lambda c, a, b, n, i: np.isnan(b) & np.isnan(c.at(n, i)),
    ),
    Rule(
        r"(masked\.)?(cumprod|prod)", "g", "PyTorch's product in float32 overflows", lambda c, a, b, n, i: np.isinf(b) & (np.abs(a) > 3e38)
    ),
    Rule(NORMS, "yg", "PyTorch joins weight and mean to one term: infinity less infinity", nan_is_theirs),
    Rule(NORMS, "yg", "PyTorch has 0 for one by too large a variance", of_overflown_variance),
    Rule(NORMS, "yg", "which infinities meet beside an infinite weight is open", infinite),
    Rule("_(log_)?softmax_backward_data", "yg", "which infinities meet on the way is open", infinite),
    Rule("norm|linalg.*norm|normalize", "g", "PyTorch divides by a norm that is zero when it is rounded", nan_is_theirs),
    Rule("trapz|trapezoid|cumulative_trapezoid", "y", "PyTorch takes half the ends from the sum: infinity less infinity", nan_is_theirs),
    Rule("trapz|trapezoid|cumulative_trapezoid|threshold", "y", "PyTorch computes with uint8, which wraps", wrapped),
    Rule("special.*polynomial.*", "y", "PyTorch's polynomials of nan are numbers, their formulas compare it", of_nan),
    Rule("special.erfcx", "g", "2 x erfcx(x) less a constant, to which it is equal but for rounding", cancelled),
    Rule("var_mean|std_mean", "y", "whether a sum leaves the range on the way to the mean is open", overflowing),
    Rule("var_mean|std_mean", "y", "PyTorch's mean is corrected by each element in turn: infinity less infinity", nan_is_theirs),
    Rule(
        "celu|elu|selu|softshrink|hardshrink|hardtanh|relu6|hardswish|logit",
        "g",
        "PyTorch's vectors have for nan something else than what is left over of them",
        lambda c, a, b, n, i: np.isnan(c.at(n, i)),
    ),
    Rule("special.gammaincc|igammac", "y", "PyTorch leaves out Euler's constant for orders near 0", near_zero),
    Rule("corrcoef", "g", "of two observations the coefficient is 1 or -1: its slope is rounding", cancelled),
    Rule("cov", "yg", "the covariance of what is always the same is rounding, here that of float64", of_equal_observations),
    Rule("normalize", "g", "of a vector of one element the slope is rounding", cancelled_by),
    Rule("grid_sample.*", "g", "the slope is differences of pixels: rounding of these", cancelled_pixels),
    Rule("grid_sampler.*|grid_sample", "yg", "PyTorch has several answers to what lies at a place that is no number", at_no_place),
    Rule("segment_reduce", "g", "nothing equals an extreme that is nan", lambda c, a, b, n, i: np.isnan(a) & np.isnan(c.at(n, i)).any()),
    Rule("cdist", "yg", "PyTorch's way by products has half the digits of large numbers", with_half_the_digits),
    Rule("special.zeta", "y", "PyTorch multiplies infinity by zero on the way to zero", nan_is_theirs),
    Rule("cdist", "y", "PyTorch's way by products subtracts infinities", lambda c, a, b, n, i: np.isnan(b) & np.isinf(a)),
    Rule(
        "[cp]dist",
        "g",
        "an infinite distance has no slope",
        lambda c, a, b, n, i: np.isnan(b) & any(not (np.abs(x) < 1e15).all() for x in c.operands()),
    ),
    Rule(
        "norm|linalg.*norm",
        "g",
        "of the singular values of an infinite matrix there is no slope",
        lambda c, a, b, n, i: ("'nuc'" in c.text) & (not np.isfinite(c.operands()[0]).all()),
    ),
    Rule("renorm", "g", "whether a norm is the largest that is allowed is rounding", undone),
    Rule(r"(masked\.)?(cumprod|prod)", "g", "zero times infinity or nan: in what order is open", of_zero_times_infinity),
    Rule("linear_cross_entropy|cross_entropy", "yg", "whether the sum of targets leaves the range on the way is open", near_the_end),
    Rule("byte|char|short|to", "y", "what a number becomes that no int32 can hold is open", too_large),
    Rule("(index|scatter)_reduce", "g", "PyTorch looks for a nan among what equals it, though it is not included", among_nan),
    Rule("soft_margin_loss", "yg", "PyTorch's exp(-target * x) overflows", lambda c, a, b, n, i: ~np.isfinite(b) & np.isfinite(a)),
    Rule("special.log_ndtr", "g", "PyTorch's erfcx has few digits of large numbers", few_digits),
    Rule("special.log_ndtr", "g", "PyTorch's density and distribution both are zero", not_finite),
    Rule("interpolate", "y", "PyTorch's weights for uint8 are whole numbers", one_apart),
    Rule(
        "bilinear|conv.*|einsum|tensordot|cross|linalg.cross|linalg.multi_dot|chain_matmul|inner|matmul|mm|mv|bmm|add(mm|mv|bmm)|baddbmm|linear"
        "|addcmul|addcdiv|lerp|linear_cross_entropy|linalg.vecdot|dot|vdot|linalg.matrix_power|matrix_power|matrix_exp|__rmatmul__",
        "yg",
        "which products are added up first is open, and so is whether they leave the range on the way",
        overflowing,
    ),
    Rule(r"fft\..*", "y", "which infinities meet on the way through a Fourier transform is open", of_what_is_not_finite),
    Rule("histogram|histc", "y", "which of the bins of no width an element lies in is open", at_edges),
    Rule("linalg.(inv|solve|lu_factor)_ex", "yg", "there is no inverse of a singular matrix", of_singular),
)


def marked(case: Case, a: np.ndarray, b: np.ndarray, name: str, number: int) -> Any:
    """Where a rule says that two arrays agree."""
    found = np.zeros(b.shape, bool)
    for rule in RULES:
        if name in rule.where and re.fullmatch(rule.calls, case.call):
            with np.errstate(all="ignore"):
                found |= np.broadcast_to(rule.test(case, a, b, name, number), b.shape)
    return found


# Programs that mean the same, where PyTorch is wrong in these words


def by_count(torch: Any, weight: Any, indices: Any) -> Any:
    """A copy of a table, the gradients of whose rows are divided by how often each is named."""
    copy = weight.clone()
    if copy.requires_grad:
        copy.register_hook(lambda g: g / torch.bincount(indices.reshape(-1), minlength=len(weight)).clamp(1).unsqueeze(1))
    return copy


def off_the_extreme(torch: Any, own: Any) -> Any:
    """A copy with other elements and the same history."""
    copy = own.clone()
    copy.detach().fill_(0.7071)
    return copy


AGAIN = (  # the reason; what to look for, what to put in its place, what to look at then
    # PyTorch divides by the count of another row.
    (
        r"embedding_bag\((\w+), (\w+),(.*)scale_grad_by_freq=True",
        r"embedding_bag(by_count(torch, \1, \2), \2,\3scale_grad_by_freq=False",
        "yg",
    ),
    # PyTorch shares the gradient with an element that is not included where that equals the extreme.
    (
        r"torch\.(index|scatter)_reduce\((\w+), (.*'am(?:in|ax)'.*include_self=False)",
        r"torch.\1_reduce(off_the_extreme(torch, \2), \3",
        "g",
    ),
    # PyTorch reads other memory where a dimension is expanded, of 16-bit floats and of indices in int32.
    (r"(?s)(\.expand\([^)]*\)\))(.*torch\.(?:(?:nan)?median|gather|scatter_add|index_add)\()", r"\1.contiguous()\2", "yg"),
    # PyTorch takes weights for numbers one after the other, however they lie.
    (r"torch\.native_group_norm\((\w+), (a\w+), (a\w+)", r"torch.native_group_norm(\1, \2.contiguous(), \3.contiguous()", "yg"),
    # PyTorch's gradient of a negative `abs` has the other sign.
    (r"torch\.polar\((\w+), (\w+)\)", r"torch.complex(\1 * torch.cos(\2), \1 * torch.sin(\2))", "yg"),
)


def again(program: programs.Program, torch: Any) -> Iterator[tuple[programs.Program, programs.Observations]]:
    """What PyTorch gives for the program in other words."""
    for pattern, replacement, observed in AGAIN:
        text = re.sub(pattern, replacement, "\0".join(program.statements))
        if text != "\0".join(program.statements):
            other = programs.Program(tuple(text.split("\0")), tuple(name for name in program.observe if name in observed))
            yield other, programs.run(other, torch, {"by_count": by_count, "off_the_extreme": off_the_extreme})


# How far results move if the operands are rounded once more

CHOOSING = (  # an element or a case: ties would be broken
    ".*(max|min|median|sort|topk|mode|kthvalue|unique|clip|clamp|relu|hard|heaviside|where|mask|sign|floor|ceil|round|trunc|frac|fmod).*"
    "|.*(remainder|div|shrink|threshold|quantile|margin|isclose|scatter_reduce|index_reduce|dist).*|(linalg.)?(|vector_|matrix_)norm"
)


def moved(program: programs.Program, torch: Any, base: programs.Observations, eps: float, place: tuple[str, int]) -> np.ndarray | None:
    """How far each element of a result moves, at most, when each operand and gradient is moved by up to `eps` of itself."""
    found = tensors(base.values.get(place[0]))
    if place[1] >= len(found) or found[place[1]] is None:
        return None
    start, most = found[place[1]].array, None
    for number in range(4):
        rng = np.random.default_rng(number)

        def nudged(t: Any, rng: Any = rng) -> Any:
            if not (t.is_floating_point() or t.is_complex()):
                return t
            factors = torch.from_numpy(np.asarray(1 + eps * rng.uniform(-1, 1, tuple(t.shape))))
            return (t.detach() * factors).to(t.dtype).requires_grad_(t.requires_grad)

        statements = [re.sub(r"^(a\d+) = (.*)$", r"\1 = nudged(\2)", s) for s in program.statements]
        statements = [
            re.sub(r"backward\(outs, \[(.*) for o in outs\]", r"backward(outs, [nudged(\1) for o in outs]", s) for s in statements
        ]
        run = programs.run(programs.Program(tuple(statements), program.observe), torch, {"nudged": nudged})
        seen = tensors(run.values.get(place[0])) if run.raised is None else []
        if place[1] >= len(seen) or seen[place[1]] is None or seen[place[1]].array.shape != start.shape:
            return None
        with np.errstate(all="ignore"):
            distance = np.abs(seen[place[1]].array - start)
        most = distance if most is None else np.fmax(most, distance)
    return most


# Rounding

EPS = {"float64": 2.3e-16, "float32": 1.2e-7, "float16": 9.8e-4, "bfloat16": 7.9e-3, "complex64": 1.2e-7, "complex128": 2.3e-16}


def same_pairs(x: np.ndarray, a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two gradients are the same but for which of equal elements has which."""
    if not x.shape == a.shape == b.shape:
        return False
    mine, theirs = (
        np.sort(np.stack([x.astype(np.float64), g.astype(np.float64)]).reshape(2, -1).T.copy().view("f8,f8"), 0) for g in (a, b)
    )
    return all(np.allclose(mine[f], theirs[f], rtol=1e-2, equal_nan=True) for f in ("f0", "f1"))


def scale_of(value: Any) -> float:
    """The size of the largest finite number in a result, at most 1."""
    arrays = [t.array for t in tensors(value) if t is not None and t.array.dtype.kind in "fc"]
    return min(1.0, max((float(np.abs(a[np.isfinite(a)]).max(initial=0.0)) for a in arrays), default=0.0))


def judged(a: np.ndarray, b: np.ndarray, true: np.ndarray, dtype: str, slack: float) -> np.ndarray:
    """Where ours is further from the truth than PyTorch's error excuses."""
    eps = EPS[dtype]
    wide = np.complex128 if b.dtype.kind == "c" else np.float64
    a, b = a.astype(wide), b.astype(wide)
    finite = np.isfinite(true) & np.isfinite(b)
    error = np.abs(b - true)[finite].max(initial=0.0)
    size = np.abs(true)[finite].max(initial=0.0)
    ours = np.abs(a - true)
    beyond = ours > 4 * error + 4 * eps * np.abs(true) + 0.5 * eps * size + 4 * slack
    narrowest = {"float16": 65504.0, "bfloat16": 3.38e38}.get(dtype, 3.4e38)
    overflows = np.abs(true) > narrowest  # either may have got to infinity before or after the other, or to two of them
    other = ~(np.isfinite(a) & np.isfinite(b))
    same = (
        (np.isnan(a) & np.isnan(true))
        | (a == true)
        | (overflows & ~np.isfinite(a))
        | (~np.isfinite(b) & np.isclose(a, true, rtol=40 * eps))
    )
    return np.where(other, ~same, beyond)
