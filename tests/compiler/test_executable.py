"""Executables: programs as native code give what NumPy gives, by one thread and by two."""

import numpy as np
import pytest

import pedigrad.codegen.frontend.rules_index  # noqa: F401  (what NumPy functions become)
from pedigrad.codegen.emit import llvm
from pedigrad.codegen.frontend.trace import Untraceable, traced
from pedigrad.codegen.ir.interpreter import interpreted
from pedigrad.codegen.ir.kernel import Kernel
from pedigrad.codegen.runtime import executable, pool
from pedigrad.codegen.runtime.executable import Executable, GuardFailed

THREADS = pytest.mark.parametrize("threads", [1, 2])


def numbers(*shape, dtype=np.float64, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def compiled(function, arrays, threads=1, **options):
    """The executable of a function, traced on other numbers than `arrays`."""
    trace, _ = traced(function, *[a * a.dtype.type(0.5) if a.dtype.kind == "f" else a for a in arrays])
    if "in_place" in options:
        options["in_place"] = {n: trace.program.inputs[i] for n, i in options["in_place"].items()}
    strides = {
        value: tuple(step // a.itemsize for step in a.strides)
        for value, a in zip(trace.program.inputs, arrays, strict=False)
        if not a.flags.c_contiguous
    }
    return Executable(trace.program, trace.constants, threads, trace.guards, strides=strides, **options)


def check(function, *arrays, threads=1, exact=False):
    """Compiled and as NumPy, twice: nothing of the first run is left in the second. The interpreter gives the same."""
    executable = compiled(function, arrays, threads)
    trace, _ = traced(function, *arrays)
    known = interpreted(trace.program, dict(zip(trace.program.inputs, arrays, strict=False)) | trace.constants)
    expected = function(*arrays)
    expected = expected if isinstance(expected, tuple) else (expected,)
    for _ in range(2):
        results = executable.run(arrays)
        for one, other in zip(expected, results, strict=True):
            assert other.shape == np.shape(one) and other.dtype == one.dtype
            assert np.array_equal(one, other) if exact else np.allclose(one, other, rtol=1e-12, atol=1e-12)
    for one, value in zip(expected, trace.program.outputs, strict=True):
        assert np.allclose(known[value].reshape(np.shape(one)), one, rtol=1e-12, atol=1e-12)
    return executable


@THREADS
@pytest.mark.parametrize("shape", [(3, 5), (257, 129)])
@pytest.mark.parametrize("axis", [0, 1, None])
def test_reductions(shape, axis, threads):
    check(lambda x: (np.sum(x, axis=axis), np.max(x, axis=axis), np.mean(x * x, axis=axis)), numbers(*shape), threads=threads)


@THREADS
def test_reductions_of_what_is_not_contiguous(threads):
    turned, every_other = numbers(5, 129, 257).transpose(2, 0, 1), numbers(257, 5, 258)[:, :, ::2]
    for x in (turned, every_other):
        check(lambda x: (np.sum(x, axis=0), np.sum(x, axis=2), np.sum(x, axis=(0, 2)), np.sum(x)), x, threads=threads)


@THREADS
def test_a_column_reduction_that_is_used_row_by_row(threads):
    def softmax(x):
        e = np.exp(x - np.max(x, axis=0, keepdims=True))
        return e / np.sum(e, axis=0, keepdims=True)

    check(softmax, numbers(2, 3, 4), threads=threads)
    check(softmax, np.array(numbers(64, 20, 30), order="F"), threads=threads)


@THREADS
def test_reductions_of_numbers_that_do_not_change(threads):
    check(lambda x: (np.sum(np.zeros_like(x) + 2.0, axis=0), np.sum(np.ones_like(x)), x + 1.0), numbers(300, 70), threads=threads)


@THREADS
def test_concatenation(threads):
    parts = numbers(40, 300), numbers(7, 300, seed=1), numbers(90, 300, seed=2)
    check(lambda a, b, c: np.concatenate([a, b * 2.0, c]), *parts, threads=threads)
    check(lambda a: np.concatenate([a, a + 1.0, a[:, 1:3]], axis=1), numbers(200, 90), threads=threads)


@THREADS
def test_parts_of_a_concatenation_are_written_where_they_are_computed(threads):
    def steps(x, w):
        h, rows, turned = x, [], []
        for _ in range(3):
            h = np.tanh(np.matmul(h, w))
            rows.append(h[None])
            turned.append(np.transpose(h * 2.0))
        return np.concatenate(rows), np.concatenate(turned), np.concatenate([h, h]), np.concatenate([np.sum(h, axis=1), h[0]])

    arrays = numbers(150, 20), numbers(20, 20, seed=1) * 0.1
    check(steps, *arrays, threads=threads)
    executable = check(lambda *arrays: steps(*arrays)[0], *arrays, threads=threads)
    assert sum(isinstance(step, Kernel) for step in executable.placement.steps) == 3  # none that only copies


@THREADS
def test_elements_by_index(threads):
    rows = np.array([3, 0, 3, -1] * 100)
    check(lambda x, i: x[i], numbers(5, 64), rows, threads=threads, exact=True)
    check(lambda x, i: np.take_along_axis(x, i, 1), numbers(200, 90), numbers(200, 90).argsort(1), threads=threads, exact=True)


@THREADS
def test_rows_added_by_index(threads):
    def scatter(x, i):
        out = np.zeros_like(x, shape=(5, 64))
        np.add.at(out, i, x)
        return out

    rows = np.array([3, 0, 3, -1] * 100)
    executable = check(scatter, numbers(400, 64), rows, threads=threads)
    assert any(i.operation == "scatter_add" for i in executable.program.instructions)


def test_indices_out_of_bounds_are_left_to_numpy():
    executable = compiled(lambda x, i: x[i], (numbers(5, 3), np.array([1, 2])))
    with pytest.raises(GuardFailed):
        executable.run([numbers(5, 3), np.array([1, 5])])
    with pytest.raises(GuardFailed):
        executable.run([numbers(5, 3), np.array([-6, 0])])


def test_indices_far_out_of_bounds_touch_no_memory():
    def both(x, i):
        out = np.zeros_like(x)
        np.add.at(out, i, x[i] * 2.0)
        return out, np.sum(x) > 0

    x, rows = numbers(500, 3), np.arange(500)
    for function in (lambda x, i: x[i], lambda x, i: np.take_along_axis(x, i[:, None], 1), both):
        executable = compiled(function, (x, rows % 3))
        for wrong in (10**13, -(10**13)):
            with pytest.raises(GuardFailed):
                executable.run([x, np.where(rows == 7, wrong, 0)])


def test_where_no_thread_can_be_started_one_does_everything(monkeypatch):
    def function(x, i):
        out = np.zeros_like(x, shape=(5, 300))
        np.add.at(out, i, x)
        return np.exp(x), np.sum(x, axis=0), np.max(x, axis=0), np.min(x), np.sum(x, axis=1), np.matmul(x.T, x), out, np.any(x > 9, axis=0)

    pool.close()
    monkeypatch.setattr(pool, "_gather", lambda threads: False)
    alone = pool.counts()["alone"]
    check(function, numbers(400, 300), np.arange(400) % 5, threads=2)
    assert pool.counts()["alone"] > alone


def test_regions_that_are_replaced():
    def padded(x):
        out = np.zeros_like(x, shape=(7, 9, 4))
        out[1:4, -6:-1] = x * 2.0
        out[5] = 1.0
        view = out[:, 0]
        view[...] = 3.0
        return out

    check(padded, numbers(3, 5, 4), exact=True)


def test_a_view_is_not_used_after_what_it_is_a_view_of_was_written_to():
    def careless(x):
        out = np.zeros_like(x)
        view = out[1:]
        out[0] = x[0]
        return view + 1.0

    with pytest.raises(Untraceable, match="written to"):
        traced(careless, numbers(3, 2))


def test_reshapes_that_are_not_affine_are_copied():
    check(lambda x: np.reshape(np.transpose(x), (8, 3)) * 2.0, numbers(4, 6), exact=True)
    check(lambda x: np.sum(np.reshape(np.transpose(x * 2.0), (8, 3)), axis=0), numbers(4, 6))
    check(lambda x, y: np.matmul(np.reshape(np.transpose(x), (8, 3)), y), numbers(4, 6), numbers(3, 5))


def test_a_value_that_is_needed_straight_and_turned():
    keep = np.tril(np.ones((6, 6), bool))

    def both_ways(x):
        w = np.where(keep, np.matmul(x, x), 0.0)
        return w + w.T

    check(both_ways, numbers(6, 6))


@THREADS
def test_outputs_in_the_memory_of_inputs(threads):
    p, g = numbers(150, 200), numbers(150, 200, seed=1)
    executable = compiled(lambda p, g: (p - 0.5 * g, np.sum(p)), (p, g), threads, in_place={0: 0})
    old = p.copy()
    first, total = executable.run([p, g])
    assert first is None and np.allclose(total, old.sum())
    assert np.allclose(p, old - 0.5 * g)


@THREADS
def test_inputs_that_are_exchanged(threads):
    a, b = numbers(150, 200), numbers(150, 200, seed=1)
    executable = compiled(lambda a, b: (b * 1.0, a + b), (a, b), threads, in_place={0: 0, 1: 1})
    old = a.copy(), b.copy()
    executable.run([a, b])
    assert np.allclose(a, old[1]) and np.allclose(b, old[0] + old[1])


def branching(x, y):
    return (y * 2.0, x + 1.0) if np.sum(x) > 0 else (y, x)


def test_guards_fail_before_anything_is_written():
    x, y = np.ones(3), numbers(3)
    executable = compiled(branching, (x, y), in_place={0: 1})
    old = y.copy()
    with pytest.raises(GuardFailed):
        executable.run([-x, y])
    assert np.array_equal(y, old)
    executable.run([x, y])
    assert np.array_equal(y, old * 2.0)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "bool"])
