"""bfloat16 and float16: results and gradients are those of float64, rounded, however many elements are added up.

First every op of the registry on its samples, then sums over thousands of elements, where 16 bits would stick at 256 or 2048.
"""

import numpy as np
import pytest
from op_samples import INTERNAL, NO_DERIVATIVE, RANDOM, call, cases

import pedigrad as torch
import pedigrad.nn.functional as F
from pedigrad.core.op import REGISTRY
from pedigrad.core.tensor import Tensor, wrap

NARROW = {torch.bfloat16: 2.0**-7, torch.float16: 2.0**-10}  # dtype: the distance of 1 from the next larger number
ULPS = 2


def numbers(tensor):
    return tensor.detach().to(torch.complex128 if tensor.is_complex() else torch.float64).numpy()


def near(got, expected, unit, ulps, what):
    """Whether `got` is `expected` within a few units in the last place of what is largest in it."""
    assert got.shape == expected.shape, what
    got, expected = numbers(got), numbers(expected)
    with np.errstate(all="ignore"):
        finite = np.isfinite(expected)
        assert np.array_equal(got[~finite], expected[~finite], equal_nan=True), f"{what}: {got} for {expected}"
        scale = np.abs(expected[finite]).max(initial=1e-3)
        error = np.abs(got - expected)[finite].max(initial=0.0) / (scale * unit)
    assert error <= ulps, f"{what}: wrong by {error:.1f} units: {got.reshape(-1)[:6]} for {expected.reshape(-1)[:6]}"


def gradients(outs, leaves):
    """The gradients of `leaves`, where `outs` get some of their own."""
    smooth = [out for out in outs if isinstance(out, Tensor) and out.requires_grad]
    if not smooth:
        return []
    rng = np.random.default_rng(1)
    given = [wrap(np.asarray(rng.integers(1, 4, tuple(out.shape)) / 2.0)).to(out.dtype) for out in smooth]
    return torch.autograd.grad(smooth, leaves, given, allow_unused=True)


def compare(function, arrays, dtype, what, smooth=None, ulps=ULPS):
    """`function` of the arrays in `dtype` against the same numbers in float64: results, gradients and their dtypes."""
    unit = NARROW[dtype]
    rounded = [a if a is None or a.dtype.kind != "f" else wrap(a).to(dtype).double()._array for a in arrays]

    def run(kind):
        tensors = [None if a is None else wrap(a.copy()).to(kind) if a.dtype.kind == "f" else wrap(a.copy()) for a in rounded]
        floats = [t is not None and t.is_floating_point() and (smooth is None or smooth[i]) for i, t in enumerate(tensors)]
        leaves = [t.requires_grad_() for t, is_leaf in zip(tensors, floats, strict=True) if is_leaf]
        outs = function(*tensors)
        outs = outs if isinstance(outs, (tuple, list)) else (outs,)
        return outs, leaves, gradients(outs, leaves)

    (outs, _, grads), (right, _, slopes) = run(dtype), run(torch.float64)
    for i, (one, other) in enumerate(zip(outs, right, strict=True)):
        if other.is_floating_point():
            assert one.dtype is dtype, f"{what}: result {i} is of {one.dtype}"
        near(one, other, unit, ulps, f"{what}: result {i}")
    for i, (one, other) in enumerate(zip(grads, slopes, strict=True)):
        assert (one is None) == (other is None), what
        if one is not None:
            assert one.dtype is dtype, f"{what}: gradient {i} is of {one.dtype}"
            near(one, other, unit, ulps, f"{what}: gradient {i}")


NOT_FOR_16_BITS = {
    "cast",
    "cholesky_inverse",
    "cholesky_solve",
    "float_power",
    "imag",
    "real",
    "view_as_complex",
    "view_as_real",
    "complex",
    "polar",
    "angle",
}
# The rules start from the rounded result, as PyTorch's do, which the difference of two near numbers magnifies.
FROM_THE_RESULT = {"softmax": 8, "logsumexp": 8, "log_softmax": 4, "normal_score": 4, "rnn_layer": 4}
OPS = [n for n in sorted(REGISTRY) if not n.startswith((*RANDOM, "linalg_")) and n not in {*INTERNAL, *NOT_FOR_16_BITS}]


