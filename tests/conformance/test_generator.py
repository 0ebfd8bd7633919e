"""The generator against PyTorch's: values, and after each call the bytes of the state."""

import copy
import pickle
import random

import numpy as np
import pytest

torch = pytest.importorskip("torch")
bfloat16 = np.dtype(pytest.importorskip("ml_dtypes").bfloat16)

from pedigrad.rng.generator import Generator, default_generator  # noqa: E402

SIZES = [0, 1, 7, 15, 16, 17, 100, 623, 1000003]
SEEDS = [0, 1, 42, 2**31 - 1, 2**32 - 1, 2**32 + 5, 2**64 - 1, -1, -(2**63)]
FLOATS = {
    torch.float32: np.float32,
    torch.float64: np.float64,
    torch.float16: np.float16,
    torch.bfloat16: bfloat16,
}
INTEGERS = {
    torch.uint8: np.uint8,
    torch.int8: np.int8,
    torch.int16: np.int16,
    torch.int32: np.int32,
    torch.int64: np.int64,
    torch.bool: np.bool_,
}
ALL = FLOATS | INTEGERS


def portable():
    """Whether this PyTorch runs its portable bernoulli and exponential, not MKL's."""
    g = torch.Generator()
    torch.empty(5).bernoulli_(0.5, generator=g)
    return int(g.get_state().numpy()[16:24].view(np.int64)[0]) == 10


needs_portable = pytest.mark.skipif(not portable(), reason="this PyTorch leaves it to MKL")


def pair(seed=3):
    return Generator().manual_seed(seed), torch.Generator().manual_seed(seed)


def array(tensor):
    if tensor.dtype == torch.bfloat16:
        return tensor.view(torch.int16).numpy().view(bfloat16)
    return tensor.numpy()


def assert_same(ours, theirs, ulps=0):
    theirs = array(theirs)
    assert isinstance(ours, np.ndarray)
    assert ours.dtype == theirs.dtype and ours.shape == theirs.shape
    if not ulps:
        np.testing.assert_array_equal(ours, theirs)
    elif ours.size:
        x, y = ours.astype(np.float64), theirs.astype(np.float64)
        grain = np.spacing(np.abs(theirs)).astype(np.float64)
        with np.errstate(invalid="ignore"):
            assert np.all((x == y) | (np.abs(x - y) <= ulps * grain)), np.nanmax(np.abs(x - y) / grain)


def assert_in_step(g, t):
    np.testing.assert_array_equal(g.get_state(), t.get_state().numpy())


@pytest.mark.parametrize("seed", SEEDS)
def test_seeds(seed):
    g, t = pair(seed)
    assert g.initial_seed() == t.initial_seed()
    assert_in_step(g, t)
    for size in (3, 621, 624, 1248, 5):
        assert_same(g.uniform((size,)), torch.rand(size, generator=t))
        assert_in_step(g, t)


def test_default_seed():
    assert Generator().initial_seed() == torch.Generator().initial_seed()
    assert default_generator.initial_seed() != Generator().initial_seed()
    g = Generator()
    assert g.seed() == g.initial_seed() != Generator().seed()


@pytest.mark.parametrize("seed", [2**64, -(2**63) - 1])
def test_seed_out_of_range(seed):
    for g in (Generator(), torch.Generator()):
        with pytest.raises(ValueError):
            g.manual_seed(seed)
        with pytest.raises(RuntimeError):
            g.manual_seed(1.5)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("bounds", [(0, 1), (-1, 1), (-0.1234567, 0.1234567), (2.3, 7.7), (0, 3), (5, 5)])
def test_uniform(dtype, size, bounds):
    g, t = pair()
    theirs = torch.empty(size, dtype=dtype).uniform_(*bounds, generator=t)
    assert_same(g.uniform((size,), *bounds, FLOATS[dtype]), theirs)
    assert_in_step(g, t)


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
def test_complex(dtype):
    for shape in [(), (3,), (2, 5), (9,)]:
        g, t = pair()
        ours = np.dtype(array(torch.empty(0, dtype=dtype)).dtype)
        assert_same(g.uniform(shape, 0, 1, ours), torch.rand(shape, dtype=dtype, generator=t))
        theirs = torch.view_as_real(torch.randn(shape, dtype=dtype, generator=t))
        x = g.normal(shape, 0, 1, ours)
        assert x.shape == shape
        assert_same(x.reshape(-1).view(x.real.dtype).reshape(*shape, 2), theirs, 4)
        assert_in_step(g, t)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", FLOATS)
