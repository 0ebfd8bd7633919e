"""What programs take per sample by vmap: losses of classes and of alignments, recurrent layers, windows, masks and padding.

What is expected is PyTorch's loop over the samples, for its own vmap refuses some of these. A warning, such as that of a loop, is an error.
"""

import numpy as np
import pytest
import torch

import pedigrad

pytestmark = [pytest.mark.filterwarnings("error:vmap"), pytest.mark.filterwarnings("error:There is a performance drop")]
SAMPLES = 4
CLASSES = np.array([[0, 2, -100], [1, 1, 2], [2, -100, -100], [0, 0, 1]])
PIXELS = np.array([[[0, 2], [2, 1]], [[1, 1], [2, 0]], [[2, 2], [0, 2]], [[0, 1], [1, 0]]])[:, None]


def numbers(*shape, seed=0):
    return np.random.default_rng(seed + len(shape)).standard_normal(shape)


def weights(*shape):
    return np.abs(numbers(*shape, seed=7)) + 0.1


def cross_entropy(weight=False, **options):
    """The loss of scores, with one weight a class where `weight`."""
    if weight:
        return lambda t, x, w, y: t.nn.functional.cross_entropy(x, y, weight=w, **options)
    return lambda t, x, y: t.nn.functional.cross_entropy(x, y, **options)


def nll(**options):
    return lambda t, x, w, y: t.nn.functional.nll_loss(x, y, weight=w, **options)


def alignment(**options):
    def loss(t, x, labels, steps, counts):
        return t.nn.functional.ctc_loss(x.log_softmax(-1), labels, steps, counts, **options)

    return loss


LABELS = np.array([[[1, 2], [2, 2]], [[3, 1], [1, 0]], [[2, 3], [3, 3]], [[1, 1], [2, 1]]])
STEPS, COUNTS = np.array([[6, 5], [4, 6], [6, 6], [5, 3]]), np.array([[2, 1], [2, 0], [1, 2], [2, 2]])


def recurrent(kind, **options):
    """The sums of what a layer with the given parameters gives."""

    layers = {t: getattr(t.nn, kind)(3, 2, dtype=t.float64, **options) for t in (pedigrad, torch)}

    def run(t, x, *parameters):
        layer = layers[t]
        named = dict(zip(dict(layer.named_parameters()), parameters, strict=True))
        out, state = t.func.functional_call(layer, named, (x,))
        return (out**2).sum() + sum((s * s * s).sum() for s in (state if isinstance(state, tuple) else (state,)))

    return run


def written(t, x):
    y = x * 2
    y.as_strided((3,), (2,), 1).mul_(x[:3])
    return y * y


BAGS = np.array([[0, 1], [3, 2], [1, 1]])


def bags(mode, **options):
    return lambda t, x, i: t.nn.functional.embedding_bag(i, x, mode=mode, **options) ** 2


