"""Large arrays: native kernels give what NumPy gives, one kernel serves all sizes, and what cannot be one is NumPy's to do."""

import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

pytest.importorskip("llvmlite")

import pedigrad as torch
from pedigrad.codegen.emit import llvm
from pedigrad.codegen.runtime import memory, pool
from pedigrad.eager import kernels as kernels
from pedigrad.eager import native
from pedigrad.nn import functional as F


@pytest.fixture(autouse=True)
def afresh(monkeypatch):
    """Nothing is known of ops yet; the number of threads is put back."""
    for name in ("_kernels", "_known", "_reasons", "_values"):
        monkeypatch.setattr(native, name, {})
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def by_numpy(monkeypatch):
    """A way to run a function as if there were no kernels."""

    def run(function, *args):
        with monkeypatch.context() as patch:
            patch.setattr(native, "_run", lambda *_: None)
            return function(*args)

    return run


def numbers(*shape, dtype=np.float32, seed=0):
    x = np.random.default_rng(seed).standard_normal(shape)
    return np.asarray(x * 10 if np.dtype(dtype).kind in "iu" else x, dtype)


def with_gradients(function, arrays):
    """What a function of tensors gives, and the gradients of a weighted sum of that."""
    tensors = [torch.from_numpy(a.copy()) for a in arrays]
    for x in tensors:
        if x.is_floating_point():
            x.requires_grad_()
    y = function(*tensors)
    if y.requires_grad:
        y.backward(torch.from_numpy(numbers(*y.shape, dtype=y.detach().numpy().dtype, seed=9)))
    return [y.detach().numpy(), *(None if x.grad is None else x.grad.numpy() for x in tensors)]


def compare(one, other, factor=1.0):
    for a, b in zip(one, other, strict=True):
        if a is None or b is None:
            assert a is b
            continue
        assert a.dtype == b.dtype and a.shape == b.shape
        if a.dtype.kind != "f":
            np.testing.assert_array_equal(a, b)
            continue
        near = factor * (1e-5 if a.dtype == np.float32 else 1e-12)
        np.testing.assert_allclose(a, b, rtol=near, atol=near * max(1.0, float(np.abs(b).max())))


def names():
    return {key[0] for key, made in native._kernels.items() if made is not None}