def test_standard_normal(dtype, size):
    g, t = pair()
    for _ in range(2):
        assert_same(g.normal((size,), 0, 1, FLOATS[dtype]), torch.randn(size, dtype=dtype, generator=t), 4)
        assert_in_step(g, t)


def test_few_normals_are_equal():
    g, t = pair()
    for size in range(16):
        assert_same(g.normal((size,), 0, 1, np.float64), torch.randn(size, dtype=torch.float64, generator=t))
        x = torch.empty(size, dtype=torch.float64).normal_(1.3, 2.7, generator=t)
        assert_same(g.normal((size,), 1.3, 2.7, np.float64), x)
    assert_in_step(g, t)


@pytest.mark.parametrize("size", SIZES[:-1])
@pytest.mark.parametrize("dtype", FLOATS)
def test_normal(dtype, size):
    g, t = pair()
    theirs = torch.empty(size, dtype=dtype).normal_(1.3, 0.7, generator=t)
    ours = g.normal((size,), 1.3, 0.7, FLOATS[dtype])
    grain = float(torch.finfo(dtype).eps)
    ours, theirs = ours.astype(np.float64), array(theirs).astype(np.float64)
    np.testing.assert_allclose(ours, theirs, rtol=2 * grain, atol=4 * grain)
    assert_in_step(g, t)


@pytest.mark.parametrize("size", [5, 17, 1001])
def test_normal_of_a_tensor_that_is_not_contiguous(size):
    g, t = pair()
    for _ in range(2):
        theirs = torch.empty(size, 2)[:, 0].normal_(0, 2, generator=t)
        assert_same(g.normal((size,), 0, 2, np.float32, contiguous=False), theirs, 1)
        assert_in_step(g, t)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("bounds", [(0, 10), (-5, 1000), (3, 4), (0, 32), (0, 2**28 - 1), (0, 2**28), (-7, 2**31)])
def test_integers(size, bounds):
    g, t = pair()
    for dtype in (torch.int64, torch.float64):
        theirs = torch.randint(*bounds, (size,), dtype=dtype, generator=t)
        assert_same(g.integers((size,), *bounds, ALL[dtype]), theirs)
        assert_in_step(g, t)


@pytest.mark.parametrize("dtype", ALL)
def test_integers_of_each_dtype(dtype):
    g, t = pair()
    assert_same(g.integers((999,), 0, 2, ALL[dtype]), torch.randint(0, 2, (999,), dtype=dtype, generator=t))
    assert_same(g.random((999,), ALL[dtype]), torch.empty(999, dtype=dtype).random_(generator=t))
    theirs = torch.empty(999, dtype=dtype).random_(1, None, generator=t)
    assert_same(g.integers((999,), 1, None, ALL[dtype]), theirs)
    assert_in_step(g, t)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    ("dtype", "bounds"),
    [
        (torch.int64, (-(2**63), 2**63 - 1)),
        (torch.int64, (-(2**63), None)),
        (torch.int64, (-(2**63) + 1, None)),
        (torch.float32, (-(2**63), None)),
        (torch.float32, (0, 2**40 + 1)),
        (torch.float32, (-(2**40) - 1, 2**33 + 3)),
        (torch.float64, (2**60 + 1, 2**61 + 3)),
        (torch.float16, (0, 65504)),
        (torch.float16, (-4099, 2**12 + 9)),
        (torch.bfloat16, (-777, 1001)),
        (torch.int8, (-128, 127)),
    ],
)
def test_integers_at_the_limits(dtype, bounds):
    g, t = pair()
    theirs = torch.empty(999, dtype=dtype).random_(*bounds, generator=t)
    assert_same(g.integers((999,), *bounds, ALL[dtype]), theirs)
    assert_in_step(g, t)


