"""Convolutions in compiled programs are steps of native code: what they give is what operations give, for whatever windows and threads."""

import numpy as np
import pytest

pytest.importorskip("llvmlite")

import pedigrad as torch
from pedigrad.eager import native
from pedigrad.nn import functional as F

pytestmark = pytest.mark.filterwarnings("ignore:pedigrad.compile")
SHAPES = {  # of the input, the weight and the bias
    "signals": ((3, 6, 19), (8, 6, 3), (8,)),
    "images": ((3, 6, 9, 11), (8, 6, 3, 2), (8,)),
    "each channel by itself": ((3, 6, 9, 11), (6, 1, 3, 2), (6,)),
    "transposed": ((3, 6, 9, 11), (6, 8, 3, 2), (8,)),
}
CASES = {
    "padded": ("images", lambda x, w, b: F.conv2d(x, w, b, padding=1)),
    "without a bias": ("images", lambda x, w, b: F.conv2d(x, w, padding=2) * b.sum()),
    "with a stride": ("images", lambda x, w, b: F.conv2d(x, w, b, stride=(2, 3), padding=(1, 2))),
    "dilated": ("images", lambda x, w, b: F.conv2d(x, w, b, dilation=2)),
    "of views and other operations": ("images", lambda x, w, b: F.conv2d(x.relu().transpose(-1, -2), (w * 2).flip(-1), b.exp(), padding=1)),
    "of signals": ("signals", lambda x, w, b: F.conv1d(x, w, b, stride=2, padding=1)),
    "of each channel by itself": ("each channel by itself", lambda x, w, b: F.conv2d(x, w, b, stride=2, padding=1, groups=6)),
    "transposed": ("transposed", lambda x, w, b: F.conv_transpose2d(x, w, b, stride=2, padding=1, output_padding=1)),
    "one after another": ("images", lambda x, w, b: F.conv2d(F.conv2d(x, w, b, padding=1).relu(), w.transpose(0, 1), padding=1) + b.sum()),
}


@pytest.fixture(autouse=True)
def small_ones_are_native_too(monkeypatch):
    monkeypatch.setattr(native, "LARGE_PRODUCT", 1)


@pytest.fixture(params=[1, 2, 3])
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def leaves_of(kind, dtype=torch.float32, seed=0):
    """An input, a weight and a bias."""
    r = np.random.default_rng(seed)
    return [torch.tensor(r.standard_normal(shape), dtype=dtype, requires_grad=True) for shape in SHAPES[kind]]


def step_of(function, leaves):
    """A step that gives a function's result and leaves gradients in `leaves`."""

    def step():
        for leaf in leaves:
            leaf.grad = None
        out = function(*leaves)
        (out * out).sum().backward()
        return out

    return step


def found(step, leaves):
    """What a step gives: its result and the gradients."""
    return [step().detach().numpy().copy(), *(leaf.grad.numpy().copy() for leaf in leaves)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", CASES)
def test_compiled_is_as_usual(name, dtype, threads):
    kind, function = CASES[name]
    leaves = leaves_of(kind, dtype)
    usual = step_of(function, leaves)
    compiled = torch.compile(usual)
    for seed in (0, 0, 0, 1, 2):
        for leaf, other in zip(leaves, leaves_of(kind, dtype, seed), strict=True):
            leaf.data.copy_(other.data)
        tolerance = 1e-4 if dtype == torch.float32 else 1e-11
        for one, other in zip(found(compiled, leaves), found(usual, leaves), strict=True):
            np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance * max(1, np.abs(other).max()))
    (variant,) = compiled.explain().variants
    assert len(variant.forward.of("convolution")) >= 3
    assert not variant.forward.of("call")


def test_the_number_of_threads_changes_no_bit_of_a_compiled_convolution():
    before, results = torch.get_num_threads(), []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        try:
            leaves = leaves_of("images")
            compiled = torch.compile(step_of(lambda x, w, b: F.conv2d(x, w, b, stride=2, padding=1), leaves))
            for _ in range(4):
                out, *grads = found(compiled, leaves)
            results.append([out.tobytes(), grads[0].tobytes(), grads[1].tobytes()])
        finally:
            torch.set_num_threads(before)
    assert results[0] == results[1] == results[2]


def test_zeros_of_the_padding_do_not_meet_infinite_weights_in_a_compiled_gradient():
    leaves = leaves_of("images")
    usual = step_of(lambda x, w, b: F.conv2d(x, w, b, padding=1).sin(), leaves)
    compiled = torch.compile(usual)
    for _ in range(4):
        compiled()
    leaves[1].data[0, 0, 0, 0] = float("inf")
    for one, other in zip(found(compiled, leaves), found(usual, leaves), strict=True):
        np.testing.assert_array_equal(np.isnan(one), np.isnan(other))


def test_a_convolution_says_how_often_it_multiplies():
    leaves = leaves_of("images")
    compiled = torch.compile(step_of(lambda x, w, b: F.conv2d(x, w, b), leaves))
    for _ in range(4):
        compiled()
    (variant,) = compiled.explain().variants
    assert [step.flops for step in variant.forward.of("convolution")] == [2 * (3 * 8 * 7 * 10) * (6 * 3 * 2)] * 3


def test_groups_and_volumes_are_as_usual():
    r = np.random.default_rng(0)
    for shapes, function in [
        (((2, 8, 6, 6), (8, 4, 3, 3)), lambda x, w: F.conv2d(x, w, padding=1, groups=2)),
        (((2, 4, 5, 5, 5), (6, 4, 2, 2, 2)), lambda x, w: F.conv3d(x, w, padding=1)),
    ]:
        leaves = [torch.tensor(r.standard_normal(shape), dtype=torch.float32, requires_grad=True) for shape in shapes]
        usual = step_of(function, leaves)
        compiled = torch.compile(usual)
        for _ in range(4):
            one = found(compiled, leaves)
        for mine, other in zip(one, found(usual, leaves), strict=True):
            np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-4)