ELEMENTWISE = {
    "tanh": torch.tanh, "relu": torch.relu, "sigmoid": torch.sigmoid, "silu": F.silu, "exp": torch.exp, "abs": torch.abs,
    "log": lambda x: torch.log(torch.abs(x) + 0.5), "gelu": F.gelu, "gelu of tanh": lambda x: F.gelu(x, approximate="tanh"),
    "clamp": lambda x: torch.clamp(x, -0.5, 0.7), "scalars": lambda x: (x * 2.0 + 1.0) / 3.0 - x, "double": lambda x: x.double(),
    "int": lambda x: x.int(), "compare": lambda x: (x > 0.3) & (x <= 1.5) | (x == 0), "leaky_relu": lambda x: F.leaky_relu(x, 0.1),
}  # fmt: skip
REDUCTIONS = {
    "sum": torch.sum, "mean": torch.mean, "amax": torch.amax, "amin": torch.amin, "var": torch.var, "logsumexp": torch.logsumexp,
}  # fmt: skip
SHAPES = [(131101,), (521, 263), (23, 31, 13, 19), (5, 6, 7, 41, 23), (400, 400)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_elementwise(name, dtype, by_numpy):
    for shape in SHAPES[:: 2 if dtype == "float64" else 1]:
        x = [numbers(*shape, dtype=dtype)]
        compare(with_gradients(ELEMENTWISE[name], x), by_numpy(with_gradients, ELEMENTWISE[name], x))
    assert names() or name in ("int", "double", "compare", "scalars"), native.report()


@pytest.mark.parametrize("dims", [0, 1, -1, (0, 2), (0, 1, 2)])
@pytest.mark.parametrize("name", REDUCTIONS)
def test_reductions(name, dims, by_numpy):
    def function(x):
        return REDUCTIONS[name](x, dims)

    for dtype in ("float32", "float64"):
        x = [numbers(67, 41, 53, dtype=dtype)]
        compare(with_gradients(function, x), by_numpy(with_gradients, function, x), 4.0)
    assert names() or (name == "var" and "left open" in native.report()["var"])  # one element less than there are


@pytest.mark.parametrize("threads", (1, 2))
@pytest.mark.parametrize("shape", ((41, 7, 300), (3, 67, 521), (530, 31, 5), (2, 9000, 4), (40, 2, 1000), (5, 6, 7, 331)))
@pytest.mark.parametrize("dtype", (np.float32, np.float64, np.int64))
def test_reductions_over_an_axis_that_is_not_along_memory(shape, threads, dtype, by_numpy):
    """Points of the axis along memory are taken together: as many as fit, the rest, and fewer than a vector."""
    torch.set_num_threads(threads)
    functions = [lambda x: x.sum(1), lambda x: x.amax(1), lambda x: x.amin(-2)]
    if np.dtype(dtype).kind == "f":
        functions += [
            lambda x: x.var(1),
            lambda x: torch.softmax(x, 1),
            lambda x: (x * x - x).exp().mean(1),
            lambda x: x - x.mean(1, keepdim=True),
        ]
    for function in functions:
        given = [numbers(*shape, dtype=dtype)]
        compare(with_gradients(function, given), by_numpy(with_gradients, function, given), 32.0)


@pytest.mark.parametrize("threads", (1, 2))
@pytest.mark.parametrize("dtype", (np.float32, np.float64, np.int64))
def test_columns_of_any_number_of_rows(threads, dtype, by_numpy):
    """Several rows are added up together, then those that are left; in programs, which know their sizes, there may be none of either."""
    torch.set_num_threads(threads)
    functions = [lambda x: x.sum(0), lambda x: x.amax(0), lambda x: (x * x - x).sum(0), lambda x: x.prod(0)]
    for rows in range(1, 20):
        for function in functions:
            x, compiled = torch.from_numpy(numbers(rows, 5, 3, dtype=dtype)), torch.compile(lambda x, function=function: function(x) * 2)
            for _ in range(4):
                found = compiled(x)
            compare([found.numpy()], [(function(x) * 2).numpy()], 4.0)
    for rows in range(400, 409):
        for function in functions[:3]:
            x = [numbers(rows, 701, dtype=dtype)]
            compare(with_gradients(function, x), by_numpy(with_gradients, function, x), 4.0)


def test_steps_of_one_kernel_take_lanes_together():
    """What several reductions of one kernel need of each other is known lane by lane."""

    def standard(x):
        centred = x - x.mean(1, keepdim=True)
        return centred / (centred.pow(2).mean(1, keepdim=True) + 1e-5).sqrt() * x.amax(1, keepdim=True)

    compiled = torch.compile(standard)
    for _ in range(3):
        x = torch.from_numpy(numbers(3, 40, 600))
        compare([compiled(x).numpy()], [standard(x).numpy()], 8.0)
    assert "compiled" in str(compiled.explain())


def test_whole_reductions_and_whole_numbers(by_numpy):
    n = numbers(17, 73, 137, dtype=np.int64)
    cases = [torch.sum, torch.max, torch.min, lambda x: x.sum(0), lambda x: x.amax(1), lambda x: x * x - x, lambda x: -x, torch.abs]
    for function in [*cases, lambda x: x.float(), lambda x: (x > 3).sum(1), lambda x: x // 3]:
        compare(with_gradients(function, [n]), by_numpy(with_gradients, function, [n]))
    for function in (torch.sum, torch.mean, torch.max, lambda x: torch.var(x), lambda x: torch.std(x, 1)):
        x = [numbers(17, 73, 137)]
        compare(with_gradients(function, x), by_numpy(with_gradients, function, x), 4.0)


@pytest.mark.parametrize("shape", [(521, 263), (65537, 2), (13, 11003), (43, 59, 61)])
def test_softmaxes(shape, by_numpy):
    x = [numbers(*shape)]
    for dim in (0, -1):
        for function in (F.softmax, F.log_softmax):
            compare(with_gradients(lambda x: function(x, dim), x), by_numpy(with_gradients, lambda x: function(x, dim), x), 4.0)  # noqa: B023
    assert {"softmax", "log_softmax", "softmax.grad"} <= names(), native.report()


@pytest.mark.parametrize("options", [{}, {"reduction": "sum"}, {"reduction": "none"}, {"label_smoothing": 0.1}, {"ignore_index": 3}])
def test_cross_entropy(options, by_numpy):
    classes = np.random.default_rng(1).integers(0, 263, 521)
    classes[5:9] = 3

    def function(x, target):
        return F.cross_entropy(x, target, **options)

    compare(with_gradients(function, [numbers(521, 263), classes]), by_numpy(with_gradients, function, [numbers(521, 263), classes]), 4.0)


def test_layer_norm(by_numpy):
    for shape, dtype in (((521, 263), "float32"), ((7, 151, 149), "float32"), ((2053, 8, 9), "float64")):
        given = [numbers(*shape, dtype=dtype), numbers(shape[-1], dtype=dtype, seed=1), numbers(shape[-1], dtype=dtype, seed=2)]

        def function(x, w, b):
            return F.layer_norm(x, (x.shape[-1],), w, b)

        compare(with_gradients(function, given), by_numpy(with_gradients, function, given), 8.0)
    assert "native_layer_norm" in names(), native.report()


@pytest.mark.parametrize("training", [True, False])
def test_batch_norm(training, by_numpy):
    def function(x, w, b):
        mean, var = torch.zeros(17), torch.ones(17)
        y = F.batch_norm(x, mean, var, w, b, training)
        return y + (mean * var).sum()

    for shape in ((67, 17, 9, 11), (4099, 17)):
        given = [numbers(*shape), numbers(17, seed=1), numbers(17, seed=2)]
        compare(with_gradients(function, given), by_numpy(with_gradients, function, given), 16.0)


@pytest.mark.parametrize(
    "shapes", [((521, 263), (263,)), ((521, 263), (521, 1)), ((1, 263), (521, 263)), ((521, 263), ()), ((19, 1, 8192), (19, 3, 1))]
)
def test_broadcasting(shapes, by_numpy):
    given = [numbers(*shapes[0]), numbers(*shapes[1], seed=1)]
    given[1] += np.float32(3)
    for function in (torch.add, torch.sub, torch.mul, torch.div, torch.maximum, lambda x, y: torch.where(x > y - 3, x, y)):
        compare(with_gradients(function, given), by_numpy(with_gradients, function, given), 8.0)


def test_one_kernel_for_all_sizes(by_numpy):
    def function(x, y):
        return F.softmax(torch.tanh(x) * y, -1).mean(0)

    given = [[numbers(n, m), numbers(m, seed=1)] for n, m in ((521, 411), (2009, 67), (523, 409), (2021, 73))]
    compare(with_gradients(function, given[0]), by_numpy(with_gradients, function, given[0]), 4.0)
    count = len(native._kernels)
    assert count > 3
    for each in given[1:]:
        compare(with_gradients(function, each), by_numpy(with_gradients, function, each), 4.0)
    assert len(native._kernels) == count
    compare(
        with_gradients(function, [numbers(400, 400), numbers(400)]),
        by_numpy(with_gradients, function, [numbers(400, 400), numbers(400)]),
        4.0,
    )
    assert len(native._kernels) > count  # sizes that are equal are another kind


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("shape", [(8, 8, 8, 8), (3, 12, 11, 12), (2, 3, 4, 5, 6, 7)])
def test_small_sizes_alone_of_which_none_is_left_open(shape, threads, by_numpy):
    torch.set_num_threads(threads)
    for function in (F.gelu, lambda x: F.softmax(x, -1), lambda x: F.layer_norm(x, shape[-2:])):
        compare(with_gradients(function, [numbers(*shape)]), by_numpy(with_gradients, function, [numbers(*shape)]), 8.0)
    assert {"gelu", "softmax.grad", "native_layer_norm"} <= names()


@pytest.mark.parametrize(("shape", "groups"), [((16, 24, 6, 6), 8), ((5, 12, 10, 8), 3), ((40, 128), 4), ((3, 20, 7, 5, 3), 20)])
def test_group_norm(shape, groups, by_numpy):
    def function(x, weight, bias):
        return F.group_norm(x, groups, weight, bias)

    given = [numbers(*shape), numbers(shape[1], seed=1), numbers(shape[1], seed=2)]
    compare(with_gradients(function, given), by_numpy(with_gradients, function, given), 8.0)
    assert {"group_normalized", "group_normal_grads"} <= names()


def test_arrays_that_kernels_do_not_take(by_numpy):
    x = numbers(600, 700)
    for strange in (x[::2], x.T, x[:, ::-1]):
        compare([torch.tanh(torch.from_numpy(strange)).numpy()], [np.tanh(strange)])
    swapped = numbers(70000).astype(">f4")
    np.testing.assert_allclose(np.asarray(torch.exp(swapped), np.float32), np.exp(swapped.astype("f4")), rtol=1e-6)
    moved = np.frombuffer(b"x" + numbers(70000).tobytes(), np.uint8)[1:].view(np.float32)
    compare([np.asarray(torch.exp(moved))], [np.exp(moved)])
    assert not native._kernels
    for dtype in (torch.float16, torch.bfloat16, torch.complex64):
        torch.tanh(torch.from_numpy(x).to(dtype))
    torch.tanh(torch.from_numpy(x))
    assert "tanh" in names() and "tanh" not in native.report()


def test_attributes_are_not_taken_for_sizes():
    for n in (70000, 80000):
        x = torch.arange(n).float()
        assert float(F.hardtanh(x, 0.0, n - 10).max()) == n - 10
        assert F.threshold(x, n, 5.0).max() == 5
        assert float(F.hardtanh(x, 0, n).max()) == n - 1
    for value in (1.0, float("nan"), float("nan")):
        count = len(native._kernels)
        F.threshold(x, 9.0, value)
    assert len(native._kernels) == count  # nan is the same as itself


def test_indices_out_of_range_are_numpys_to_refuse():
    x, classes = torch.from_numpy(numbers(300, 700)), np.zeros(300, np.int64)
    for wrong in (700, -701, 10**13, -(10**13)):
        classes[7] = wrong
        with pytest.raises(IndexError):
            F.cross_entropy(x, torch.from_numpy(classes))
    classes[7] = 699
    assert torch.isfinite(F.cross_entropy(x, torch.from_numpy(classes)))
    assert "cross_entropy_loss" in names(), native.report()


def test_numbers_at_the_edges(by_numpy):
    """As NumPy has them: casts of negative numbers to unsigned ones, quotients of and by zeros and infinities."""
    x = np.tile(np.array([-5.5, 0, 3.7, 200, 300, -129, 70000, -70000], np.float32), 20000)
    for name in "uint8 int8 int16 int32 int64 bool".split():
        kind = getattr(torch, name)
        assert np.array_equal(torch.from_numpy(x).to(kind).numpy(), by_numpy(lambda x, kind=kind: torch.from_numpy(x).to(kind).numpy(), x))
    edges = np.array([0, -0.0, 1, -1, 2.5, -7, 1e30, np.inf, -np.inf, np.nan, 5e-324])
    x, y = (torch.from_numpy(np.tile(each.ravel(), 1200)) for each in np.meshgrid(edges, edges))
    for function in (torch.floor_divide, torch.remainder, torch.fmod, torch.maximum, torch.hypot, torch.atan2):
        one, other = function(x, y).numpy(), by_numpy(function, x, y).numpy()
        np.testing.assert_allclose(one, other, rtol=1e-15)
        zeros = (other == 0) & (function is not torch.maximum)  # of 0.0 and -0.0 NumPy takes one or the other, as the processor has it
        assert np.array_equal(np.signbit(one[zeros]), np.signbit(other[zeros]))
    assert {"cast", "floor_divide", "remainder"} <= names()


@pytest.mark.parametrize("way", ["eager", "native", "compiled"])
@pytest.mark.parametrize("name", "relu relu6 elu celu selu leaky_relu hardtanh gelu silu hardswish tanhshrink".split())
def test_activations_keep_the_sign_of_zero(name, way):
    """As PyTorch's do: after them `x ** 0.5` or `1 / x` would be infinite to the other side."""
    function = getattr(torch.nn.functional, name)
    x = torch.tensor([-0.0, 0.0] * (50_000 if way == "native" else 20))
    function = torch.compile(function) if way == "compiled" else function
    for _ in range(4):
        result = function(x)
    expected = torch.zeros_like(x).bool() if name == "tanhshrink" else torch.signbit(x)
    assert torch.equal(torch.signbit(result), expected)


def test_operands_that_do_not_fit_do_not_spoil_an_op():
    for n in range(301, 308):
        with pytest.raises(RuntimeError, match=r"must match the size|broadcast"):
            torch.add(torch.ones(300, 700), torch.ones(n, 700))
    assert "add" in native.report()


@pytest.mark.parametrize("threads", [1, 2, 3, 1000])
def test_threads(threads):
    torch.set_num_threads(threads)
    x = numbers(521, 1031)
    results = [
        [f(torch.from_numpy(x)).numpy() for f in (torch.exp, torch.sum, lambda x: x.sum(0), lambda x: F.softmax(x, 0))] for _ in range(3)
    ]
    for again in results[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(results[0], again, strict=True))
    wide = x.astype(np.float64)
    exact = [np.exp(wide), wide.sum(), wide.sum(0), np.exp(wide) / np.exp(wide).sum(0)]
    for a, b in zip(results[0], exact, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-4)
    assert {key[3] for key in native._kernels} == {threads}


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_results_written_past_the_caches(dtype, threads, monkeypatch):
    torch.set_num_threads(threads)
    functions = [torch.exp, F.gelu, torch.Tensor.double, torch.Tensor.int, lambda x: x * 2.0 + x, lambda x: F.softmax(x, -1)]
    functions += [lambda x: F.softmax(x, 0), lambda x: F.layer_norm(x, x.shape[-1:], weights(x)), lambda x: x > 0.5]

    def weights(x):
        return torch.from_numpy(numbers(x.shape[-1], dtype=dtype, seed=1))

    def results():
        found = []
        for shape in [(131_088,), (512, 272), (16, 48, 176), (4, 40_960)]:  # one after the other: they share most kernels
            x = numbers(*shape, dtype=dtype)
            for function in functions:
                leaf = torch.from_numpy(x).requires_grad_()
                out = function(leaf)
                found.append(out.detach().numpy())
                if out.requires_grad:
                    (out * out).sum().backward()
                    found.append(leaf.grad.numpy())
        return found

    plain = results()
    monkeypatch.setattr(kernels, "STREAM", 1)
    monkeypatch.setattr(memory, "LARGE", 1)
    native._kernels.clear()
    native._known.clear()
    texts, load = [], llvm.load
    monkeypatch.setattr(llvm, "load", lambda text, *args, **options: (texts.append(text), load(text, *args, **options))[1])
    streamed = results()
    assert any("!nontemporal" in text for text in texts) or not llvm.can_stream()
    for one, other in zip(plain, streamed, strict=True):
        np.testing.assert_array_equal(one, other)


def test_where_no_thread_can_be_started_results_are_the_same(monkeypatch):
    torch.set_num_threads(2)
    x, functions = numbers(521, 1031), (torch.exp, torch.sum, lambda x: x.sum(0))
    expected = [function(torch.from_numpy(x)).numpy() for function in functions]
    pool.close()
    monkeypatch.setattr(pool, "_gather", lambda threads: False)
    before = pool.counts()["alone"]
    for function, result in zip(functions, expected, strict=True):
        np.testing.assert_array_equal(function(torch.from_numpy(x)).numpy(), result)
    assert pool.counts()["alone"] > before


def test_without_llvmlite(monkeypatch):
    def missing():
        raise ImportError("no llvmlite")

    monkeypatch.setattr(native, "_tools", missing)
    x = numbers(300, 700)
    assert np.array_equal(torch.tanh(torch.from_numpy(x)).numpy(), np.tanh(x))
    p = torch.nn.Parameter(torch.from_numpy(x.copy()))
    p.grad = torch.ones_like(p)
    torch.optim.Adam([p], lr=0.5).step()
    np.testing.assert_allclose(p.detach().numpy(), x - 0.5, atol=1e-6)
    assert not native._kernels


def test_random_numbers_are_the_same_at_the_first_call_and_later():
    x, drawn = torch.ones(400, 400), []
    for _ in range(3):
        torch.manual_seed(5)
        drawn.append(F.dropout(x, 0.4).numpy())
    assert np.array_equal(drawn[0], drawn[1]) and np.array_equal(drawn[1], drawn[2])
    assert native.report()["dropout"] == "the op makes random numbers"


# Optimizers

OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.01),
    "nesterov": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, maximize=True),
    "adam": lambda p: torch.optim.Adam(p, lr=0.01),
    "amsgrad": lambda p: torch.optim.Adam(p, lr=0.01, amsgrad=True, maximize=True, weight_decay=0.1),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1, betas=(0.8, 0.99)),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.01, momentum=0.5, centered=True),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers(name, dtype, monkeypatch):
    def trained():
        p = torch.nn.Parameter(torch.from_numpy(numbers(331, 337, dtype=dtype)))
        optimizer = OPTIMIZERS[name]([p])
        for step in range(4):
            optimizer.param_groups[0]["lr"] = 0.1 / (step + 2)
            p.grad = torch.from_numpy(numbers(331, 337, dtype=dtype, seed=step))
            optimizer.step()
        return p.detach().numpy(), [s.numpy() for s in optimizer.state[p].values() if isinstance(s, torch.Tensor)]

    p, state = trained()
    made = [key for key, each in native._kernels.items() if each is not None]
    assert len(made) == 1 and made[0][0].startswith("pedigrad.optim"), native.report()  # one for all learning rates
    monkeypatch.setattr(native.Updates, "add", lambda *_: False)
    for one, other in zip([p, *state], [trained()[0], *trained()[1]], strict=True):
        near = 1e-6 if dtype == "float32" else 1e-13
        np.testing.assert_allclose(one, other, rtol=near, atol=near)