@pytest.mark.parametrize("n", [0, 1, 2, 7, 100, 511, 512, 513, 1000, 4096, 60000, 1000003])
def test_permutation(n):
    for seed in (3, 4) if n < 10000 else (3,):
        g, t = pair(seed)
        assert_same(g.permutation(n), torch.randperm(n, generator=t))
        assert_in_step(g, t)


@needs_portable
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 2 / 3, 1.0])
def test_bernoulli(size, p):
    g, t = pair()
    for dtype in ALL if size < 1000 else (torch.float32, torch.bool):
        theirs = torch.empty(size, dtype=dtype).bernoulli_(p, generator=t)
        assert_same(g.bernoulli((size,), p, ALL[dtype]), theirs)
        assert_in_step(g, t)


def test_bernoulli_decided_by_the_lower_bits():
    ours = Generator().manual_seed(3)
    first = ours.uniform((1,), np_dtype=np.float64)[0]
    for p, expected in ((first, 0), (np.nextafter(first, 1), 1)):
        assert ours.manual_seed(3).bernoulli((1,), float(p))[0] == expected


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", FLOATS)
def test_bernoulli_of_a_tensor(dtype, size):
    g, t = pair()
    p = torch.linspace(0, 1, size, dtype=torch.float64).to(dtype)
    assert_same(g.bernoulli((size,), array(p), FLOATS[dtype]), torch.bernoulli(p, generator=t))
    p = p[:1].reshape(1, -1)
    theirs = torch.empty(4, p.numel(), dtype=torch.int32).bernoulli_(p, generator=t)
    assert_same(g.bernoulli(theirs.shape, array(p), np.int32), theirs)
    assert_in_step(g, t)


@needs_portable
@pytest.mark.parametrize("p", [0.1, 0.5])
def test_dropout_mask(p):
    g, _ = pair()
    torch.manual_seed(3)
    theirs = torch.nn.functional.dropout(torch.ones(7, 33), p)
    np.testing.assert_array_equal(g.bernoulli((7, 33), 1 - p, np.bool_), theirs.numpy() != 0)
    assert_in_step(g, torch.default_generator)


@needs_portable
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", FLOATS)
def test_exponential(dtype, size):
    g, t = pair()
    for rate in (1, 1.3):
        theirs = torch.empty(size, dtype=dtype).exponential_(rate, generator=t)
        assert_same(g.exponential((size,), rate, FLOATS[dtype]), theirs, 2)
        assert_in_step(g, t)


@pytest.mark.parametrize("size", SIZES[:-1])
@pytest.mark.parametrize("dtype", FLOATS)
def test_other_distributions(dtype, size):
    g, t = pair()
    ours = FLOATS[dtype]
    x = torch.empty(size, dtype=dtype)
    for _ in range(2):
        assert_same(g.log_normal((size,), 0.3, 0.7, ours), x.log_normal_(0.3, 0.7, generator=t), 4)
        assert_same(g.geometric((size,), 0.3, ours), x.geometric_(0.3, generator=t))
        assert_same(g.cauchy((size,), 0, 1, ours), x.cauchy_(0, 1, generator=t), 2)
        assert_same(g.cauchy((size,), 0, 0.7, ours), x.cauchy_(0, 0.7, generator=t), 2)
        assert_in_step(g, t)
    k = torch.empty(size, dtype=torch.int32).geometric_(0.3, generator=t)
    assert_same(g.geometric((size,), 0.3, np.int32), k)


