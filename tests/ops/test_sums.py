"""Sums of many float32 numbers keep their digits, and variances theirs however far from zero the numbers are."""

import numpy as np
import pytest

import pedigrad as torch
import pedigrad.nn.functional as F
from pedigrad.core.tensor import wrap

TENTHS = np.full((200_000, 2), 0.1, np.float32)  # more than kernels take over from
FEWER = TENTHS[:20_000]
CLASSES = torch.zeros(len(TENTHS), dtype=torch.int64)

SUMS = {
    "sum": torch.sum,
    "sum of columns": lambda x: x.sum(0),
    "sum of rows": lambda x: x.t().sum(1),
    "sum of a part": lambda x: x[::2, 0].sum(),
    "sum of middle dims": lambda x: x.reshape(2, -1, 4).sum(1),
    "mean of columns": lambda x: x.mean(0),
    "norm of columns": lambda x: x.norm(2, 0),
    "1-norm": lambda x: x.norm(1),
    "cumsum": lambda x: x.cumsum(0)[-1],
    "cumsum of rows": lambda x: x.t().cumsum(1)[:, -1],
    "cumprod": lambda x: (x * 0 + (1 + 2**-20)).cumprod(0)[-1],
    "logcumsumexp": lambda x: x.logcumsumexp(0)[-1],
    "logsumexp": lambda x: x.logsumexp(0),
    "softmax": lambda x: F.softmax(x, 0),
    "mse_loss": lambda x: F.mse_loss(x, x * 0),
    "l1_loss": lambda x: F.l1_loss(x, x * 0),
    "cross_entropy": lambda x: F.cross_entropy(x, CLASSES[: len(x)]),
    "weighted cross_entropy": lambda x: F.cross_entropy(x, CLASSES[: len(x)], torch.tensor([0.1, 0.3], dtype=x.dtype)),
    "adaptive_avg_pool1d": lambda x: F.adaptive_avg_pool1d(x.t().contiguous()[None], 1),
    "trapezoid": lambda x: torch.trapezoid(x, dim=0),
}

GRADIENTS = {
    "of a row that is added": ((1, 2), lambda x, w: (x + w) * 0.1),
    "of a number": ((), lambda x, w: x * w),
    "of expand": ((1, 2), lambda x, w: w.expand(x.shape) * x),
    "of linear's bias": ((2,), lambda x, w: F.linear(x, torch.eye(2, dtype=x.dtype), w) * 0.1),
    "of conv1d's bias": ((2,), lambda x, w: F.conv1d(x.t()[None], torch.ones(2, 2, 1, dtype=x.dtype), w) * 0.1),
    "of prelu's weight": ((2,), lambda x, w: F.prelu(-x, w)),
    "of layer_norm's bias": ((2,), lambda x, w: F.layer_norm(x, (2,), None, w) * 0.1),
    "of batch_norm's bias": ((2,), lambda x, w: F.batch_norm(x, None, None, None, w, True) * 0.1),
}


def error(got, expected):
    got, expected = got.detach().double().numpy(), expected.detach().numpy()
    return np.abs(got - expected).max() / np.abs(expected).max()


@pytest.mark.parametrize("values", [TENTHS, FEWER], ids=["large", "small"])
@pytest.mark.parametrize("name", SUMS)
def test_sums_keep_their_digits(name, values):
    function = SUMS[name]
    assert error(function(wrap(values)), function(wrap(values).double())) < 1e-6


@pytest.mark.parametrize("values", [TENTHS, FEWER], ids=["large", "small"])
@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients_of_what_was_broadcast_keep_their_digits(name, values):
    shape, function = GRADIENTS[name]
    found = []
    for x in (wrap(values), wrap(values).double()):
        w = torch.full(shape, 0.5, dtype=x.dtype, requires_grad=True)
        function(x, w).sum().backward()
        found.append(w.grad)
    assert error(*found) < 1e-6


# Variances

rng = np.random.default_rng(0)
FAR = {
    "all equal": np.full((8, 3, 48), 123456.7),
    "around a million": rng.standard_normal((8, 3, 48)) + 1e6,
    "tiny": rng.standard_normal((8, 3, 48)) * 1e-12 + 1e-6,
    "in thousands": np.tile(rng.standard_normal((8, 3, 48)) + 1e6, (2, 1, 100)).repeat(10, 0),
}

