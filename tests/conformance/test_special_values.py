"""Zeros, infinities, nan, huge and tiny numbers: values, gradients and what depends on what are PyTorch's."""

import math
import re

import numpy as np
import pytest

reference = pytest.importorskip("torch")

from special_programs import BINARY, ONE, PAIR, UNARY, WIDE  # noqa: E402

import pedigrad  # noqa: E402

inf, nan = math.inf, math.nan
REPEATED = 32  # so often each number stands in the array on which PyTorch takes its vectorised path
# Where PyTorch itself is wrong (or its vectorised and its scalar path differ): function, stage, why.
EXCEPTIONS = [
    (r"(F\.)?(relu|selu|celu|elu)( .*)?", "y", "which of two zeros a maximum gives is left open; NumPy's and LLVM's vectors differ"),
    (r"fmax|fmin|F\.margin.*", "y", "which of two zeros a maximum gives is left open"),
    (r"F\.gelu", "y", "PyTorch's vectorised gelu of infinity is nan"),
    (r"special\.ndtr", "y", "PyTorch has 0 where the distribution function is below 1e-16"),
    (r"logaddexp2", "y", "PyTorch's log2(1/2 + 1/2) is not 0"),
    (r"fmod|remainder", "y", "PyTorch's vectorised fmod is nan where the quotient overflows"),
    (r"cosh|sinh|i0|special\.i1", "g", "PyTorch's sinh and i1 overflow before float32 does"),
    (r"digamma|lgamma", "g", "at its poles PyTorch's trigamma has a rounded sine for zero"),
    (r"sinc", "g", "PyTorch's slope is nothing but rounding near zero"),
    (r"special\.(erfcx|i0e|i1|i1e|ndtri)|F\.softsign", "g", "differences of numbers that cancel: the digits left are rounding"),
    (r"special\.log_ndtr", "g", "PyTorch's erfcx of float32 has few digits for large numbers"),
    (r"F\.tanhshrink", "g", "PyTorch's 1 - (1 - tanh(x) ** 2) is 0 for small numbers, and nan for infinite gradients"),
    (r"F\.(logsigmoid|softplus)", "g", "PyTorch's exp(-89) is no zero; times an infinite gradient that is seen"),
    (r"soft_margin_loss", "", "PyTorch's exp(-target * x) overflows"),
    (r"frexp", "g", "PyTorch has the exponent's power of two in float32 for float64 too"),
    (r"asinh|atanh|erf|erfc|sigmoid|F\.sigmoid|special\.ndtr", "gg", "PyTorch overflows on the way, or cancels"),
    (r"F\.gelu|F\.mish|gelu tanh|F\.hardswish", "gg", "PyTorch overflows on the way, or leaves nan out"),
]
CASES = [(name, dtype) for name in [*UNARY, *(f"{n} of two" for n in BINARY)] for dtype in ("float32", "float64")]


def told(torch, function, arrays, dtype):
    """What a function gives: values, gradients for ordinary, zero and infinite ones, and second gradients (None: not connected)."""
    xs = [torch.tensor(a, dtype=getattr(torch, dtype)).requires_grad_() for a in arrays]
    y = function(torch, *xs)
    y = y[0] if isinstance(y, tuple) else y
    out = {"y": plain(y)}
    if not y.requires_grad:
        return out
    for value in (1.0, 0.0, inf):
        g = torch.full(tuple(y.shape), value, dtype=y.dtype).requires_grad_()
        grads = torch.autograd.grad(y, xs, g, create_graph=True, allow_unused=True)
        out |= {f"g{i} {value}": plain(each) for i, each in enumerate(grads)}
        for i, each in enumerate(grads) if value == 1 else ():
            if each is None or not each.requires_grad:
                out[f"gg{i}"] = None
                continue
            try:
                seconds = torch.autograd.grad(each, [*xs, g], torch.ones_like(each), allow_unused=True, retain_graph=True)
            except RuntimeError as error:  # PyTorch has no second derivative of some
                if "not implemented" not in str(error):
                    raise
                continue
            out |= {f"gg{i} {j}": plain(second) for j, second in enumerate(seconds)}
    return out