def test_options_in_pairs_that_change_need_no_other_kernel():
    p = torch.nn.Parameter(torch.ones(400, 400))
    optimizer = torch.optim.Adam([p])
    for beta in (0.9, 0.8, 0.85, 0.95):
        optimizer.param_groups[0]["betas"] = (beta, 0.99)
        p.grad = torch.ones(400, 400)
        optimizer.step()
    assert len(native._kernels) == 1


# What is refused


def refused(function, *arrays):
    sizes = {}
    kinds = native._tools().pattern(arrays, sizes)
    with pytest.raises(kernels.Unsuitable) as why:
        kernels.Native(lambda *a, sizes: function(*a), kinds, len(sizes), 1)
    return str(why.value)


def test_bounds_that_change_need_no_other_kernel(by_numpy):
    given = [numbers(301, 307), numbers(301, 307, seed=1)]
    for function in (
        lambda t: lambda x, y: x.clamp(-t, t),
        lambda t: lambda x, y: torch.lerp(x, y, t),
        lambda t: lambda x, y: x.clamp_min(t),
    ):
        compare(with_gradients(function(0.25), given), by_numpy(with_gradients, function(0.25), given))
        count = len(native._kernels)
        for t in (0.5, 0.75, 1, 0.1, 0.0, 3.5e37):
            compare(with_gradients(function(t), given), by_numpy(with_gradients, function(t), given))
        assert len(native._kernels) == count