@pytest.mark.parametrize("dtype", NARROW, ids=str)
def test_every_op_is_rounded_once(dtype):
    for each in map(REGISTRY.get, OPS):
        for sample in cases(each):
            if any(a is not None and a.dtype.kind == "c" for a in sample.operands):
                continue

            def function(*tensors, each=each, sample=sample):
                return call(each, tensors, sample.attributes)

            names = each.operands * len(sample.operands) if each.variadic else each.operands
            smooth = [n in each.differentiable and n not in NO_DERIVATIVE.get(each.name, ()) for n in names]
            compare(function, sample.operands, dtype, f"{each.name}{sample}", smooth, FROM_THE_RESULT.get(each.name, ULPS))


# Sums of thousands

N = 5000
rng = np.random.default_rng(0)


def ones(*shape):
    return np.ones(shape)


def normal(*shape):
    return rng.standard_normal(shape)


def positive(*shape):
    return rng.uniform(0.5, 1.5, shape)


def unit(*shape):
    return rng.uniform(0.1, 0.9, shape)


def classes(*shape, high=3):
    return rng.integers(0, high, shape)


def zeros(*shape):
    return np.zeros(shape, np.int64)


def weighted(x):
    """Fixed weights for the elements of `x`, so that a sum of it has gradients that differ."""
    return x * wrap(np.linspace(0.5, 1.5, x.numel()).reshape(x.shape)).to(x.dtype)