@needs_portable
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("shape", [(5,), (1,), (3, 50), (40, 4)])
def test_multinomial(dtype, shape):
    g, t = pair()
    p = torch.rand(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).to(dtype)
    for n, replacement in ((1, False), (1, True), (2, True), (200, True), (min(shape[-1], 4), False)):
        theirs = torch.multinomial(p, n, replacement, generator=t)
        ours = g.multinomial(array(p), n, replacement)
        assert_in_step(g, t)
        if replacement or n == 1 or dtype in (torch.float32, torch.float64):  # 16-bit candidates tie
            assert_same(ours, theirs)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_rejection(dtype):
    g, t = pair()
    rates = torch.tensor([0, 0.01, 1, 3.3, 9.99, 10, 11.1, 50, 1e3, 1e6], dtype=dtype).repeat(40).reshape(20, 20)
    assert_same(g.poisson(array(rates)), torch.poisson(rates, generator=t))
    assert_in_step(g, t)
    alpha = torch.tensor([0, 1e-3, 0.3, 0.999, 1, 1.5, 20, 1e4], dtype=dtype).repeat(50)
    assert_same(g.standard_gamma(array(alpha)), torch._standard_gamma(alpha, generator=t), 2)
    assert_in_step(g, t)
    count = torch.tensor([0, 1, 5, 100, 1000, 10**6], dtype=dtype).repeat_interleave(6).repeat(10)
    prob = torch.tensor([0, 0.01, 0.3, 0.5, 0.95, 1], dtype=dtype).repeat(60)
    assert_same(g.binomial(array(count), array(prob)), torch.binomial(count, prob, generator=t))
    assert_in_step(g, t)


@needs_portable
@pytest.mark.parametrize("seed", range(8))
def test_mixed_sequences(seed):
    g, t = pair(seed)
    choose = random.Random(seed)
    calls = [
        lambda n: (g.uniform((n,)), torch.rand(n, generator=t)),
        lambda n: (g.uniform((n,), 0, 1, np.float64), torch.rand(n, dtype=torch.float64, generator=t)),
        lambda n: (g.normal((n,)), torch.randn(n, generator=t)),
        lambda n: (g.normal((n,), 0, 1, np.float64), torch.randn(n, dtype=torch.float64, generator=t)),
        lambda n: (g.normal((n,), 0, 1, np.float16), torch.randn(n, dtype=torch.float16, generator=t)),
        lambda n: (g.log_normal((n,)), torch.empty(n).log_normal_(generator=t)),
        lambda n: (g.integers((n,), 0, 99), torch.randint(99, (n,), generator=t)),
        lambda n: (g.permutation(n), torch.randperm(n, generator=t)),
        lambda n: (g.bernoulli((n,), 0.3), torch.empty(n).bernoulli_(0.3, generator=t)),
        lambda n: (g.exponential((n,)), torch.empty(n).exponential_(generator=t)),
    ]
    for _ in range(60):
        ours, theirs = choose.choice(calls)(choose.choice([0, 1, 2, 3, 7, 15, 16, 17, 31, 100, 312, 624, 2000]))
        assert_same(ours, theirs, 4 if theirs.is_floating_point() else 0)
        assert_in_step(g, t)


def test_states_are_exchanged():
    g, t = pair()
    for n in (0, 1, 620, 3, 624, 1000, 5, 1, 7):
        g.normal((n,), 0, 1, np.float64)
        torch.randn(n, dtype=torch.float64, generator=t)
        other = Generator()
        other.set_state(t.get_state().numpy())
        assert_in_step(other, t)
        theirs = torch.Generator()
        theirs.set_state(torch.from_numpy(g.get_state().numpy()))
        assert_same(other.normal((9,)), torch.randn(9, generator=theirs))
        assert_same(other.uniform((700,)), torch.rand(700, generator=theirs))


def test_copies_keep_the_place():
    g = Generator().manual_seed(5)
    g.normal((7,))
    for other in (copy.deepcopy(g), pickle.loads(pickle.dumps(g)), g.clone_state()):
        assert other.initial_seed() == 5
        expected = g.clone_state().normal((1000,), contiguous=False)
        np.testing.assert_array_equal(other.normal((1000,), contiguous=False), expected)
        assert not np.array_equal(other.get_state(), g.get_state())


def test_a_bad_state_is_refused():
    with pytest.raises(RuntimeError, match="5056"):
        Generator().set_state(np.zeros(3, np.uint8))
    with pytest.raises(RuntimeError, match="Mersenne"):
        Generator().set_state(np.zeros(5056, np.uint8))
    with pytest.raises(TypeError):
        Generator().set_state(np.zeros(5056))