def test_a_number_that_is_another_one_in_each_call_is_not_compiled_for(by_numpy, monkeypatch):
    monkeypatch.setattr(native, "OFTEN", 5)
    x = [numbers(301, 307)]

    def function(slope):
        return lambda x: F.leaky_relu(x, slope)

    for i in range(3 * native.MOST_VALUES):
        compare(with_gradients(function(i / 100), x), by_numpy(with_gradients, function(i / 100), x))
    assert len(native._kernels) == 2 * native.MOST_VALUES  # of the function and its gradient
    for _ in range(native.OFTEN):  # the last of them turns out to be one that stays
        compare(with_gradients(function(i / 100), x), by_numpy(with_gradients, function(i / 100), x))
    assert len(native._kernels) == 2 * native.MOST_VALUES + 2


def test_what_depends_on_the_sizes_in_a_way_that_cannot_be_left_open():
    cannot = "in a way that cannot be left open"
    x = numbers(300, 700)
    assert cannot in refused(lambda x: x * (x.shape[0] + 1.0), x)
    assert cannot in refused(lambda x: x / np.sqrt(float(x.shape[1])), x)
    assert cannot in refused(lambda x: x[: x.shape[0] // 2] * 2.0, x)
    assert cannot in refused(lambda x: x * (2.0 if x.shape[0] % 4 == 1 else 3.0), x)
    assert cannot in refused(lambda x: x * 113.0, x)  # one of the stand-ins


def test_what_is_no_loop_over_elements():
    x = numbers(400, 400)
    assert "dot" in refused(lambda x: np.matmul(x, x), x)
    assert "sort()" in refused(lambda x: np.sort(x), x)
    assert "makes arrays" in refused(lambda x: x + np.random.default_rng(0).random(x.shape), x)
    assert "wants to know" in refused(lambda x: x * float(np.sum(x)), x)
    assert "sizes" in refused(lambda *a: a[0], numbers(13, 14, 15), numbers(16, 17, 18))


def test_nothing_is_called_on_arrays_that_stand_in_for_others(monkeypatch):
    """Sizes that follow from one another, as those of a convolution do, do not where others stand in for them."""
    asked, convolve = [], native.convolve
    monkeypatch.setattr(native, "convolve", lambda x, *rest: (asked.append(x.shape), convolve(x, *rest))[1])
    x = torch.randn(4, 16, 60, 50, requires_grad=True)
    weight = torch.randn(24, 16, 3, 3, requires_grad=True)
    F.conv2d(x, weight).backward(torch.randn(4, 24, 58, 48))
    assert set(asked) == {(4, 16, 60, 50), (4, 24, 58, 48)}


def test_a_branch_on_an_element_is_checked_in_every_run():
    def function(x, sizes):
        return x * 2.0 if np.sum(x) > 0 else x

    x, sizes = np.ones(300), {}
    made = kernels.Native(function, kernels.pattern([x], sizes), len(sizes), 1)
    assert np.array_equal(made.of_sizes(tuple(sizes))([x])[0], x * 2.0)
    assert made.of_sizes(tuple(sizes))([-x]) is None


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_parameters_with_one_kernel_are_updated_in_one_call(name, monkeypatch):
    sizes = (70_001, 66_000, 81_234)
    starts = [numbers(n, seed=n) for n in sizes]
    runs = []
    monkeypatch.setattr(pool, "run", lambda *args, run=pool.run: (runs.append(args), run(*args))[1])

    def trained(groups):
        parameters = [torch.nn.Parameter(torch.from_numpy(start.copy())) for start in starts]
        optimizers = [OPTIMIZERS[name]([parameters[i] for i in group]) for group in groups]
        for step in range(3):
            for p, n in zip(parameters, sizes, strict=True):
                p.grad = torch.from_numpy(numbers(n, seed=step))
            runs.clear()
            for optimizer in optimizers:
                optimizer.step()
        return [p.detach().numpy() for p in parameters], len(runs)

    together, once = trained([(0, 1, 2)])
    apart, thrice = trained([(0,), (1,), (2,)])
    assert (once, thrice) == (1, 3)
    for one, other in zip(together, apart, strict=True):
        np.testing.assert_array_equal(one, other)


def test_parameters_that_overlap_are_updated_one_after_the_other():
    whole, g = numbers(200_000), [numbers(140_000, seed=1), numbers(140_000, seed=2)]
    expected = whole.copy()
    for part, each in zip((slice(0, 140_000), slice(60_000, 200_000)), g, strict=True):
        expected[part] -= np.float32(0.29) * each
    memory_of_all = torch.from_numpy(whole)
    parts = [memory_of_all[:140_000].requires_grad_(), memory_of_all[60_000:].requires_grad_()]
    for part, each in zip(parts, g, strict=True):
        part.grad = torch.from_numpy(each)
    torch.set_num_threads(2)
    optimizer = torch.optim.SGD(parts, lr=0.1, momentum=0.9)
    for _ in range(2):
        optimizer.step()
    np.testing.assert_allclose(whole, expected, rtol=1e-5, atol=1e-6)
    assert any(key[0].startswith("pedigrad.optim") for key in native._kernels)


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint32, np.uint64])
@pytest.mark.parametrize("old", [np.float32, np.float64])
def test_floats_that_no_integer_holds_become_what_numpy_makes_of_them(dtype, old):
    special = [np.nan, np.inf, -np.inf, 1e10, -1e10, 1e19, -1e19, 300.7, -300.7, 3e9, 2.0**31, -(2.0**31), 2.0**63, 2.0**64, 0.5, -0.5]
    x = np.resize(np.array(special, old), 131_100)
    with np.errstate(all="ignore"):
        expected = x.astype(dtype)
    np.testing.assert_array_equal(torch.from_numpy(x).to(torch.from_numpy(np.zeros(1, dtype)).dtype).numpy(), expected)