def plain(x):
    if x is None:
        return None
    return x.detach().numpy(force=True) if isinstance(x, reference.Tensor) else x.detach().numpy()


def same(got, want, signs):
    """Whether elements agree to a few units in the last place; with `signs` zeros must agree in theirs."""
    if want.dtype.kind != "f":
        return got == want
    few = 3e-6 if want.dtype == np.float32 else 1e-12
    smallest = 4 * np.finfo(want.dtype).tiny
    with np.errstate(all="ignore"):
        near = np.abs(got.astype(np.float64) - want) <= few * np.abs(want.astype(np.float64))
    zero = (want == 0) & (got == 0) & (np.signbit(got) == np.signbit(want) if signs else True)
    tiny = (np.abs(got) < smallest) & (np.abs(want) < smallest) & ((got != 0) | (want != 0))
    return (np.isnan(got) & np.isnan(want)) | (got == want) & (want != 0) | near & (want != 0) | zero | tiny


def excused(name, stage):
    kind = stage.split()[0].rstrip("0123456789")
    return any(re.fullmatch(pattern, name) and kind.startswith(what) for pattern, what, _ in EXCEPTIONS)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "dtype"), CASES)
def test_elementwise_functions_of_special_values(name, dtype):
    two = name.endswith(" of two")
    name = name.removesuffix(" of two")
    function = BINARY[name] if two else UNARY[name]
    arrays = (
        [a.reshape(-1) for a in np.meshgrid(PAIR, PAIR, indexing="ij")] if two else [np.array(ONE + (WIDE if dtype == "float64" else []))]
    )
    with np.errstate(all="ignore"):
        got, want = told(pedigrad, function, arrays, dtype), told(reference, function, arrays, dtype)
    vectors = None
    for stage in {**got, **want}:
        if excused(name, stage):
            continue
        ours, theirs = got.get(stage), want.get(stage)
        assert (ours is None) == (theirs is None), f"{name}, {stage}: one of the two is not connected: {ours is None}"
        if theirs is None:
            continue
        assert ours.dtype == theirs.dtype and ours.shape == theirs.shape, f"{name}, {stage}: {ours.dtype} {ours.shape}"
        right = same(ours, theirs, stage == "y")
        if not right.all():  # PyTorch may mean something else on its vectorised path
            vectors = vectors or told(reference, function, [np.repeat(a, REPEATED) for a in arrays], dtype)
            right |= same(ours, vectors[stage].reshape(-1, REPEATED)[:, 3], stage == "y")
        wrong = [f"{[float(a[i]) for a in arrays]}: expected {theirs[i]:.9g}, got {ours[i]:.9g}" for i in np.flatnonzero(~right)[:9]]
        assert not wrong, f"{name} {dtype}, {stage}: " + "; ".join(wrong)


# What is not selected gets zero, whatever arrives

AT = [[1, 1, 2, 2], [2, 2, 2, 2], [3, 0, 1, 2], [0, 0, 0, 1]]


def written(write):
    """The root of a copy in which `write` has overwritten something."""

    def program(torch, x):
        y = x * 1
        write(torch, y)
        return y.sqrt()

    return program


def _set(torch, y):
    y[1:3] = 0.0


def _mask(torch, y):
    y[y.detach() < 0.5] = 0.0