LONG = {
    "sum": (torch.sum, ones(N)),
    "sum of columns": (lambda x: x.sum(0), positive(N, 2)),
    "nansum": (torch.nansum, ones(N)),
    "mean": (torch.mean, positive(N)),
    "nanmean": (torch.nanmean, positive(N)),
    "var": (lambda x: x.var(0), normal(N, 2) + 3),
    "std": (torch.std, normal(N)),
    "var_mean": (lambda x: torch.var_mean(x, 0), normal(N, 2)),
    "std_mean": (lambda x: torch.std_mean(x, 0), normal(N, 2)),
    "cov": (torch.cov, normal(2, N)),
    "logsumexp": (lambda x: x.logsumexp(0), normal(N)),
    "trace": (torch.trace, ones(700, 700)),
    "cumsum": (lambda x: x.cumsum(0), positive(N)),
    "cumprod": (lambda x: x.cumprod(0), 1 + normal(N) / 500),
    "prod": (torch.prod, 1 + normal(N) / 500),
    "logcumsumexp": (lambda x: x.logcumsumexp(0), normal(N)),
    "trapezoid": (torch.trapezoid, ones(N)),
    **{f"norm {p}": (lambda x, p=p: x.norm(p), normal(N)) for p in (1, 2, 3, 1.5)},
    "norm of columns": (lambda x: x.norm(2, 0), normal(N, 2)),
    "renorm": (lambda x: x.renorm(2, 0, 1.0), normal(2, N)),
    "normalize": (lambda x: F.normalize(x, dim=0), normal(N, 2)),
    "matrix_norm": (lambda x: torch.linalg.matrix_norm(x, 1), normal(N, 2) * np.array([1, 2])),
    "dist": (torch.dist, normal(N), normal(N)),
    "cdist": (torch.cdist, normal(2, N), normal(3, N)),
    "pairwise_distance": (F.pairwise_distance, normal(2, N), normal(2, N)),
    "cosine_similarity": (lambda x, y: F.cosine_similarity(x, y, 0), normal(N), positive(N)),
    "dot": (torch.dot, ones(N), ones(N)),
    "matmul": (torch.matmul, ones(2, N), ones(N, 3)),
    "einsum": (lambda x, y: torch.einsum("ij,kj->ik", x, y), ones(2, N), ones(3, N)),
    "einsum of one": (lambda x: torch.einsum("ij->j", x), ones(N, 3)),
    "linear": (F.linear, ones(N, 4), ones(3, 4), ones(3)),
    "conv1d": (F.conv1d, ones(1, 2, N), ones(3, 2, 5), ones(3)),
    "conv_transpose1d": (F.conv_transpose1d, ones(1, 2, N), ones(2, 3, 5), ones(3)),
    "avg_pool1d": (lambda x: F.avg_pool1d(x, 2500), positive(1, 1, N)),
    "adaptive_avg_pool1d": (lambda x: F.adaptive_avg_pool1d(x, 2), positive(1, 1, N)),
    "lp_pool1d": (lambda x: F.lp_pool1d(x, 2, 2500), positive(1, 1, N)),
    "softmax": (lambda x: F.softmax(x, 0) * N, normal(N)),
    "log_softmax": (lambda x: F.log_softmax(x, 0), normal(N)),
    "layer_norm": (lambda x, w, b: F.layer_norm(x, (N,), w, b), normal(2, N), positive(N), normal(N)),
    "layer_norm of many": (lambda x, w, b: F.layer_norm(x, (3,), w, b), normal(N, 3), positive(3), normal(3)),
    "rms_norm": (lambda x, w: F.rms_norm(x, (N,), w), normal(2, N), positive(N)),
    "rms_norm of many": (lambda x, w: F.rms_norm(x, (3,), w), normal(N, 3), positive(3)),
    "batch_norm": (lambda x, w, b: F.batch_norm(x, None, None, w, b, True), normal(N, 2) + 4, positive(2), normal(2)),
    "batch_norm by statistics": (
        lambda x, w, b: F.batch_norm(x, torch.ones(2, dtype=x.dtype), torch.ones(2, dtype=x.dtype), w, b),
        positive(N, 2), positive(2), normal(2)),
    "group_norm": (lambda x, w, b: F.group_norm(x, 1, w, b), normal(2, 2, N), positive(2), normal(2)),
    "instance_norm": (lambda x, w, b: F.instance_norm(x, None, None, w, b), normal(2, 2, N), positive(2), normal(2)),
    "local_response_norm": (lambda x: F.local_response_norm(x, 401), positive(1, 400, 2)),
    **{f"mse_loss {r}": (lambda x, y, r=r: F.mse_loss(x, y, reduction=r), normal(N), normal(N)) for r in ("mean", "sum")},
    **{f"l1_loss {r}": (lambda x, y, r=r: F.l1_loss(x, y, reduction=r), normal(N), normal(N)) for r in ("mean", "sum")},
    "huber_loss": (F.huber_loss, normal(N), normal(N)),
    "smooth_l1_loss": (F.smooth_l1_loss, normal(N), normal(N)),
    "weighted mse_loss": (lambda x, y: F.mse_loss(x, y, weight=torch.ones_like(x)), normal(N), normal(N)),
    "binary_cross_entropy": (F.binary_cross_entropy, unit(N), unit(N)),
    "binary_cross_entropy_with_logits": (F.binary_cross_entropy_with_logits, normal(N), unit(N)),
    "kl_div": (lambda x, y: F.kl_div(x, y, reduction="sum"), normal(N), unit(N)),
    "soft_margin_loss": (lambda x, y: F.soft_margin_loss(x, y.detach()), normal(N), np.sign(normal(N))),
    "poisson_nll_loss": (F.poisson_nll_loss, normal(N), positive(N)),
    "gaussian_nll_loss": (F.gaussian_nll_loss, normal(N), normal(N), positive(N)),
    "cross_entropy of many": (F.cross_entropy, normal(N, 3), classes(N)),
    "cross_entropy of many classes": (F.cross_entropy, normal(2, N), classes(2, high=N)),
    "cross_entropy with weights": (
        lambda x, y, w: F.cross_entropy(x, y, w.detach(), ignore_index=1), normal(N, 3), classes(N), positive(3)),
    "cross_entropy smoothed": (lambda x, y: F.cross_entropy(x, y, label_smoothing=0.1), normal(N, 3), classes(N)),
    "cross_entropy of weights smoothed": (
        lambda x, y, w: F.cross_entropy(x, y, w.detach(), label_smoothing=0.1), normal(N, 3), classes(N), positive(3)),
    "cross_entropy of probabilities": (F.cross_entropy, normal(N, 3), unit(N, 3)),
    "nll_loss": (F.nll_loss, normal(N, 3), classes(N)),
    "multi_margin_loss": (F.multi_margin_loss, unit(N, 3), classes(N)),
    "triplet_margin_loss": (F.triplet_margin_loss, unit(N, 3), unit(N, 3) + 2, unit(N, 3)),
    "cosine_embedding_loss": (F.cosine_embedding_loss, normal(N, 3), normal(N, 3), np.sign(normal(N))),
    "margin_ranking_loss": (F.margin_ranking_loss, normal(N), normal(N), np.sign(normal(N))),
    "hinge_embedding_loss": (F.hinge_embedding_loss, normal(N), np.sign(normal(N))),
    "prelu": (F.prelu, -positive(N, 2), positive(2)),
    "prelu with one weight": (F.prelu, -positive(N, 2), positive(1)),
    "embedding": (lambda i, w: F.embedding(i, w), zeros(N), normal(3, 2)),
    "embedding by frequency": (lambda i, w: F.embedding(i, w, scale_grad_by_freq=True), zeros(N), normal(3, 2)),
    **{f"embedding_bag {m}": (lambda i, w, m=m: F.embedding_bag(i, w, mode=m), zeros(1, N), positive(3, 2))
       for m in ("sum", "mean", "max")},
    "embedding_bag weighed": (
        lambda i, w, s: F.embedding_bag(i, w, mode="sum", per_sample_weights=s), zeros(1, N), positive(3, 2), positive(1, N)),
    "gather": (lambda x, i: x.gather(0, i), normal(3), zeros(N)),
    "index": (lambda x, i: x[i], normal(3, 2), zeros(N)),
    "index_select": (lambda x, i: x.index_select(0, i), normal(3, 2), zeros(N)),
    "take": (lambda x, i: x.take(i), normal(3, 2), zeros(N)),
    "scatter_add": (lambda x, i, s: x.scatter_add(0, i, s), normal(3), zeros(N), positive(N)),
    "scatter_add of whole numbers": (lambda x, i, s: x.scatter_add(0, i, s), normal(3), zeros(N), positive(N).round()),
    **{f"scatter_reduce {r}": (lambda x, i, s, r=r: x.scatter_reduce(0, i, s, r), normal(3), zeros(N), positive(N))
       for r in ("sum", "mean", "amax")},
    "index_add": (lambda x, i, s: x.index_add(0, i, s), normal(3, 2), zeros(N), positive(N, 2)),
    "index_reduce": (lambda x, i, s: x.index_reduce(0, i, s, "mean"), positive(3, 2), zeros(N), positive(N, 2)),
    "index_put": (lambda x, i, s: x.index_put((i,), s, accumulate=True), normal(3), zeros(N), positive(N)),
    "put": (lambda x, i, s: x.put(i, s, accumulate=True), normal(3), zeros(N), positive(N)),
    "expand": (lambda x: weighted(x.expand(N, 2)), normal(1, 2)),
    "repeat": (lambda x: weighted(x.repeat(N, 1)), normal(1, 2)),
    "repeat_interleave": (lambda x: weighted(x.repeat_interleave(N, 0)), normal(1, 2)),
    "unfold": (lambda x: weighted(x.unfold(0, 2000, 1)), normal(4000)),
    "as_strided": (lambda x: weighted(x.as_strided((N, 2), (0, 1))), normal(2)),
    "masked_fill": (lambda x, v: weighted(x.masked_fill(x > 9, 0.0) + v), normal(N), positive()),
    "index_fill": (lambda x, v: x.index_fill(0, torch.arange(4000), v), normal(N), positive()),
    "where": (lambda x, y: torch.where(x > 0, x, y), normal(N), positive()),
    "amax": (lambda x: x.amax(0), ones(N, 2)),
    "aminmax": (lambda x: torch.aminmax(x)[1], ones(N)),
    "median": (torch.median, ones(N)),
    "bmm": (torch.bmm, ones(2, 2, N), ones(2, N, 2)),
    "baddbmm": (torch.baddbmm, ones(1, 1), ones(2, 50, 60), ones(2, 60, 50)),
    "addmv": (torch.addmv, ones(1), ones(N, 3), ones(3)),
    "outer": (torch.outer, ones(N), ones(2)),
    "kron": (torch.kron, ones(70, 70), ones(2, 2)),
    "grid_sample": (lambda x, g: F.grid_sample(x, g, align_corners=False), normal(1, 1, 2, 2), np.zeros((1, 70, 70, 2))),
    "interpolate": (lambda x: F.interpolate(x, scale_factor=3000.0, mode="linear"), normal(1, 1, 2)),
    "fold": (lambda x: F.fold(x, (1, 2), (1, 2), stride=(1, 2), padding=(0, 0)), normal(1, 2, 1)),
    "attention": (F.scaled_dot_product_attention, normal(1, 3, 4), normal(1, N, 4), normal(1, N, 4)),
    "attention of many": (F.scaled_dot_product_attention, normal(1, N, 4), normal(1, 3, 4), normal(1, 3, 4)),
    **{f"{f.__name__} of a number": (f, normal(N), positive()) for f in (torch.add, torch.sub, torch.mul, torch.div, torch.maximum)},
    "mul of a row": (lambda x, y: x * y, normal(N, 3), normal(3)),
    "lerp": (torch.lerp, normal(N), normal(N), unit()),
    "addcmul": (torch.addcmul, normal(), normal(N), normal(N)),
    "pow": (torch.pow, positive(N), positive()),
}  # fmt: skip


