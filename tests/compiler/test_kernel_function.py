"""Kernels that differ in nothing but their arrays share a native function; all others have their own."""

import numpy as np
import pytest

import pedigrad.codegen.frontend.rules_index  # noqa: F401  (what NumPy functions become)
from pedigrad.codegen.frontend.trace import traced
from pedigrad.codegen.runtime.executable import Executable


def functions(function, *arrays, threads=2):
    """How many native functions a traced function's kernels share, once its results are NumPy's."""
    trace, _ = traced(function, *arrays)
    executable = Executable(trace.program, trace.constants, threads)
    expected, found = function(*arrays), executable.run(arrays)
    for one, other in zip(expected, found, strict=True):
        assert np.array_equal(np.signbit(one), np.signbit(other))
        assert np.allclose(one, other, rtol=1e-12)
    return len(executable.kernels)


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


@pytest.mark.parametrize("threads", [1, 2])
def test_layers_share_one(threads):
    layers = [numbers(300, 70, seed=i) for i in range(6)]
    normed = lambda x: (x - np.mean(x, axis=1, keepdims=True)) * 0.5  # noqa: E731
    assert functions(lambda *x: tuple(map(normed, x)), *layers, threads=threads) == 1
    assert (
        functions(lambda *x: tuple(np.sum(each * each, axis=0) for each in x), *layers, threads=threads) == threads
    )  # and one that adds up


def test_slices_share_one():
    steps = numbers(8, 50, 40)
    assert functions(lambda x: tuple(np.tanh(np.sum(x[i], axis=1)) for i in range(8)), steps) == 1


def test_sizes_of_flat_arrays_share_one():
    sizes = [numbers(n, seed=n) for n in (200, 4096, 5000, 70_000)]
    assert functions(lambda *x: tuple(np.exp(each) for each in x), *sizes) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (lambda x: x * 0.0, lambda x: x * -0.0),
        (lambda x: x - 1.0, lambda x: 1.0 - x),
        (lambda x: np.sum(x, axis=0), lambda x: np.sum(x, axis=1)),
        (lambda x: np.max(x, axis=0), lambda x: np.sum(x, axis=0)),
        (lambda x: x[:, ::2] * 2.0, lambda x: x[:, :20] * 2.0),
    ],
)
def test_others_do_not(one, other):
    a, b = numbers(30, 40), numbers(30, 40, seed=1)
    assert functions(lambda x, y: (one(x), one(y)), a, b, threads=1) == 1
    assert functions(lambda x, y: (one(x), other(y)), a, b, threads=1) == 2