SELECTING = {
    "max": lambda torch, x: x.max(),
    "min": lambda torch, x: x.min().sqrt(),
    "median": lambda torch, x: x.median(),
    "nanmedian": lambda torch, x: x.nanmedian(),
    "min along": lambda torch, x: x.min(1)[0].sqrt(),
    "amin": lambda torch, x: x.amin(1),
    "kthvalue": lambda torch, x: x.kthvalue(2, 1)[0],
    "topk": lambda torch, x: x.topk(2, 1)[0],
    "sort": lambda torch, x: x.sort(1)[0].sqrt(),
    "mode": lambda torch, x: x.mode(1)[0].sqrt(),
    "cummin": lambda torch, x: x.cummin(1)[0].sqrt(),
    "max_pool1d": lambda torch, x: torch.nn.functional.max_pool1d(-x[None], 2).neg().sqrt(),
    "max_pool2d": lambda torch, x: torch.nn.functional.max_pool2d(-x[None], 3, 1, 1).neg().sqrt(),
    "max_pool2d apart": lambda torch, x: torch.nn.functional.max_pool2d(x[None], 2),
    "adaptive_max_pool2d": lambda torch, x: torch.nn.functional.adaptive_max_pool2d(-x[None], (3, 4)).neg().sqrt(),
    "adaptive_max_pool2d apart": lambda torch, x: torch.nn.functional.adaptive_max_pool2d(x[None], (2, 3)),
    "avg_pool1d": lambda torch, x: torch.nn.functional.avg_pool1d(x[None], 2),
    "adaptive_avg_pool1d": lambda torch, x: torch.nn.functional.adaptive_avg_pool1d(x[None], 4),
    "embedding": lambda torch, x: torch.nn.functional.embedding(torch.tensor([0, 2, 2]), x, padding_idx=2).sqrt(),
    "embedding_bag": lambda torch, x: torch.nn.functional.embedding_bag(torch.tensor([[0, 2], [1, 3]]), -x, mode="max"),
    "grid_sample": lambda torch, x: torch.nn.functional.grid_sample(
        x[None, None], torch.tensor([[[[0.0, 0.5], [2.0, 0.1], [-1.0, 1.0]]]], dtype=x.dtype), align_corners=False
    ),
    "prod": lambda torch, x: x.prod(1),
    "prod of all": lambda torch, x: x.prod(),
    "logsumexp": lambda torch, x: torch.logsumexp(x, 1),
    "nll_loss": lambda torch, x: torch.nn.functional.nll_loss(x, torch.tensor([0, 2, 5, 1])),
    "zero_": written(lambda torch, y: y[1:3].zero_()),
    "fill_": written(lambda torch, y: y[:, 2].fill_(0.0)),
    "copy_": written(lambda torch, y: y[1].copy_(torch.zeros_like(y[1]))),
    "set": written(_set),
    "set by a mask": written(_mask),
    "masked_fill": lambda torch, x: x.masked_fill(x <= 0.5, 0.0).sqrt(),
    "where": lambda torch, x: torch.where(x > 0.5, x, torch.zeros_like(x)).sqrt(),
    "tril": lambda torch, x: x.tril().sqrt(),
    "index_fill": lambda torch, x: x.index_fill(1, torch.tensor([1, -3]), 0.0).sqrt(),
    "index_copy": lambda torch, x: x.index_copy(1, torch.tensor([1, 3]), torch.zeros_like(x[:, :2])).sqrt(),
    "scatter": lambda torch, x: x.scatter(1, torch.tensor([[1], [2], [3], [0]]), 0.0).sqrt(),
    "put": lambda torch, x: x.put(torch.tensor([1, 3]), torch.zeros(2, dtype=x.dtype)).sqrt(),
    "gather": lambda torch, x: x.gather(1, torch.tensor(AT)).sqrt(),
    "constant_pad": lambda torch, x: torch.nn.functional.pad(x, (1, -1)).sqrt(),
    "slice_scatter": lambda torch, x: x.slice_scatter(torch.zeros_like(x[:, 1:3]), 1, 1, 3).sqrt(),
}


def matrices():
    base = np.abs(np.random.default_rng(0).normal(size=(4, 6))) + 0.1

    def with_(**places):
        out = base.copy()
        for place, value in places.items():
            out[int(place[1]), int(place[2])] = value
        return out

    yield from (base, with_(a12=0.0), with_(a12=inf), with_(a12=nan), with_(a12=-inf, a21=inf), base * 1e30, base * 1e-30)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", SELECTING)
def test_what_is_not_selected_gets_no_gradient(name):
    for array in matrices():
        for dtype in ("float32", "float64"):
            with np.errstate(all="ignore"):
                got, want = told(pedigrad, SELECTING[name], [array], dtype), told(reference, SELECTING[name], [array], dtype)
            for stage in want:
                if stage.startswith("gg"):
                    assert (got[stage] is None) == (want[stage] is None), f"{name}, {stage}: one of the two is not connected"
                    continue
                near = np.isclose(got[stage], want[stage], rtol=1e-5, atol=0, equal_nan=True)
                assert near.all(), f"{name} {dtype}, {stage} of\n{array}:\n{got[stage]}\nexpected\n{want[stage]}"


