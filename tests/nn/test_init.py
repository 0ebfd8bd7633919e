"""Fillings of tensors by themselves: what their numbers must satisfy, whatever the seed."""

import math

import numpy as np
import pytest

import pedigrad as torch
from pedigrad.nn import init
from pedigrad.nn.parameter import Parameter


def weight(*shape, dtype=torch.float32):
    return Parameter(torch.ones(shape, dtype=dtype))


def values(tensor):
    return tensor.detach().double().numpy()


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


@pytest.mark.parametrize("name", [n for n in init.__all__ if n.endswith("_")])
def test_fills_in_place_without_history(name):
    w = weight(4, 4, 3) if name == "dirac_" else weight(4, 4)
    arguments = {"constant_": (2.0,), "sparse_": (0.5,)}.get(name, ())
    pointer = w.data_ptr()
    assert getattr(init, name)(w, *arguments) is w
    assert w.is_leaf and w.requires_grad and w.grad_fn is None and w.data_ptr() == pointer and w._version > 0
    assert np.isfinite(values(w)).all() and (values(w) != 1).any() == (name != "ones_")


@pytest.mark.parametrize("shape", [(200, 100), (60, 40, 3, 3)])
def test_variances(shape):
    fan_out, fan_in = shape[0] * math.prod(shape[2:]), math.prod(shape[1:])
    for fill, variance in [
        (init.xavier_uniform_, 2 / (fan_in + fan_out)),
        (init.xavier_normal_, 2 / (fan_in + fan_out)),
        (lambda w: init.kaiming_uniform_(w, nonlinearity="relu"), 2 / fan_in),
        (lambda w: init.kaiming_normal_(w, mode="fan_out", nonlinearity="linear"), 1 / fan_out),
        (lambda w: init.kaiming_normal_(w, a=1.0), 1 / fan_in),
    ]:
        w = fill(weight(*shape))
        assert abs(values(w).mean()) < 0.05 * math.sqrt(variance)
        assert values(w).var() == pytest.approx(variance, rel=0.05)


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 2, 3)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_orthogonal(shape, dtype):
    w = values(init.orthogonal_(weight(*shape, dtype=dtype), gain=2.0)).reshape(shape[0], -1)
    small = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
    assert np.allclose(small, 4 * np.eye(len(small)), atol=1e-5)


@pytest.mark.parametrize("mean, std, a, b", [(0, 1, -2, 2), (0, 0.02, -2, 2), (1, 1, 1.5, 3), (0, 1, -0.1, 0.1)])
def test_trunc_normal_stays_inside(mean, std, a, b):
    numbers = values(init.trunc_normal_(weight(100, 100), mean, std, a, b))
    assert numbers.min() >= a and numbers.max() <= b
    density = lambda x: math.exp(-0.5 * ((x - mean) / std) ** 2)  # noqa: E731
    x = np.linspace(max(a, mean - 8 * std), min(b, mean + 8 * std), 2001)
    p = np.array(list(map(density, x)))
    assert numbers.mean() == pytest.approx((x * p).sum() / p.sum(), abs=0.05 * std)


def test_sparse_leaves_the_asked_part_zero():
    w = values(init.sparse_(weight(10, 6), 0.35))
    assert ((w == 0).sum(axis=0) == 4).all()


def test_patterns():
    assert values(init.eye_(weight(2, 3))).tolist() == [[1, 0, 0], [0, 1, 0]]
    w = values(init.dirac_(weight(4, 2, 3), groups=2))
    assert w[:, :, 1].tolist() == [[1, 0], [0, 1], [1, 0], [0, 1]] and w.sum() == 4


def test_a_generator_of_one_s_own_is_used():
    for fill in (init.uniform_, init.normal_, init.xavier_normal_, init.kaiming_uniform_, init.trunc_normal_, init.orthogonal_):
        torch.manual_seed(1)
        a = values(fill(weight(3, 3), generator=torch.Generator().manual_seed(7)))
        after = torch.rand(2).tolist()
        b = values(fill(weight(3, 3), generator=torch.Generator().manual_seed(7)))
        torch.manual_seed(1)
        assert (a == b).all() and after == torch.rand(2).tolist()


def test_old_names_warn():
    with pytest.warns(FutureWarning, match="`nn.init.uniform` is now deprecated in favor of `nn.init.uniform_`."):
        init.uniform(weight(2))
    with pytest.warns(UserWarning, match="Initializing zero-element tensors is a no-op"):
        init.kaiming_normal_(weight(0, 3))


def test_errors_name_what_is_wrong():
    with pytest.raises(ValueError, match="fewer than 2 dimensions"):
        init.xavier_uniform_(weight(3))
    with pytest.raises(ValueError, match="Mode fan not supported"):
        init.kaiming_normal_(weight(3, 3), mode="fan")
    with pytest.raises(ValueError, match="Unsupported nonlinearity swish"):
        init.calculate_gain("swish")
