"""Attention in native code gives what NumPy's gives: results and gradients, whatever the sizes, strides, masks and threads."""

import math
import random

import numpy as np
import pytest

import pedigrad as torch
from pedigrad.eager import native
from pedigrad.ops.nn import attention as attention_ops

pytestmark = pytest.mark.skipif(not native.takes_product(np.zeros(1, np.float32), 1 << 60), reason="llvmlite is not installed")

F = torch.nn.functional
ROUNDING = {torch.float32: 2e-5, torch.float64: 1e-12}
ROWS, COLUMNS, WIDTHS = (8, 9, 17, 48, 49, 100, 130), (1, 5, 16, 33, 64, 65, 129), (1, 4, 16, 17, 33, 64, 70)


@pytest.fixture
def by_numpy(monkeypatch):
    """A way to run a function as if native code did not know attention."""

    def run(function):
        with monkeypatch.context() as patch:
            patch.setattr(native, "takes_attention", lambda *_: False)
            return function()

    return run


@pytest.fixture(autouse=True)
def always(monkeypatch):
    """Native code is given attention of all sizes."""
    monkeypatch.setattr(native, "LARGE_PRODUCT", 1)


def problem(chance, dtype):
    """Operands of random sizes and strides, a mask or none, and whether it is causal."""
    batch, heads = chance.choice([(1, 1), (2, 3), (1, 5)])
    rows, columns, depth = chance.choice(ROWS), chance.choice(COLUMNS), chance.choice(WIDTHS)
    width = chance.choice([depth, depth, *WIDTHS])
    if chance.random() < 0.3:
        columns = rows
    operands = []
    for n, m in ((rows, depth), (columns, depth), (columns, width)):
        kind = chance.randrange(4)
        if kind == 0:  # heads beside each other, as the parts of a projection have them
            x = torch.randn(batch, n, heads, m + 3, dtype=dtype)[..., 1 : m + 1].transpose(1, 2)
        elif kind == 1:
            x = torch.randn(batch, heads, m, n, dtype=dtype).transpose(2, 3)
        else:
            x = torch.randn(batch, heads, n, m, dtype=dtype)
        operands.append(x.requires_grad_())
    shape = chance.choice([(rows, columns), (1, columns), (rows, 1), (columns,), (batch, 1, rows, columns), (batch, heads, 1, columns)])
    mask = chance.choice([None, torch.rand(shape) < 0.8, torch.randn(shape, dtype=dtype)])
    return operands, mask, chance.random() < 0.5


def results(operands, mask, causal, weight=None):
    out = F.scaled_dot_product_attention(*operands, mask, is_causal=causal)
    weight = torch.linspace(-1, 1, out.numel(), dtype=out.dtype).view(out.shape) if weight is None else weight
    return [out.detach(), *torch.autograd.grad(out, operands, weight)]


def compare(given, wanted, rounding):
    for one, other in zip(given, wanted, strict=True):
        assert one.shape == other.shape and one.dtype == other.dtype
        assert (one - other).abs().max() <= rounding * max(1.0, float(other.abs().max()))


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("dtype", ROUNDING)
def test_it_gives_what_numpy_gives(dtype, seed, by_numpy, monkeypatch):
    torch.manual_seed(seed)
    given = problem(random.Random(seed), dtype)
    wanted = by_numpy(lambda: results(*given))
    monkeypatch.setattr(native, "_threads", 1 + seed % 2)
    ran = []
    back = native.attend_back
    monkeypatch.setattr(native, "attend_back", lambda *args: (ran.append(args), back(*args))[1])
    compare(results(*given), wanted, ROUNDING[dtype])
    assert ran


def test_every_number_is_the_same_with_any_number_of_threads(monkeypatch):
    operands = [torch.randn(3, 5, 70, 24, requires_grad=True) for _ in range(3)]
    monkeypatch.setattr(native, "_threads", 1)
    alone = results(operands, None, True)
    monkeypatch.setattr(native, "_threads", 2)
    for one, other in zip(results(operands, None, True), alone, strict=True):
        assert torch.equal(one, other)


def test_rows_that_see_nothing_are_zero_and_nan_stays_where_it_is_seen(by_numpy):
    operands = [torch.randn(2, 20, 8, requires_grad=True) for _ in range(3)]
    mask = torch.ones(20, 20, dtype=torch.bool)
    mask[3] = False
    out, *slopes = results(operands, mask, False)
    assert not out[:, 3].any() and all(torch.isfinite(d).all() for d in slopes)
    with torch.no_grad():
        operands[1][0, 15, 2] = math.nan
    given, wanted = results(operands, None, True), by_numpy(lambda: results(operands, None, True))
    for one, other in zip(given, wanted, strict=True):
        assert torch.equal(one.isnan(), other.isnan())
    assert given[0][0, 15:].isnan().all() and not given[0][0, :15].isnan().any()