# Cross entropy with nothing left, and with large scores


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weighted", [None, 1.0, 0.0])
def test_cross_entropy_of_ignored_targets_and_large_scores(reduction, smoothing, weighted):
    def loss(torch, x, targets):
        weight = None if weighted is None else torch.tensor([0.5, 1, 2, 0, 1, 3.0], dtype=x.dtype) * weighted
        return torch.nn.functional.cross_entropy(
            x, torch.tensor(targets), weight, ignore_index=2, reduction=reduction, label_smoothing=smoothing
        )

    base = np.random.default_rng(0).normal(size=(4, 6))
    with_nan = np.where(np.arange(24).reshape(4, 6) == 8, nan, base)
    for array in (base, base * 1e6, base * 1e38 / 4, with_nan, np.where(np.isnan(with_nan), inf, base)):
        for targets in ([0, 2, 5, 1], [2, 2, 2, 2]):
            results = []
            for torch in (pedigrad, reference):
                x = torch.tensor(array, dtype=torch.float32).requires_grad_()
                y = loss(torch, x, targets)
                y.sum().backward()
                results.append((plain(y), plain(x.grad)))
            for ours, theirs in zip(*results, strict=True):
                assert np.allclose(ours, theirs, 1e-5, 1e-6, equal_nan=True), f"{array}, {targets}: {ours}, expected {theirs}"


# Numbers out of a dtype's range

NUMBERS = [300, -1, 2**40, 2**63 - 1, 2**64, -(2**63), 10**30, 1.5, -1.5, 300.7, inf, -inf, nan, 1e300, 1j, True, 255, 128, -129, 1e39]


def set_item(x, index, value):
    x[index] = value
    return x


FILLING = {
    "full": lambda torch, x, v: torch.full((2,), v, dtype=x.dtype),
    "full_like": lambda torch, x, v: torch.full_like(x, v),
    "new_full": lambda torch, x, v: x.new_full((2,), v),
    "fill_": lambda torch, x, v: x.fill_(v),
    "masked_fill": lambda torch, x, v: x.masked_fill(torch.tensor([True, False, True]), v),
    "masked_fill_": lambda torch, x, v: x.masked_fill_(torch.tensor([True, False, True]), v),
    "index_fill": lambda torch, x, v: x.index_fill(0, torch.tensor([0]), v),
    "scatter": lambda torch, x, v: x.scatter(0, torch.tensor([0]), v),
    "setitem": lambda torch, x, v: set_item(x, 0, v),
    "setitem by a mask": lambda torch, x, v: set_item(x, torch.tensor([True, False, True]), v),
    "clamp": lambda torch, x, v: torch.clamp(x, max=v) if not isinstance(v, complex) else None,
    "where": lambda torch, x, v: torch.where(torch.tensor([True, False, True]), x, v),
    "pad": lambda torch, x, v: torch.nn.functional.pad(x, (1, 1), value=v) if not isinstance(v, complex) else None,
}


def outcome(run, torch, *arguments):
    """Elements and dtype of what it gives, or the type of its error."""
    try:
        y = run(torch, *arguments)
    except Exception as error:  # whatever it is, the other library must raise it too
        return type(error)
    return None if y is None else (str(y.dtype), str(y.tolist()))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dtype", "uint8 int8 int16 int32 int64 bool float32 float64".split())
@pytest.mark.parametrize("name", FILLING)
def test_numbers_out_of_range_are_refused_as_pytorch_refuses_them(name, dtype):
    for value in NUMBERS:
        if (name == "clamp" and dtype == "bool") or (name == "pad" and isinstance(value, int) and not isinstance(value, bool)):
            continue  # PyTorch has no clamp of booleans, and takes the number to be padded with as a float
        got, want = (outcome(FILLING[name], torch, torch.ones(3, dtype=getattr(torch, dtype)), value) for torch in (pedigrad, reference))
        assert got == want, f"{name} of {dtype} with {value}: {got}, expected {want}"


# Empty, and of other kinds