@THREADS
def test_guards_of_any_dtype(dtype, threads):
    executable = compiled(lambda x: x * 2 if np.max(x) else x - 2, (np.ones(9, dtype),), threads)
    other = compiled(lambda x: x * 2 if np.max(x) else x + x, (np.zeros(9, dtype),), threads)
    one, none = np.eye(1, 9, 3, dtype=dtype)[0], np.zeros(9, dtype)
    assert executable.run([one])[0][3] == (one * 2)[3]
    assert not other.run([none])[0].any()
    with pytest.raises(GuardFailed):
        executable.run([none])
    with pytest.raises(GuardFailed):
        other.run([one])


def test_the_program_goes_on_after_guards_natively():
    executable = compiled(branching, (np.ones(3), numbers(3)), in_place={0: 1})
    assert len(executable.plan) == 1 and isinstance(executable.plan[0], int)


@THREADS
@pytest.mark.parametrize("columns", [512, 520, 513])
def test_results_written_past_the_caches(threads, columns, monkeypatch):
    def function(x, y):
        z = np.matmul(np.tanh(x), y)  # tanh(x) lies in the program's own memory
        return z + 1.0, np.exp(x - np.max(x, axis=1, keepdims=True)), np.sum(x, axis=0)

    arrays = numbers(600, columns), numbers(columns, 300, seed=1)
    plain = compiled(function, arrays, threads).run(arrays)
    monkeypatch.setattr(executable, "STREAM", 1 << 20)
    streamed = compiled(function, arrays, threads)
    assert "!nontemporal" in streamed.text or columns % 8 or not llvm.can_stream()
    for one, other in zip(plain, streamed.run(arrays), strict=True):
        assert np.array_equal(one, other)