@pytest.mark.parametrize("dtype", NARROW, ids=str)
@pytest.mark.parametrize("name", LONG)
def test_sums_of_thousands_do_not_stick(name, dtype):
    function, *arrays = LONG[name]
    compare(function, arrays, dtype, name, ulps=FROM_THE_RESULT.get(name, ULPS))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_signs_of_zero_and_nan(dtype):
    x = torch.tensor([-0.0, float("nan"), -1.0], dtype=dtype)
    assert torch.signbit(x).tolist() == [True, False, True]
    assert torch.sign(x).tolist() == torch.sgn(x).tolist() == [0.0, 0.0, -1.0]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_numbers_that_multiply_are_not_rounded_first(dtype):
    x, end = (torch.linspace(-3, 3, 1001, dtype=torch.float32).roll(n).to(dtype) for n in (0, 7))
    wide, wide_end = x.float(), end.float()
    pairs = [
        (x * 0.7, wide * 0.7),
        (0.7 * x, 0.7 * wide),
        (x / 0.7, wide / 0.7),
        (torch.lerp(x, end, 0.3), torch.lerp(wide, wide_end, 0.3)),
    ]
    pairs += [(x.clone().mul_(0.9), wide * 0.9), (x.clone().div_(0.9), wide / 0.9)]
    leaf = x.clone().requires_grad_()
    pairs.append((torch.autograd.grad(leaf * 0.7, leaf, end)[0], wide_end * 0.7))
    for given, wanted in pairs:
        assert given.dtype is dtype and torch.equal(given, wanted.to(dtype))