EMPTY = {
    **{
        f"matrix_norm {o} {s}": lambda torch, o=o, s=s: torch.linalg.matrix_norm(torch.ones(s), o)
        for o in ("fro", "nuc", inf, -inf, 1, 2)
        for s in ((0, 0), (0, 3), (3, 0), (2, 0, 0))
    },
    **{f"cond {p}": lambda torch, p=p: torch.linalg.cond(torch.ones(0, 0), p) for p in (None, "fro", inf, -inf, 1, -1, 2, -2)},
    **{f"{n} of no rows": lambda torch, n=n: getattr(torch, n)(torch.ones(0, 3)) for n in "diff cov sum mean prod var unique".split()},
    "topk": lambda torch: torch.topk(torch.tensor(3.0), 0),
    "kthvalue": lambda torch: torch.kthvalue(torch.ones(0), 1),
    "quantile": lambda torch: torch.quantile(torch.ones(2, 0), 0.5, 0),
    "cholesky_solve": lambda torch: torch.cholesky_solve(torch.tensor([[1.0], [2.0]]), torch.tensor([[2.0, 7.0], [0.5, 4.0]])),
    "cholesky_solve upper": lambda torch: torch.cholesky_solve(torch.tensor([[1.0], [2.0]]), torch.tensor([[2.0, 7.0], [0.5, 4.0]]), True),
    "two ellipses": lambda torch: torch.arange(24.0).reshape(2, 3, 4)[..., 0, ...],
    "two ellipses and None": lambda torch: torch.arange(6.0).reshape(2, 3)[..., None, ...],
    "set two ellipses": lambda torch: set_item(torch.arange(6.0).reshape(2, 3), (..., 0, ...), 7.0),
    **{f"unflatten {s}": lambda torch, s=s: torch.ones(0).unflatten(0, s) for s in ((0, 3), (-1, 3), (0, -1), (-1, 0), ())},
    **{f"index_fill {i}": lambda torch, i=i: torch.arange(3.0).index_fill(0, torch.tensor([i]), 7.0) for i in (-1, -3, -4, 3)},
}
RANGES = [(0, 10, 5), (0.5, 9.7, 4), (0, 1, 3), (10, 0, 4), (0, 0, 0), (1, 5, 1), (0.3, 0.9, 1), (0, 1, -1), (2.9, 0.1, 6)]
for _kind in ("int64", "int8", "uint8"):
    for _r in RANGES:
        EMPTY[f"linspace {_kind} {_r}"] = lambda torch, k=_kind, r=_r: torch.linspace(*r, dtype=getattr(torch, k))
        EMPTY[f"logspace {_kind} {_r}"] = lambda torch, k=_kind, r=_r: torch.logspace(*r, base=2.0, dtype=getattr(torch, k))
        EMPTY[f"arange {_kind} {_r}"] = lambda torch, k=_kind, r=_r: torch.arange(r[0], r[1], 1.25, dtype=getattr(torch, k))
for _mode in ("bilinear", "bicubic"):
    for _more in ({}, {"align_corners": True}, {"antialias": True}):
        EMPTY[f"interpolate {_mode} {_more}"] = lambda torch, m=_mode, more=_more: torch.nn.functional.interpolate(
            (torch.arange(50.0).reshape(1, 2, 5, 5) * 5).to(torch.uint8), (8, 3), mode=m, **more
        )
for _pads in ((-1, 1), (4, 0), (-3, -3), (-1, -1, 3, -1), (1, 1, 4, 0), (0, -5)):
    EMPTY[f"reflect {_pads}"] = lambda torch, p=_pads: torch.nn.functional.pad(
        torch.arange(20.0).reshape(1, 1, 4, 5)[:, 0], p, mode="reflect"
    )


def rounded(torch, run):
    y = run(torch)
    y = y[0] if isinstance(y, tuple) else y
    return torch.round(y, decimals=4) if y.dtype.is_floating_point and y.dtype is not torch.float16 else y


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", EMPTY)
def test_empty_tensors_and_integers(name):
    got, want = (outcome(lambda torch: rounded(torch, EMPTY[name]), torch) for torch in (pedigrad, reference))
    got, want = (RuntimeError if isinstance(o, type) and issubclass(o, RuntimeError) else o for o in (got, want))
    assert got == want, f"{got}, expected {want}"