SPREADS = {
    "var": torch.var,
    "var along a dim": lambda x: x.var(0),
    "std": lambda x: x.std(-1),
    "var_mean": lambda x: torch.var_mean(x, (0, 2))[0],
    "std_mean": lambda x: torch.std_mean(x, 0)[0],
    "cov": lambda x: torch.cov(x[:, 0]),
    "layer_norm": lambda x: F.layer_norm(x, x.shape[-1:]),
    "layer_norm over two dims": lambda x: F.layer_norm(x, x.shape[-2:]),
    "batch_norm": lambda x: F.batch_norm(x, None, None, None, None, True),
    "group_norm": lambda x: F.group_norm(x, 1),
    "instance_norm": lambda x: F.instance_norm(x),
}


@pytest.mark.parametrize("values", FAR)
@pytest.mark.parametrize("name", SPREADS)
def test_variances_do_not_depend_on_the_mean(name, values):
    function, found = SPREADS[name], []
    single = wrap(FAR[values].astype(np.float32))
    for x in (single, single.double()):
        x.requires_grad_()
        out = function(x)
        weights = wrap(np.cos(np.arange(out.numel())).reshape(out.shape)).to(out.dtype)
        found.append((out, *torch.autograd.grad((out * weights).sum(), x)))
    for what, got, expected in zip(("result", "gradient"), *found, strict=True):
        scale = max(expected.detach().abs().max().item(), 1e-3 if values == "all equal" else 0.0)
        wrong = (got.detach().double() - expected.detach()).abs().max().item() / scale
        assert wrong < 2e-5, f"the {what} is wrong by {wrong:.1e} of its largest element"


@pytest.mark.parametrize("function", [lambda x, mean, var: F.batch_norm(x, mean, var, None, None, True), F.instance_norm])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_running_statistics_are_those_of_float64(function, dtype):
    x = wrap(rng.standard_normal((4, 2, 3000)) * 4 + 100).to(dtype)
    statistics = [(torch.zeros(2, dtype=kind), torch.ones(2, dtype=kind)) for kind in (torch.float32, torch.float64)]
    for (mean, var), batch in zip(statistics, (x, x.double()), strict=True):
        function(batch, mean, var)
    for got, expected in zip(*statistics, strict=True):
        assert error(got, expected) < 1e-6


def test_deviations_of_what_float32_cannot_square():
    assert torch.tensor([1e30, -1e30]).std().item() == pytest.approx(2**0.5 * 1e30)
    assert F.layer_norm(torch.full((1, 768), 123456.7), (768,)).abs().max().item() == 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("dim", [None, 0, -1, (0, 1)])
def test_equal_elements_vary_by_nothing(dtype, dim):
    x = torch.full((7, 3), 0.1, dtype=dtype, requires_grad=True)
    spread = x.std(dim)
    spread.sum().backward()
    assert not spread.any() and not x.grad.any()


@pytest.mark.parametrize("function", (torch.cumsum, torch.cumprod, torch.logcumsumexp))
@pytest.mark.parametrize("dim", (0, 1, -2))
def test_running_sums_over_an_axis_that_is_not_along_memory(function, dim):
    """What is taken together gives the same digits as one line after the other."""
    x = np.random.default_rng(0).uniform(-1.2, 1.2, (9, 40, 311)).astype(np.float32)
    x[:, :, 0] = -0.0
    x[2, 3, 4], x[3, 3, 5] = np.nan, np.inf
    for given in (x, x[::-1, :, ::2]):
        lines = torch.from_numpy(np.ascontiguousarray(np.moveaxis(given, dim, -1)))
        wanted = np.moveaxis(np.stack([function(line, -1).numpy() for line in lines.flatten(0, 1)]).reshape(lines.shape), -1, dim)
        found = function(torch.from_numpy(given.copy()), dim).numpy()
        np.testing.assert_array_equal(found, wanted)
        np.testing.assert_array_equal(np.signbit(found[found == 0]), np.signbit(wanted[found == 0]))