def test_scores_far_apart_do_not_overflow(by_numpy):
    operands = [torch.randn(1, 2, 33, 16, dtype=torch.float64, requires_grad=True) * 300 for _ in range(3)]
    given, wanted = results(operands, None, False), by_numpy(lambda: results(operands, None, False))
    compare(given, wanted, 1e-9)  # weights are 0 and 1 but for a few, whose scores are rounded at a magnitude of 100,000


def test_heads_that_share_keys(by_numpy):
    query = torch.randn(2, 6, 40, 16, requires_grad=True)
    key, value = (torch.randn(2, 2, 40, 16, requires_grad=True) for _ in range(2))

    def run():
        out = F.scaled_dot_product_attention(query, key, value, is_causal=True, enable_gqa=True)
        return [out.detach(), *torch.autograd.grad(out.square().sum(), [query, key, value])]

    compare(run(), by_numpy(run), 2e-5)


def test_gradients_of_gradients_and_of_masks(by_numpy):
    operands = [torch.randn(2, 12, 8, dtype=torch.float64, requires_grad=True) for _ in range(3)]
    mask = torch.randn(12, 12, dtype=torch.float64, requires_grad=True)

    def run():
        out = F.scaled_dot_product_attention(*operands, mask)
        first = torch.autograd.grad(out.square().sum(), [*operands, mask], create_graph=True)
        return [out.detach(), *(d.detach() for d in first), *torch.autograd.grad(sum(d.square().sum() for d in first), [*operands, mask])]

    compare(run(), by_numpy(run), 1e-11)


def test_sixteen_bit_operands_are_worked_out_in_float32(by_numpy):
    operands = [torch.randn(2, 3, 40, 16).to(torch.bfloat16).requires_grad_() for _ in range(3)]
    given, wanted = results(operands, None, True), by_numpy(lambda: results(operands, None, True))
    assert all(d.dtype is torch.bfloat16 for d in given)
    compare([d.float() for d in given], [d.float() for d in wanted], 1e-2)  # two roundings to eight bits


def test_results_lie_in_memory_as_queries_do():
    query, key, value = (torch.randn(2, 30, 4, 16).transpose(1, 2) for _ in range(3))
    assert F.scaled_dot_product_attention(query, key, value).transpose(1, 2).is_contiguous()
    assert F.scaled_dot_product_attention(query.contiguous(), key, value).is_contiguous()


def test_an_output_that_was_written_to_is_worked_out_again():
    operands = [torch.randn(2, 16, 8, requires_grad=True) for _ in range(3)]
    wanted = torch.autograd.grad((F.scaled_dot_product_attention(*operands) * 2).sum(), operands)
    out = F.scaled_dot_product_attention(*operands)
    out.mul_(2)
    compare(torch.autograd.grad(out.sum(), operands), wanted, 2e-5)


@pytest.mark.parametrize("masked", [False, True])
def test_a_program_calls_it_where_scores_leave_the_caches(masked, monkeypatch):
    monkeypatch.setattr(attention_ops, "MANY_SCORES", 1)
    operands = [torch.randn(2, 3, 40, 16, requires_grad=True) for _ in range(3)]
    mask = torch.randn(40, 40) if masked else None

    def step(query, key, value):
        out = F.scaled_dot_product_attention(query * 2, key, value, mask, is_causal=not masked).transpose(1, 2).reshape(2, 40, 48)
        return out.detach(), *torch.autograd.grad(out.square().sum(), [query, key, value])

    wanted, compiled = step(*operands), torch.compile(step)
    for _ in range(4):
        compare(compiled(*operands), wanted, 2e-5)
    assert "compiled, 2 as usual, to be recorded" in str(compiled.explain()) and "attend" in str(compiled.explain())


@pytest.mark.parametrize("lead", [(3,), (1, 0), (2, 3)])
def test_values_of_more_dimensions_than_queries(lead, by_numpy):
    query, key, value = (torch.randn(*shape, 9, 4, requires_grad=True) for shape in ((), (1,), lead))

    def step():
        out = F.scaled_dot_product_attention(query, key, value)
        return out.detach(), *torch.autograd.grad(out.square().sum(), [query, key, value])

    wanted, compiled = by_numpy(step), torch.compile(step)
    for given in (step(), *(compiled() for _ in range(4)), by_numpy(step)):
        for one, other in zip(given, wanted, strict=True):
            assert one.shape == other.shape and torch.allclose(one, other, atol=1e-5)
    first = torch.autograd.grad(F.scaled_dot_product_attention(query, key, value).square().sum(), [query, key, value], create_graph=True)
    assert [d.shape for d in torch.autograd.grad(sum(d.square().sum() for d in first), [query, key, value])] == [d.shape for d in first]