@THREADS
def test_more_results_past_the_caches_than_a_kernel_may_keep(threads, monkeypatch):
    arrays = (numbers(512, 512),)
    monkeypatch.setattr(executable, "STREAM", 1 << 20)

    def many(x):
        e = np.exp(x - np.max(x, axis=1, keepdims=True))
        total = np.sum(e, axis=1, keepdims=True)
        return tuple(e / (total + float(i)) for i in range(10))

    check(many, *arrays, threads=threads)


@THREADS
def test_products_are_written_where_they_belong(threads):
    x, g = numbers(90, 70), numbers(90, 80, seed=1)
    executable = compiled(lambda x, g, old: (np.matmul(x.T, g), np.sum(g)), (x, g, numbers(70, 80)), threads, in_place={0: 2})
    assert not executable.placement.copied
    out = numbers(70, 80)
    executable.run([x, g, out])
    assert np.allclose(out, x.T @ g, rtol=1e-4, atol=1e-4)


@THREADS
def test_products_of_what_they_replace_are_copied(threads):
    x, y = numbers(200, 200), numbers(200, 200, seed=1)
    executable = compiled(lambda x, y: (np.matmul(x, y), np.sum(y)), (x, y), threads, in_place={0: 1})
    expected = x @ y
    executable.run([x, y])
    assert np.allclose(y, expected, rtol=1e-4, atol=1e-4)


def test_a_guard_that_is_an_output_too():
    def function(x):
        positive = np.sum(x) > 0
        return (x * 2.0, positive) if positive else (x, positive)

    executable = compiled(function, (np.ones(3),))
    assert executable.run([np.ones(3)])[1]
    with pytest.raises(GuardFailed):
        executable.run([-np.ones(3)])


@THREADS
def test_calls_of_numpy(threads):
    x = numbers(200, 90)
    check(lambda x: np.sum(np.cumsum(np.exp(x), axis=0) * 2.0, axis=1), x, threads=threads)
    check(lambda x: np.linalg.qr(np.matmul(x.T, x))[1] + 1.0, x, threads=threads)
    check(lambda x: np.sort(x.T * 2.0, axis=0), x[:, ::2], threads=threads, exact=True)


def test_a_shape_that_the_elements_decide_cannot_be_traced():
    for function in (lambda x: x[x > 0], lambda x: np.nonzero(x)[0], lambda x: np.unique(x)):
        with pytest.raises(Untraceable, match="what shape"):
            traced(function, numbers(5))


@THREADS
def test_programs_of_no_elements(threads):
    check(lambda x, y: (x + y, np.sum(x, axis=0), np.concatenate([x, y])), numbers(0, 3), numbers(1, 3)[:0], threads=threads)
    check(lambda x: (x * 2.0, x), np.array(3.0), threads=threads)