def parameters(rows, *lead, state=2, projected=False):
    sizes = [(rows, 3), (rows, state), (rows,), (rows,)]
    return [numbers(*lead, *size, seed=i) for i, size in enumerate(sizes + [(state, rows // 4)] * projected)]


# The function of one sample, all samples of its arguments (real ones first), and the dimension along which each has samples.
CASES = {
    "cross entropy": (cross_entropy(), [numbers(4, 3, 5), CLASSES], 0),
    "cross entropy, smoothed": (cross_entropy(label_smoothing=0.2, reduction="sum"), [numbers(4, 3, 5), CLASSES], 0),
    "cross entropy, a target for all": (cross_entropy(), [numbers(3, 5, 4), CLASSES[0]], (2, None)),
    "cross entropy, scores for all": (cross_entropy(), [numbers(3, 5), CLASSES], (None, 0)),
    "cross entropy, weighed": (cross_entropy(True), [numbers(4, 3, 5), weights(5), CLASSES], (0, None, 0)),
    "cross entropy, weights of each": (cross_entropy(True), [numbers(4, 3, 5), weights(4, 5), CLASSES], 0),
    "cross entropy, weights of each alone": (cross_entropy(True), [numbers(3, 5), weights(5, 4), CLASSES[1]], (None, 1, None)),
    "cross entropy, weights of each, summed": (cross_entropy(True, reduction="sum"), [numbers(4, 3, 5), weights(4, 5), CLASSES], 0),
    "cross entropy, weights of each, smoothed": (cross_entropy(True, label_smoothing=0.1), [numbers(4, 3, 5), weights(4, 5), CLASSES], 0),
    "cross entropy of pixels, weights of each": (
        cross_entropy(True, ignore_index=2),
        [numbers(4, 1, 3, 2, 2), weights(4, 3), PIXELS],
        0,
    ),
    "cross entropy of one": (cross_entropy(True), [numbers(4, 5), weights(4, 5), np.array([1, 4, 0, 2])], 0),
    "nll": (nll(), [numbers(4, 3, 5), weights(4, 5), CLASSES], 0),
    "nll, summed": (nll(reduction="sum"), [numbers(4, 3, 5), weights(4, 5), CLASSES], 0),
    "nll, one weight": (nll(), [numbers(4, 3, 5), weights(5), CLASSES], (0, None, 0)),
    "nll, targets for all": (nll(), [numbers(3, 5), weights(4, 5), CLASSES[3]], (None, 0, None)),
    "ctc": (alignment(), [numbers(4, 6, 2, 5), LABELS, STEPS, COUNTS], 0),
    "ctc, summed": (alignment(reduction="sum", zero_infinity=True), [numbers(6, 4, 2, 5), LABELS, STEPS, COUNTS], (1, 0, 0, 0)),
    "ctc, lengths for all": (alignment(blank=4), [numbers(4, 6, 2, 5), LABELS, STEPS[0], COUNTS[0]], (0, 0, None, None)),
    "ctc, labels for all": (alignment(), [numbers(4, 6, 2, 5), LABELS[0], STEPS[0], COUNTS[0]], (0, None, None, None)),
    "ctc, one sequence": (alignment(), [numbers(4, 6, 5), LABELS[:, 0], STEPS[:, 0], np.full(4, 2)], 0),
    "ctc, labels in a row": (alignment(), [numbers(4, 6, 2, 5), np.array([1, 2, 3]), STEPS[0], COUNTS[0]], (0, None, None, None)),
    "LSTM": (recurrent("LSTM"), [numbers(4, 5, 2, 3), *parameters(8)], (0, *(None,) * 4)),
    "LSTM, parameters of each": (recurrent("LSTM"), [numbers(5, 2, 3), *parameters(8, 4)], (None, *(0,) * 4)),
    "LSTM, all of each": (recurrent("LSTM"), [numbers(5, 2, 4, 3), *parameters(8, 4)], (2, *(0,) * 4)),
    "LSTM, one weight of each": (recurrent("LSTM"), [numbers(5, 2, 3), *parameters(8)[:1], numbers(4, 8, 2), *parameters(8)[2:]],
                                 (None, None, 0, None, None)),
    "LSTM of one sequence": (recurrent("LSTM"), [numbers(4, 5, 3), *parameters(8)], (0, *(None,) * 4)),
    "LSTM, projected": (recurrent("LSTM", proj_size=1), [numbers(4, 5, 2, 3), *parameters(8, 4, state=1, projected=True)], 0),
    "GRU": (recurrent("GRU"), [numbers(4, 5, 2, 3), *parameters(6)], (0, *(None,) * 4)),
    "GRU, backwards too": (
        recurrent("GRU", bidirectional=True), [numbers(4, 5, 2, 3), *parameters(6), *parameters(6)], (0, *(None,) * 8)),
    "RNN": (recurrent("RNN"), [numbers(4, 5, 2, 3), *parameters(2)], (0, *(None,) * 4)),
    "RNN of relu": (recurrent("RNN", nonlinearity="relu"), [numbers(4, 5, 1, 3), *parameters(2)], (0, *(None,) * 4)),
    "GRU, parameters of each": (recurrent("GRU"), [numbers(5, 2, 3), *parameters(6, 4)], (None, *(0,) * 4)),
    "RNN, parameters of each": (recurrent("RNN"), [numbers(4, 5, 2, 3), *parameters(2, 4)], 0),
    "largest of bags": (bags("max"), [numbers(4, 5, 3), BAGS], (0, None)),
    "largest of bags, indices of each": (bags("max"), [numbers(5, 3), np.stack([BAGS, BAGS + 1, 3 - BAGS, BAGS])], (None, 0)),
    "means of bags, padded": (bags("mean", padding_idx=1), [numbers(5, 3), np.stack([BAGS, BAGS + 1, 3 - BAGS, BAGS])], (None, 0)),
    "sums of bags, padded": (bags("sum", padding_idx=2), [numbers(4, 5, 3), np.stack([BAGS, BAGS + 1, 3 - BAGS, BAGS])], 0),
    "sums of bags, weighed and padded": (
        lambda t, x, w, i: t.nn.functional.embedding_bag(i, x, mode="sum", padding_idx=3, per_sample_weights=w) ** 2,
        [numbers(5, 3), numbers(4, 3, 2), np.stack([BAGS, BAGS + 1, 3 - BAGS, BAGS])], (None, 0, 0)),
    "layer norm of the core": (
        lambda t, x, w: t.native_layer_norm(x, (3,), w, None, 0.1)[0] ** 3, [numbers(4, 2, 3), weights(3)], (0, None)),
    "batch norm of the core": (
        lambda t, x: t.native_batch_norm(x, None, None, None, None, True, 0.1, 0.1)[0] ** 3, [numbers(4, 5, 3)], 0),
    "least squares": (lambda t, a, b: t.linalg.lstsq(a, b)[0] ** 2, [numbers(4, 5, 2), numbers(4, 5, 1)], 0),
    "least squares of a driver": (
        lambda t, a, b: t.linalg.lstsq(a, b, driver="gelsy")[0] ** 2, [numbers(4, 5, 2), numbers(5, 1)], (0, None)),
    "filled with numbers of each": (
        lambda t, x, v: x.masked_fill(t.tensor([[True, False], [False, True], [True, True]]), v) ** 2, [numbers(4, 2), numbers(4)], 0),
    "filled with numbers of each, one tensor": (
        lambda t, x, v, m: x.masked_fill(m, v) ** 2, [numbers(2), numbers(4), numbers(4, 3, 2) > 0], (None, 0, 0)),
    "flipped along nothing": (lambda t, x: x.flip(()) * x.flip((0, 1)), [numbers(4, 2, 3)], 0),
    "transformed along nothing": (lambda t, x: t.fft.fftn(x, dim=()).real ** 2, [numbers(4, 2, 3)], 0),
    "windows": (lambda t, x: (x.as_strided((3, 2), (2, 1), 1) ** 2).sum(1), [numbers(4, 8)], 0),
    "overlapping windows": (lambda t, x: (x.as_strided((3, 3), (1, 1)) ** 3).sum(), [numbers(4, 8)], 0),
    "windows of a part": (lambda t, x: (x[:, 1:].as_strided((2, 2), (3, 1)) ** 2).sum(1), [numbers(4, 2, 3)], 0),
    "windows written to": (written, [numbers(4, 6)], 0),
    "masked": (lambda t, x, s, m: x.masked_scatter(m, s) ** 2, [numbers(4, 2, 3), numbers(4, 6), numbers(4, 2, 3) > 0], 0),
    "masked, one mask for rows": (
        lambda t, x, s, m: x.masked_scatter(m, s) ** 2, [numbers(4, 2, 3), numbers(4, 4), np.arange(12).reshape(4, 3) % 4 > 1], 0),
    "masked, one source": (
        lambda t, x, s, m: x.masked_scatter(m, s) ** 2, [numbers(2, 3), numbers(5), numbers(4, 3) > 0.5], (None, None, 0)),
    "masked, one mask": (
        lambda t, x, s, m: x.masked_scatter(m, s) ** 2, [numbers(2, 3), numbers(5, 4), np.array([True, False, True])], (None, 1, None)),
    "padded": (lambda t, x, y: t.nn.utils.rnn.pad_sequence([x, y]) ** 2, [numbers(4, 2, 3), numbers(4, 4, 3)], 0),
    "padded, batch first": (
        lambda t, x, y: t.nn.utils.rnn.pad_sequence([x, y], True, 0.5, padding_side="left") ** 2, [numbers(2, 4), numbers(3)], (1, None)),
}  # fmt: skip


def dims_of(case):
    _, arguments, dims = case
    return dims if isinstance(dims, tuple) else (dims,) * len(arguments)


def samples_of(case):
    """The arguments of each sample."""
    pairs = list(zip(case[1], dims_of(case), strict=True))
    return [[a if d is None else np.take(a, i, d) for a, d in pairs] for i in range(SAMPLES)]


def real_of(case):
    """The numbers of the real arguments."""
    return tuple(i for i, a in enumerate(case[1]) if a.dtype.kind == "f")


def tensors(t, arrays):
    return [t.tensor(np.array(a, order="C")) for a in arrays]


def rows(results):
    """The results of each sample as one array."""
    return np.stack([np.asarray(r.detach()) for r in results])


def close(found, expected):
    np.testing.assert_allclose(np.asarray(found.detach()), expected, rtol=1e-9, atol=1e-11)


def scalar(t, case):
    return lambda *given: case[0](t, *given).sum()


def gradients(case):
    """Those of each sample in PyTorch, by real argument."""
    found = []
    for sample in samples_of(case):
        given = tensors(torch, sample)
        leaves = [given[i].requires_grad_() for i in real_of(case)]
        found.append(torch.autograd.grad(scalar(torch, case)(*given), leaves, allow_unused=True))
    return [
        rows([torch.zeros_like(torch.tensor(s[i])) if f[k] is None else f[k] for f, s in zip(found, samples_of(case), strict=True)])
        for k, i in enumerate(real_of(case))
    ]


def smooth(name):
    """The numbers of the arguments with gradients: class weights have none."""
    return (0,) if name.startswith(("cross", "nll")) else real_of(CASES[name])


@pytest.mark.parametrize("name", CASES)
def test_vmap_is_pytorchs_loop(name):
    case = CASES[name]
    expected = rows([case[0](torch, *tensors(torch, sample)) for sample in samples_of(case)])
    given = tensors(pedigrad, case[1])
    close(pedigrad.vmap(lambda *a: case[0](pedigrad, *a), dims_of(case))(*given), expected)
    last = pedigrad.vmap(lambda *a: case[0](pedigrad, *a), dims_of(case), out_dims=-1)(*given)
    close(last, np.moveaxis(expected, 0, -1))


@pytest.mark.parametrize("name", CASES)
def test_vmap_of_vmap_is_pytorchs_loop(name):
    case = CASES[name]
    expected = rows([case[0](torch, *tensors(torch, sample)) for sample in samples_of(case)])
    pairs = [np.stack([a, np.roll(a, 1, d)]) if d is not None else a for a, d in zip(case[1], dims_of(case), strict=True)]
    inner = pedigrad.vmap(lambda *a: case[0](pedigrad, *a), dims_of(case))
    found = pedigrad.vmap(inner, tuple(None if d is None else 0 for d in dims_of(case)))(*tensors(pedigrad, pairs))
    close(found, np.stack([expected, np.roll(expected, 1, 0)]))


@pytest.mark.parametrize("name", CASES)
def test_gradients_per_sample_are_those_of_pytorchs_loop(name):
    case, chosen = CASES[name], smooth(name)
    found = pedigrad.vmap(pedigrad.func.grad(scalar(pedigrad, case), chosen), dims_of(case))(*tensors(pedigrad, case[1]))
    every = dict(zip(real_of(case), gradients(case), strict=True)) if len(chosen) == len(real_of(case)) else None
    if every is None:
        firsts = []
        for sample in samples_of(case):
            x, *others = tensors(torch, sample)
            firsts.append(torch.autograd.grad(scalar(torch, case)(x.requires_grad_(), *others), x)[0])
        every = {0: rows(firsts)}
    for i, gradient in zip(chosen, found, strict=True):
        close(gradient, every[i])


@pytest.mark.parametrize("name", CASES)
def test_the_gradient_of_a_sum_over_samples_is_that_of_pytorchs_loop(name):
    case, chosen = CASES[name], smooth(name)

    def total(t, *given):
        return (t.vmap(scalar(t, case), dims_of(case))(*given) ** 2).sum()

    def looped(*given):
        pairs = list(zip(given, dims_of(case), strict=True))
        return sum(scalar(torch, case)(*(a if d is None else a.select(d, i) for a, d in pairs)) ** 2 for i in range(SAMPLES))

    here, there = tensors(pedigrad, case[1]), tensors(torch, case[1])
    total(pedigrad, *(a.requires_grad_() if i in chosen else a for i, a in enumerate(here))).backward()
    if "windows" not in name:  # which look at the storage of a sample alone
        looped(*(a.requires_grad_() if i in chosen else a for i, a in enumerate(there))).backward()
        for i in chosen:
            close(here[i].grad, there[i].grad.numpy())


@pytest.mark.parametrize("name", CASES)
def test_tangents_of_samples_are_products_with_pytorchs_gradients(name):
    case, chosen = CASES[name], smooth(name)
    given = tensors(pedigrad, case[1])
    moved = [numbers(*case[1][i].shape, seed=20 + i) for i in chosen]

    def mapped(*smooth_ones):
        every = list(given)
        for i, a in zip(chosen, smooth_ones, strict=True):
            every[i] = a
        return pedigrad.vmap(scalar(pedigrad, case), dims_of(case))(*every)

    _, found = pedigrad.func.jvp(mapped, tuple(given[i] for i in chosen), tuple(tensors(pedigrad, moved)))
    expected = []
    for k, sample in enumerate(samples_of(case)):
        tensors_ = tensors(torch, sample)
        leaves = [tensors_[i].requires_grad_() for i in chosen]
        grads = torch.autograd.grad(scalar(torch, case)(*tensors_), leaves)
        tangents = [m if dims_of(case)[i] is None else np.take(m, k, dims_of(case)[i]) for i, m in zip(chosen, moved, strict=True)]
        expected.append(sum((g.numpy() * m).sum() for g, m in zip(grads, tangents, strict=True)))
    close(found, np.array(expected))
