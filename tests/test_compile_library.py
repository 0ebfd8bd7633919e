"""Functions of the library that are made of several ops: they compile, or say that they look at elements; never are they stale."""

import copy
import math
import pickle
import warnings

import numpy as np
import pytest
from compile_checks import runs, same, tensor

import pedigrad as torch

F = torch.nn.functional
INDICES, LABELS = torch.tensor([0, 2, 1]), torch.tensor([[1, 2], [3, 1]])
ATTENTION = torch.nn.MultiheadAttention(4, 2)
TABLE = tensor(5, 3, seed=3)


def positive(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).random(shape).astype(np.float32))


COMPILED = {
    "attention with boolean masks": (
        lambda q, mask: ATTENTION(q, q, q, key_padding_mask=mask)[0],
        [(tensor(3, 2, 4), torch.tensor([[False, True, False]] * 2)), (tensor(3, 2, 4, seed=1), torch.tensor([[False, False, True]] * 2))],
    ),
    "embedding_bag": (lambda i: F.embedding_bag(i, TABLE), [(torch.tensor([[0, 1], [4, 1]]),), (torch.tensor([[2, 1], [3, 3]]),)]),
    "embedding_bag of offsets": (
        lambda i, starts: F.embedding_bag(i, TABLE, starts),
        [(INDICES, torch.tensor([0, 1])), (INDICES, torch.tensor([0, 2]))],
    ),
    "gaussian_nll_loss": (
        lambda x, y, var: F.gaussian_nll_loss(x, y, var),
        [(positive(3), positive(3), positive(3)), (positive(3, seed=1), positive(3), positive(3) * 0)],
    ),
    "unravel_index": (lambda i: torch.unravel_index(i, (2, 2)), [(INDICES,), (INDICES + 1,)]),
    "one_hot": (lambda i: F.one_hot(i, 3), [(INDICES,), (INDICES.flip(0),)]),
    "take_along_dim": (lambda i: torch.take_along_dim(torch.arange(12.0).reshape(3, 4), i[:, None], 1), [(INDICES,), (-INDICES,)]),
    "ctc_loss": (
        lambda x: F.ctc_loss(x.log_softmax(-1), LABELS, (6, 6), (2, 2)),
        [(tensor(6, 2, 4),), (tensor(6, 2, 4, seed=1),)],
    ),
    "multi_margin_loss": (F.multi_margin_loss, [(tensor(3, 4), INDICES), (tensor(3, 4, seed=1), INDICES.flip(0))]),
    "binary_cross_entropy": (F.binary_cross_entropy, [(positive(3, 4), positive(3, 4)), (positive(3, 4, seed=1), positive(3, 4))]),
    "cross_entropy": (
        lambda x, i: F.cross_entropy(x, i, weight=torch.tensor([1.0, 2.0, 3.0, 4.0]), label_smoothing=0.1),
        [(tensor(3, 4), INDICES), (tensor(3, 4, seed=1), INDICES.flip(0))],
    ),
    "deepcopy": (lambda x: copy.deepcopy(x * 2) + 1, [(tensor(3),), (tensor(3, seed=1),)]),
    "axis": (lambda x: x.sum(axis=0, keepdims=True), [(tensor(3, 4),), (tensor(3, 4, seed=1),)]),
}


def added_on_the_diagonal(x):
    y = x * 1
    y.diagonal().add_(1)
    return y


def resized(x):
    y = x * 2
    y.resize_(6)
    return y + 1


LOOKING = {
    "one_hot": (F.one_hot, [(INDICES,), (INDICES * 2,)]),
    "embedding_bag": (
        lambda i, starts: F.embedding_bag(i, TABLE, starts, mode="max"),
        [(INDICES, torch.tensor([0, 1])), (INDICES, torch.tensor([0, 2]))],
    ),
    "repeat_interleave": (lambda x, n: x.repeat_interleave(n), [(tensor(3), INDICES), (tensor(3), INDICES.flip(0))]),
    "multilabel_margin_loss": (
        F.multilabel_margin_loss,
        [(tensor(2, 3), torch.tensor([[0, -1, 1], [2, 1, -1]])), (tensor(2, 3), torch.tensor([[1, 0, -1], [2, -1, 1]]))],
    ),
    "diagonal": (added_on_the_diagonal, [(tensor(3, 3),), (tensor(3, 3, seed=1),)]),
    "fill_diagonal_": (lambda x: (x * 1).fill_diagonal_(3), [(tensor(3, 3),), (tensor(3, 3, seed=1),)]),
    "addcmul": (lambda x: torch.addcmul(x, x, x, value=torch.tensor(2.0)), [(tensor(3),), (tensor(3, seed=1),)]),
    "text": (lambda x: f"{x.sum():.3f} {x} {x.sum()}", [(tensor(3),), (tensor(3, seed=1),)]),
    "copy": (lambda x: copy.copy(x * 2) + 1, [(tensor(3),), (tensor(3, seed=1),)]),
    "pickle": (lambda x: pickle.loads(pickle.dumps(x * 2)) + 1, [(tensor(3),), (tensor(3, seed=1),)]),
    "resize_": (resized, [(tensor(3, 4),), (tensor(3, 4, seed=1),)]),
    "matrix_rank": (torch.linalg.matrix_rank, [(tensor(3, 3),), (torch.zeros(3, 3),)]),
}


