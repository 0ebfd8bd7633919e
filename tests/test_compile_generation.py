"""Compiled inference: sequences that grow by one each call, caches written in place, weights that change between calls."""

import pytest

pytest.importorskip("llvmlite")

import pedigrad as torch
from pedigrad import nn

GROWN = "called with ever new sizes, of which none came twice in a row"
WRITES = {
    "index_copy_": lambda cache, at, new: cache.index_copy_(1, at, new),
    "an index": lambda cache, at, new: cache.__setitem__((slice(None), at), new),
    "an index from the end": lambda cache, at, new: cache.__setitem__((slice(None), at - 8), new),
    "a number": lambda cache, at, new: cache.__setitem__((slice(None), at), 2.0),
}


def runs(function):
    return sum(variant.runs for variant in function.compiled.variants)


def calls_to_numpy(report):
    return [step for variant in report.variants for step in variant.forward.steps if step.kind == "call"]


def test_a_sequence_that_grows_is_recorded_a_few_times_and_then_runs_as_usual():
    weight, recorded = torch.randn(4, 4), []
    step = torch.compile(lambda x, cache: torch.cat([cache, x @ weight], 1))
    inner = step.compiled.record
    step.compiled.record = lambda key, *rest: recorded.append(key) or inner(key, *rest)
    cache = wanted = torch.randn(1, 2, 4)
    with pytest.warns(UserWarning, match=GROWN):
        for _ in range(20):
            x = torch.randn(1, 1, 4)
            cache, wanted = step(x, cache), torch.cat([wanted, x @ weight], 1)
            assert torch.equal(cache, wanted)
    assert len(recorded) == 3
    assert not runs(step)
    assert step.explain(time=False).eager == {"(float32[1, 1, 4], float32[1, ?, 4])": (GROWN, 17)}


def test_positions_that_are_python_numbers_are_sizes_too():
    step = torch.compile(lambda x, at: x * at)
    with pytest.warns(UserWarning, match=GROWN):
        for at in range(20):
            assert step(torch.ones(3), at).tolist() == [at] * 3
    assert step.explain(time=False).eager == {"(float32[3], ?)": (GROWN, 17)}


def test_a_size_that_comes_twice_in_a_row_is_compiled_after_ever_new_ones():
    double = torch.compile(lambda x: x * 2)
    with pytest.warns(UserWarning, match=GROWN):
        for n in range(1, 30):
            double(torch.ones(n))
    for _ in range(4):
        assert double(torch.ones(7)).tolist() == [2.0] * 7
    assert runs(double) == 1
    assert double(torch.ones(9)).tolist() == [2.0] * 9


def test_a_few_sizes_that_take_turns_have_a_program_each():
    double = torch.compile(lambda x: x * 2)
    for _ in range(5):
        for n in (2, 3, 4, 5, 6):
            assert double(torch.ones(n)).tolist() == [2.0] * n
    assert len(double.compiled.variants) == 5
    assert runs(double) >= 10


def test_a_keyword_that_is_called_tensor_is_an_argument_like_others():
    double = torch.compile(lambda **given: given["tensor"] * 2)
    for n in range(1, 6):
        assert double(tensor=n) == 2 * n


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
@pytest.mark.parametrize("count", [1, 3])
def test_one_program_writes_a_cache_at_all_positions(write, count):
    def step(cache, at, new):
        write(cache, at, new * 3)
        return cache.sum(1)

    compiled = torch.compile(step)
    cache = torch.randn(2, 8, 5)
    other = cache.clone()
    for first in range(8):
        at = (torch.arange(count) * 2 + first) % 8
        new = torch.randn(2, count, 5)
        assert torch.allclose(compiled(cache, at, new), step(other, at, new), atol=1e-6)
        assert torch.equal(cache, other)
    assert runs(compiled) == 6
    assert not calls_to_numpy(compiled.explain(time=False))


def test_of_slices_written_to_one_place_the_last_one_stays():
    step = torch.compile(lambda cache, at, new: cache.index_copy(0, at, new))
    for shift in range(5):
        at, new = (torch.tensor([3, 1, 3, 3]) + shift) % 6, torch.arange(16.0).reshape(4, 4) + shift
        out = step(torch.zeros(6, 4), at, new)
        assert torch.equal(out[(3 + shift) % 6], new[3])
        assert torch.equal(out[(1 + shift) % 6], new[1])
        assert out.count_nonzero() <= 8
    assert not calls_to_numpy(step.explain(time=False))


def test_a_position_beyond_the_cache_is_an_error():
    step = torch.compile(lambda cache, at: cache.index_copy_(0, at, torch.ones(1, 2)))
    cache = torch.zeros(4, 2)
    for at in range(4):
        step(cache, torch.tensor([at]))
    with pytest.raises(IndexError):
        step(cache, torch.tensor([4]))


CHANGES = {
    "in place": lambda net, optimizer: [p.detach().mul_(0.5) for p in net.parameters()],
    "the statistics": lambda net, optimizer: net[1].running_mean.add_(1),
    "a dict of state": lambda net, optimizer: net.load_state_dict({k: v + 1 for k, v in net.state_dict().items()}),
    "an optimizer": lambda net, optimizer: (net(torch.ones(2, 3, 4, 4)).sum().backward(), optimizer.step()),
    "other arrays": lambda net, optimizer: [setattr(p, "data", p.data * 2) for p in net.parameters()],
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_network_in_eval_mode_follows_its_weights(change):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5), nn.ReLU(), nn.Flatten(), nn.Linear(20, 2)).eval()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    compiled, x = torch.compile(net), torch.randn(1, 3, 4, 4)
    with torch.inference_mode():
        for _ in range(4):
            assert torch.allclose(compiled(x), net(x), atol=1e-5)
    before = compiled(x).detach().clone()
    change(net, optimizer)
    with torch.inference_mode():
        assert torch.allclose(compiled(x), net(x), atol=1e-5)
        assert not torch.allclose(compiled(x), before, atol=1e-5)


@pytest.mark.parametrize(
    ("place", "shape"),
    [
        (lambda at: (slice(None), at), (2, 4)),
        (lambda at: at, (5, 4)),
        (lambda at: (..., at), (2, 5)),
        (lambda at: (..., at, slice(None)), (2, 4)),
        (lambda at: (0, at), (4,)),
        (lambda at: (slice(None), at, slice(1, 3)), (1, 2)),
        (lambda at: (slice(None), at), ()),
        (lambda at: (None, slice(None), at), (1, 2, 4)),
        (lambda at: (slice(None), at, None), (2, 1, 4)),
    ],
)
def test_a_position_may_be_a_tensor_of_a_number(place, shape):
    def write(cache, new, at):
        cache[place(at)] = new
        return cache.sum()

    step, cache, wanted = torch.compile(write), torch.zeros(2, 5, 4), torch.zeros(2, 5, 4)
    for i in (0, 1, 1, 0, -1, -2):
        new = torch.randn(shape)
        step(cache, new, torch.tensor(i))
        write(wanted, new, i)
        assert torch.equal(cache, wanted)
    assert runs(step) >= 3