@pytest.mark.parametrize(("said", "threads"), [("1", 1), ("3,2", 3), ("0", None), ("many", None)])
def test_threads_are_as_many_as_omp_num_threads_says(said, threads):
    text = "import pedigrad; print(pedigrad.get_num_threads())"
    found = [
        int(subprocess.run([sys.executable, "-c", text], env=environment, check=True, capture_output=True, text=True).stdout)
        for environment in ({**os.environ, "OMP_NUM_THREADS": said}, {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"})
    ]
    assert found[0] == (found[1] if threads is None else threads)


def test_operations_of_many_passes_are_kernels_from_fewer_elements_on():
    x = torch.randn(64, 64, requires_grad=True)
    F.gelu(x).backward(torch.ones(64, 64))
    assert names() == {"gelu", "gelu.grad"}


def test_what_runs_a_call_is_known_by_its_signature_alone(by_numpy, monkeypatch):
    monkeypatch.setattr(native, "MOST_KNOWN", 3)
    for shape in ((64, 64), (32, 128), (64, 64), (4096,), (2, 2048)):
        for slope in (0.0, -0.0, 1.0):
            x = torch.randn(shape)
            assert torch.equal(F.gelu(x), F.gelu(x.clone()))
            one, other = (
                F.elu(x.repeat(4, *[1] * (x.ndim - 1)), slope),
                by_numpy(lambda x, a=slope: F.elu(x.repeat(4, *[1] * (x.ndim - 1)), a), x),
            )
            torch.testing.assert_close(one, other)
            assert one.shape == (4 * shape[0], *shape[1:]) and len(native._known) <= 3
    assert {"gelu", "elu"} <= names()


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(("dtype", "kind"), [(torch.float32, torch.int64), (torch.float64, torch.int32)])
@pytest.mark.parametrize("width", [8, 33, 200])
def test_rows_are_added_in_their_order(dtype, kind, width, threads, monkeypatch):
    ran, add_rows = [], native.add_rows
    monkeypatch.setattr(native, "add_rows", lambda *args: ran.append(add_rows(*args)) or ran[-1])
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        rows, x = torch.randint(0, 50, (600,)).to(kind), torch.randn(600, width, dtype=dtype)
        found = torch.zeros(50, width, dtype=dtype).index_add(0, rows, x).numpy()
    finally:
        torch.set_num_threads(before)
    wanted = np.zeros((50, width), found.dtype)
    np.add.at(wanted, rows.numpy(), x.numpy())
    assert np.array_equal(found, wanted) and ran == [True]


def test_gradients_of_rows_that_are_named_from_the_end_are_added_where_they_came_from():
    table = torch.randn(300, 20, requires_grad=True)
    rows = torch.randint(-300, 300, (500,))
    table[rows].sum().backward()
    assert torch.equal(table.grad[:, 0], torch.bincount(rows % 300, minlength=300).float())


@pytest.mark.parametrize("order, wanted", [(0, None), (1, 1.0)])
def test_rules_that_compute_nothing_have_nothing_to_run(order, wanted):
    x = torch.ones(400, 400, requires_grad=True)
    torch.linalg.vector_norm(x, order).backward()
    assert x.grad is None or torch.equal(x.grad, torch.full((400, 400), wanted or 0.0))


@pytest.mark.parametrize("size, pad", [((200_000,), (0, 1)), ((200_000,), (2, 0)), ((200_000,), (0, -3)), ((450, 450), (0, 0, 0, 1))])
def test_sizes_of_results_that_are_no_product_of_sizes_are_numpys(size, pad):
    x = numbers(*size)
    found = F.pad(torch.from_numpy(x), pad).numpy()
    wide = np.pad(x, [(max(0, pad[-2]), max(0, pad[-1])), *[(0, 0)] * (x.ndim - 1)])
    np.testing.assert_array_equal(found, wide[: len(x) + sum(pad)])


def test_calls_of_many_sizes_know_theirs_afterwards(monkeypatch):
    monkeypatch.setattr(kernels, "MOST_PREPARED", 2)
    sizes = range(5000, 5100)
    for n in (*sizes, *sizes):
        x = numbers(n)
        np.testing.assert_allclose(F.mish(torch.from_numpy(x)).numpy(), x * np.tanh(np.log1p(np.exp(x))), rtol=1e-5, atol=1e-6)
    [made] = [made for made in native._kernels.values() if made is not None]
    assert len(made.ready) <= 2 and len(native._known) == len(sizes)


def test_a_thread_waits_for_what_another_compiles(monkeypatch):
    begun, written = threading.Event(), kernels.Written

    def slowly(*args):
        begun.set()
        time.sleep(0.2)
        return written(*args)

    monkeypatch.setattr(kernels, "Written", slowly)
    x = torch.randn(90, 90)
    with ThreadPoolExecutor(2) as threads:
        one = threads.submit(F.mish, x)
        assert begun.wait(60)
        other = threads.submit(F.mish, x)
        assert torch.equal(one.result(), other.result()) and torch.equal(one.result(), F.mish(x))


def test_an_operation_within_its_own_compilation_is_numpys_and_that_alone():
    """A signal's handler runs in the midst of it."""
    x, y, seen, written = torch.randn(70, 70), torch.randn(80, 80), [], kernels.Written

    def interrupted(*args):
        if not seen:
            seen.append(F.mish(y))
        return written(*args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernels, "Written", interrupted)
        F.mish(x)
    torch.testing.assert_close(F.mish(y), seen[0])
    assert names() == {"mish"} and native._nothing not in native._known.values()


LOCKS = """
import os, sys, threading, time
import numpy as np
import pedigrad as torch
from pedigrad.core import locks
from pedigrad.codegen.runtime import pool
from pedigrad.nn import functional as F

torch.set_num_threads(2)
x, others = torch.randn(200, 200), []

def compiling():
    with locks.undivided:
        held.set()
        time.sleep(0.5)
        F.mish(x)

F.mish(x)
if sys.argv[1] == "fork":
    meanwhile = os.fork
else:
    pool._caller.cache_clear()
    pool._worker.cache_clear()
    meanwhile = lambda: F.mish(x).sum() and 1
held = threading.Event()
thread = threading.Thread(target=compiling)
thread.start()
held.wait()
if not meanwhile():
    os._exit(0)
thread.join()
if sys.argv[1] == "fork":
    assert os.wait()[1] == 0
print("done")
"""


@pytest.mark.parametrize("kind", ["load", pytest.param("fork", marks=pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks"))])
def test_a_thread_that_runs_something_while_it_compiles_does_not_wait_for_one_that_waits_for_it(kind):
    environment = {**os.environ, "PEDIGRAD_NATIVE_FROM": "1"}
    ran = subprocess.run([sys.executable, "-c", LOCKS, kind], env=environment, capture_output=True, text=True, timeout=120)
    assert ran.stdout == "done\n", ran.stderr


@pytest.mark.parametrize("kind", [np.uint8, np.int8, np.bool_])
@pytest.mark.parametrize("function", [np.log, np.sqrt, np.exp, np.sin])
def test_functions_of_bytes_are_16_bit_floats_computed_in_float32(function, kind):
    x = numbers(300, 500, dtype=kind)

    def widened(x):
        return function(x).astype(np.float32)

    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(native.computed(widened, (x,)), widened(x))
        half = np.finfo(np.float16).eps  # of what NumPy rounds, and what is computed in float32 to its own last digits
        torch.testing.assert_close(
            torch.xlogy(torch.ones(300, 500), torch.from_numpy(x)).numpy(), np.log(x.astype(np.float32)), rtol=half, atol=0, equal_nan=True
        )