X, G = torch.empty(3), Generator()


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (lambda: G.uniform((3,), 2, 1), lambda: X.uniform_(2, 1)),
        (lambda: G.uniform((3,), 0, 1e6, np.float16), lambda: X.half().uniform_(0, 1e6)),
        (lambda: G.uniform((3,), -1e308, 1e308, np.float64), lambda: X.double().uniform_(-1e308, 1e308)),
        (lambda: G.uniform((3,), 0, 1, np.int32), lambda: X.int().uniform_(0, 1)),
        (lambda: G.normal((3,), 0, -1), lambda: X.normal_(0, -1)),
        (lambda: G.normal((3,), 0, 1, np.int32), lambda: X.int().normal_(0, 1)),
        (lambda: G.bernoulli((3,), 1.5), lambda: X.bernoulli_(1.5)),
        (lambda: G.bernoulli((3,), float("nan")), lambda: X.bernoulli_(float("nan"))),
        (lambda: G.bernoulli((1,), np.array([1.5])), lambda: torch.bernoulli(torch.tensor([1.5]))),
        (lambda: G.bernoulli((1,), np.array([1])), lambda: torch.bernoulli(torch.tensor([1]))),
        (lambda: G.exponential((3,), 0), lambda: X.exponential_(0)),
        (lambda: G.geometric((3,), 1), lambda: X.geometric_(1)),
        (lambda: G.cauchy((3,), 0, -1), lambda: X.cauchy_(0, -1)),
        (lambda: G.log_normal((3,), 0, 0), lambda: X.log_normal_(0, 0)),
        (lambda: G.integers((0,), 5, 5), lambda: torch.randint(5, 5, (0,))),
        (lambda: G.integers((3,), 0, 300, np.uint8), lambda: torch.randint(0, 300, (3,), dtype=torch.uint8)),
        (lambda: G.integers((3,), 0, 3, np.bool_), lambda: torch.randint(0, 3, (3,), dtype=torch.bool)),
        (
            lambda: G.integers((3,), 0, 3, np.complex64),
            lambda: torch.randint(0, 3, (3,), dtype=torch.complex64),
        ),
        (lambda: G.random((3,), np.uint16), lambda: torch.empty(3, dtype=torch.uint16).random_()),
        (lambda: G.permutation(-1), lambda: torch.randperm(-1)),
        (lambda: G.poisson(-np.ones(1)), lambda: torch.poisson(-torch.ones(1))),
        (lambda: G.multinomial(np.ones(3), 4), lambda: torch.multinomial(torch.ones(3), 4)),
        (lambda: G.multinomial(np.ones(3), 0), lambda: torch.multinomial(torch.ones(3), 0)),
        (lambda: G.multinomial(np.zeros(3), 2), lambda: torch.multinomial(torch.zeros(3), 2)),
        (lambda: G.multinomial(-np.ones(3), 2, True), lambda: torch.multinomial(-torch.ones(3), 2, True)),
        (lambda: G.multinomial(np.ones(3, int), 2), lambda: torch.multinomial(torch.ones(3).long(), 2)),
        (lambda: G.multinomial(np.ones((1, 1, 3)), 2), lambda: torch.multinomial(torch.ones(1, 1, 3), 2)),
    ],
)
def test_errors(ours, theirs):
    with pytest.raises(Exception) as expected:
        theirs()
    with pytest.raises(expected.type):
        ours()


def test_results_are_new_arrays():
    g = Generator().manual_seed(1)
    draws = [g.uniform, g.normal, g.exponential, g.bernoulli, g.random, lambda s: g.integers(s, 0, 2**32)]
    for draw in draws:
        for shape in [(), (3,), (2, 3), (0, 4)]:
            x = draw(shape)
            assert type(x) is np.ndarray and x.shape == shape and x.flags.writeable
            state = g.get_state()
            x[...] = 0
            g.uniform((1,))
            twin = Generator()
            twin.set_state(state)
            twin.uniform((1,))
            np.testing.assert_array_equal(twin.get_state(), g.get_state())
            np.testing.assert_array_equal(twin.uniform((1000,)), g.uniform((1000,)))