def called_in_turn(function, arguments):
    """Call it compiled and as usual with each of `arguments` in turn; returns the compiled one."""
    compiled = torch.compile(function)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for i in range(6):
            args = arguments[i % len(arguments)]
            same(function(*args), compiled(*args))
    return compiled


@pytest.mark.parametrize("name", COMPILED)
def test_compiled(name):
    assert runs(called_in_turn(*COMPILED[name]))


@pytest.mark.parametrize("name", LOOKING)
def test_what_looks_at_elements_is_not_stale(name):
    called_in_turn(*LOOKING[name])


def test_checks_of_arguments_are_made_in_compiled_runs_too():
    calls = [
        (F.binary_cross_entropy, (positive(3), positive(3)), (positive(3) + 1, positive(3))),
        (lambda i: F.one_hot(i, 3), (INDICES,), (INDICES + 1,)),
        (lambda x, var: F.gaussian_nll_loss(x, x, var), (positive(3), positive(3)), (positive(3), -positive(3))),
    ]
    for function, good, bad in calls:
        compiled = called_in_turn(function, [good])
        assert runs(compiled)
        with pytest.raises((RuntimeError, ValueError)):
            compiled(*bad)


@pytest.mark.parametrize(
    ("shape", "kernel", "options"),
    [
        ((4, 3, 8, 8), 2, {}), ((4, 3, 9, 9), 3, {}), ((4, 3, 8, 6), (2, 3), {}), ((4, 3, 8, 8), 1, {}),
        ((4, 3, 9, 8), 2, {}), ((2, 3, 8, 8), 3, {"stride": 1}), ((2, 3, 8, 8), 3, {"stride": 2, "padding": 1}), ((2, 3, 12), 4, {}),
    ],
)  # fmt: skip
def test_gradients_of_maxima_of_windows(shape, kernel, options):
    """The first of equal elements, the last nan; where windows divide the array, in native code."""
    pool = F.max_pool2d if len(shape) == 4 else F.max_pool1d

    def function(x):
        return (pool(x, kernel, **options) * 2).sum()

    compiled = torch.compile(function)
    for i in range(5):
        values = np.random.default_rng(i).integers(0, 4, shape).astype(np.float32)
        if i == 4:
            values.flat[3:5] = np.nan
        gradients = []
        for each in (function, compiled):
            x = torch.from_numpy(values.copy()).requires_grad_()
            each(x).backward()
            gradients.append(x.grad.numpy())
        np.testing.assert_array_equal(*gradients)
    tiled = "stride" not in options and all(n % k == 0 for n, k in zip(shape[2:], np.broadcast_to(kernel, len(shape) - 2), strict=True))
    assert ("NumPy, because" in str(compiled.explain())) == (not tiled)


@pytest.mark.parametrize(
    "mode, shape", [("nearest", (2, 3, 4)), ("nearest-exact", (1, 2, 4, 4)), ("bilinear", (1, 2, 4, 4)), ("bicubic", (1, 2, 4, 4))]
)
def test_interpolation_is_compiled_forward_and_backward(mode, shape):
    x = torch.linspace(-1, 1, math.prod(shape)).reshape(shape).requires_grad_()

    def step():
        x.grad = None
        loss = (torch.nn.functional.interpolate(x.sin(), scale_factor=2, mode=mode) ** 2).sum()
        loss.backward()
        return loss

    expected, g = step().item(), x.grad.clone()
    compiled = torch.compile(step)
    for _ in range(4):
        assert compiled().item() == pytest.approx(expected, rel=1e-5)
        torch.testing.assert_close(x.grad, g)
    assert len(compiled.explain().variants) == 1


def test_equal_calls_are_made_once():
    def function(indices, starts):
        return sum(F.embedding_bag(indices, TABLE * k, starts) for k in (1.0, 2.0, 3.0))

    compiled, given = torch.compile(function), (torch.tensor([0, 1, 4, 1]), torch.tensor([0, 3]))
    for _ in range(4):
        torch.testing.assert_close(compiled(*given), function(*given))
    assert "1 call to NumPy" in str(compiled.explain())
