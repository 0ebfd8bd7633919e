"""Random numbers of compiled functions: a counter-based generator, the same from one seed whatever the threads."""

import numpy as np
import pytest

pytest.importorskip("llvmlite")

import pedigrad as torch
from pedigrad import nn
from pedigrad.codegen.ir.program import Program
from pedigrad.codegen.runtime.executable import Executable
from pedigrad.nn import functional as F


def philox(key, counter):
    """Philox-2x32-10, as Salmon, Moraes, Dror and Shaw define it (Parallel Random Numbers: As Easy as 1, 2, 3; SC11)."""
    left, right = counter
    for round_ in range(10):
        if round_:
            key = (key + 0x9E3779B9) % 2**32  # the Weyl sequence of the golden ratio
        high, low = divmod(0xD256D193 * left, 2**32)
        left, right = high ^ key ^ right, low
    return left, right


def test_the_reference_gives_the_published_numbers():
    """Known answers of Random123, the authors' own implementation."""
    assert philox(0, (0, 0)) == (0xFF1DAE59, 0x6CD10DF2)
    assert philox(0xFFFFFFFF, (0xFFFFFFFF, 0xFFFFFFFF)) == (0x2C3F628B, 0xAB4FD7AD)
    assert philox(0x13198A2E, (0x243F6A88, 0x85A308D3)) == (0xDD7CE038, 0xF62A4C12)


def drawn(seed, elements, stream, threads=1):
    """Numbers of the instruction `philox`."""
    program = Program()
    key, element = program.input((), np.int64), program.input(np.shape(elements), np.int64)
    program.outputs = [program.emit("philox", (key, element, stream), np.shape(elements), np.float32)]
    return Executable(program, {}, threads).run([np.array(seed), np.asarray(elements)])[0]


@pytest.mark.parametrize("seed", [0, 1, 0x9ABCDEF0, 2**53 - 1, 0x1F_FFFF_0000_0001])
@pytest.mark.parametrize("stream", [1, 7])
def test_numbers_are_those_of_philox(seed, stream):
    elements = np.array([0, 1, 2, 12345, 2**32 - 1, 2**32, 3 * 2**32 + 5])
    counters = [(e % 2**32, (e >> 32) ^ (((seed >> 32) + stream) % 2**32)) for e in elements.tolist()]
    expected = [(philox(seed % 2**32, c)[0] >> 8) * 2.0**-24 for c in counters]
    assert drawn(seed, elements, stream).tolist() == expected


def test_numbers_are_uniform_and_unrelated():
    n = 1 << 18
    streams = [drawn(seed, np.arange(n), stream).astype(float) for seed, stream in ((1, 1), (1, 2), (2, 1), (1 + 2**32, 1))]
    for x in streams[:3]:
        assert 0 <= x.min() < 1e-4 and 1 - 1e-4 < x.max() < 1
        assert abs(x.mean() - 0.5) < 5 * np.sqrt(1 / 12 / n) and abs(x.var() - 1 / 12) < 1e-3
        counts = np.histogram(x, 256, (0, 1))[0]
        assert ((counts - n / 256) ** 2 / (n / 256)).sum() < 255 + 6 * np.sqrt(2 * 255)
        assert abs(np.corrcoef(x[:-1], x[1:])[0, 1]) < 0.01
    for other in streams[1:3]:
        assert abs(np.corrcoef(streams[0], other)[0, 1]) < 0.01


def test_threads_draw_the_same_numbers():
    elements = np.arange(100_003)
    assert np.array_equal(drawn(5, elements, 1), drawn(5, elements, 1, threads=2))


# Compiled functions


@pytest.fixture(params=[1, 2])
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def runs(compiled):
    return sum(variant.runs for variant in compiled.compiled.variants)


def test_dropout(threads):
    x = torch.ones(300, 200, requires_grad=True)
    compiled = torch.compile(lambda x: F.dropout(x, 0.3) * 2.0)
    masks = []
    for _ in range(6):
        x.grad = None
        y = compiled(x)
        y.sum().backward()
        values = y.detach().numpy()
        mask = values != 0
        assert abs(mask.mean() - 0.7) < 0.02
        np.testing.assert_allclose(values[mask], 2 / 0.7, rtol=1e-6)
        np.testing.assert_allclose(x.grad.numpy(), values, rtol=1e-6)  # of ones: the same mask
        masks.append(mask)
    assert runs(compiled) >= 3
    for i, one in enumerate(masks):
        for other in masks[:i]:
            assert abs((one == other).mean() - (0.7**2 + 0.3**2)) < 0.02


def test_two_dropouts_have_two_masks(threads):
    compiled = torch.compile(lambda x: (F.dropout(x, 0.5), F.dropout(x, 0.5)))
    for _ in range(5):
        one, other = (y.numpy() != 0 for y in compiled(torch.ones(200, 200)))
        assert abs((one == other).mean() - 0.5) < 0.02


def losses(steps, compiled):
    torch.manual_seed(3)
    model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Dropout(0.4), nn.Linear(64, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    x = torch.from_numpy(np.random.default_rng(0).standard_normal((256, 20)).astype(np.float32))

    def step():
        optimizer.zero_grad()
        loss = ((model(x) - 1.0) ** 2).mean()
        loss.backward()
        optimizer.step()
        return loss

    step = torch.compile(step) if compiled else step
    found = []
    for i in range(steps):
        if i == 4:
            torch.manual_seed(11)
        found.append(float(step().detach()))
    return found, step


def test_a_seed_gives_the_same_training():
    first, step = losses(10, True)
    again, _ = losses(10, True)
    assert first == again
    assert runs(step) >= 5 and len(set(first)) == 10
    eager, _ = losses(10, False)
    assert abs(eager[-1] - first[-1]) < 0.3 * eager[0]


def test_manual_seed_starts_the_numbers_anew(threads):
    compiled = torch.compile(lambda x: F.dropout(x, 0.5))
    x = torch.ones(200, 300)
    for _ in range(3):
        compiled(x)
    drawn = []
    for seed in (1, 2, 1):
        torch.manual_seed(seed)
        drawn.append([compiled(x).numpy() for _ in range(2)])
    assert np.array_equal(drawn[0], drawn[2]) and not np.array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0][0], drawn[0][1])


def test_threads_drop_the_same_elements():
    results = []
    before = torch.get_num_threads()
    for count in (1, 2):
        torch.set_num_threads(count)
        compiled = torch.compile(lambda x: F.dropout(x, 0.5))
        for _ in range(3):
            compiled(torch.ones(300, 300))
        torch.manual_seed(7)
        results.append(compiled(torch.ones(300, 300)).numpy())
    torch.set_num_threads(before)
    assert np.array_equal(*results)
