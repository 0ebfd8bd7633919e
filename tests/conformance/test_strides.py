"""Results lie in memory as PyTorch's do, whatever their operands lie like: `stride()` is the same.

Strides of dimensions of one element, and of tensors without elements, mean nothing and are not compared.
"""

import random
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import opinfo_list  # noqa: E402
from agreement import Disagreement, samples_of, tensors_in, text_of, theirs_result  # noqa: E402
from bridge import Missing, Untranslatable, ours, resolve  # noqa: E402
from layouts import VARIANTS, any_shape, any_view, changeable, laid_out, strides  # noqa: E402
from torch.testing._internal.opinfo.core import UnaryUfuncInfo  # noqa: E402

import pedigrad  # noqa: E402

SAMPLES = 3

EXCEPTIONS = {
    "linalg.cholesky": "with `upper` PyTorch's order depends on whether the matrix lay in rows",
    "linalg.cholesky_ex": "as linalg.cholesky",
    "cholesky": "as linalg.cholesky",
    "cholesky_inverse": "LAPACK's column order",
    **dict.fromkeys(
        """fft.fft fft.fft2 fft.fftn fft.hfft fft.hfft2 fft.hfftn fft.ifft fft.ifft2 fft.ifftn fft.ihfft fft.ihfft2 fft.ihfftn
        fft.irfft fft.irfft2 fft.irfftn fft.rfft fft.rfft2 fft.rfftn stft""".split(),
        "MKL's order of the transformed dimensions",
    ),
    "_softmax_backward_data": "the order of the operand, as the operation of which it is the gradient",
    "einsum": "an outer product: PyTorch's order follows from how it multiplies",
    "masked.logaddexp": "made of other operations",
    "linalg.householder_product": "LAPACK's column order",
    "linalg.lstsq": "LAPACK's column order",
    "linalg.lstsq.grad_oriented": "LAPACK's column order",
    "linalg.solve": "LAPACK's column order of vectors",
    "linalg.solve_ex": "as linalg.solve",
    "linalg.solve_triangular": "PyTorch's order depends on which BLAS routine it calls",
    "linalg.svd": "LAPACK's column order of one factor, which depends on the shape",
    "linalg.vander": "PyTorch's are products in rows, ours powers",
    "nn.functional.adaptive_max_pool3d": "the same operation as max_pool3d where windows divide the volume",
    "nn.functional.conv_transpose3d": "PyTorch's order depends on which of its kernels is chosen",
    "nn.functional.kl_div": "elementwise where PyTorch's is a composition, if operands differ",
    "nn.functional.pixel_shuffle": "a factor of one: PyTorch's is a plain copy",
    "ormqr": "LAPACK's column order",
    "pca_lowrank": "a chain of matrix factors",
    "svd": "as linalg.svd",
    "triangular_solve": "as linalg.solve_triangular",
    "unique": "PyTorch's are a transposed table of rows",
    "unique_consecutive": "as unique",
    "unravel_index": "PyTorch's are views of one tensor",
}


def cases(name):
    """The samples of an entry with their tensors laid out in all ways: all tensors, only the first, all but the first."""
    entry = opinfo_list.entries()[name]
    dtype = next((d for d in ("float32", "int64") if getattr(torch, d) in entry.supported_dtypes("cpu")), None)
    used = 0
    for sample in samples_of(entry, dtype, 4 * SAMPLES, False) if dtype else ():
        value = (sample.input, tuple(sample.args), dict(sample.kwargs))
        count = changeable(value)
        if not count or used == SAMPLES:
            continue
        used += 1
        for variant in VARIANTS:
            for which in (None, {0}, set(range(1, count))) if count > 1 else (None,):
                yield sample, variant.__name__, which, laid_out(value, variant, which)
    if not used and isinstance(entry, UnaryUfuncInfo) and dtype == "float32":  # samples of one dimension, and of no elements
        for variant in VARIANTS:
            yield None, variant.__name__, None, laid_out((torch.rand(2, 3, 4) + 1.5, (), {}), variant, None)


def differences(name):
    """Where results lie otherwise than PyTorch's."""
    entry = opinfo_list.entries()[name]
    function = resolve(entry)
    found = []
    for sample, variant, which, theirs in cases(name):
        try:
            mine = ours(theirs)
        except (Untranslatable, Missing, Disagreement):
            continue
        expected = theirs_result(entry.op, theirs)
        if expected is None:
            continue
        try:
            result = function(mine[0], *mine[1], **mine[2])
        except Exception:  # what an operation refuses is looked at elsewhere: values are, too
            continue
        for wanted, got in zip(tensors_in(expected, torch.Tensor), tensors_in(result, pedigrad.Tensor), strict=True):
            if wanted.layout is torch.strided and strides(wanted) != strides(got):
                given = [t.stride() for t in tensors_in(theirs, torch.Tensor)]
                value = text_of(sample) if sample else "a tensor"
                what = f"{value} with {variant} tensors {'' if which is None else sorted(which)}, strides {given}"
                found.append(f"{tuple(got.shape)}: strides {got.stride()}, expected {wanted.stride()}  [{what}]")
    return found


@pytest.mark.parametrize("name", [n for n in opinfo_list.supported() if n not in EXCEPTIONS])
def test_results_lie_as_pytorchs(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = differences(name)
        except Missing as missing:
            pytest.skip(str(missing))
    assert not found, "\n".join(found[:6])


def test_exceptions_are_entries():
    assert set(EXCEPTIONS) <= set(opinfo_list.supported())


# Programs


def images(t, *shape):
    """Images or volumes with channels last."""
    order = (0, *range(2, len(shape)), 1)
    x = t.arange(float(np.prod(shape))).reshape([shape[d] for d in order]) / 7
    return x.permute(sorted(range(len(shape)), key=order.__getitem__))


def weight(t, *shape):
    return t.ones(*shape)


def matrix(t):
    return t.arange(12.0).reshape(4, 3).t()


def block(t):
    return t.arange(24.0).reshape(2, 3, 4).permute(2, 0, 1)


PROGRAMS = {
    "x[:, [1, 0]]": lambda t: t.arange(24.0).reshape(2, 3, 4)[:, [1, 0]],
    "x[..., [0, 2]]": lambda t: block(t)[..., [0, 2]],
    "x[[0, 2]] of permuted": lambda t: block(t)[[0, 2]],
    "x[:, i] with a transposed index": lambda t: block(t)[:, t.tensor([[0, 1, 1], [1, 0, 0]]).t()],
    "x[i, :, j]": lambda t: block(t)[[0, 1], :, [0, 2]],
    "x[mask]": lambda t: block(t)[block(t)[:, 0, 0] > 1],
    "x[None, [1, 0], ...]": lambda t: block(t)[None, [1, 0], ...],
    "sum over a middle dimension": lambda t: block(t).sum(1),
    "sum over two": lambda t: images(t, 2, 3, 4, 5).sum((1, 3)),
    "mean keeping": lambda t: images(t, 2, 3, 4, 5).mean(1, keepdim=True),
    "max": lambda t: block(t).max(1).values,
    "argmin": lambda t: block(t).argmin(1),
    "var": lambda t: images(t, 2, 3, 4, 5).var(2),
    "softmax": lambda t: block(t).softmax(1),
    "cumsum": lambda t: block(t).cumsum(0),
    "x + y in two orders": lambda t: matrix(t) + t.ones(3, 4),
    "y + x in two orders": lambda t: t.ones(3, 4) + matrix(t),
    "x + row": lambda t: matrix(t) + t.ones(4),
    "x + column": lambda t: matrix(t) + t.ones(3, 1),
    "row + column": lambda t: t.ones(4) + t.ones(3, 1),
    "2 - x": lambda t: 2 - matrix(t),
    "x ** 2": lambda t: block(t) ** 2,
    "x > y": lambda t: matrix(t) > t.ones(3, 4),
    "int + float": lambda t: matrix(t).long() + t.ones(3, 4),
    "where": lambda t: t.where(matrix(t) > 2, t.ones(3, 4), matrix(t)),
    "expanded exp": lambda t: t.ones(1, 4).expand(3, 4).exp(),
    "relu": lambda t: block(t).relu(),
    "gelu": lambda t: t.nn.functional.gelu(block(t)),
    "cat of transposed": lambda t: t.cat([matrix(t), matrix(t)], -1),
    "stack of transposed": lambda t: t.stack([matrix(t), matrix(t)]),
    "cat of images": lambda t: t.cat([images(t, 2, 3, 4, 5)] * 2, 1),
    "stack of images": lambda t: t.stack([images(t, 2, 3, 4, 5)] * 2, 1),
    "stack of images in front": lambda t: t.stack([images(t, 2, 3, 4, 5)] * 2),
    "stack of images inside": lambda t: t.stack([images(t, 2, 3, 4, 5)] * 2, 3),
    "cat of images and nothing": lambda t: t.cat([images(t, 2, 3, 4, 5), t.ones(0)]),
    "cat of images and rows": lambda t: t.cat([images(t, 2, 3, 4, 5), t.ones(2, 3, 4, 5)]),
    "x @ y.T": lambda t: matrix(t) @ matrix(t).T,
    "batch @ matrix": lambda t: block(t) @ t.ones(3, 5),
    "linear": lambda t: t.nn.functional.linear(matrix(t), t.ones(5, 4)),
    "sort": lambda t: block(t).sort(1).values,
    "topk": lambda t: block(t).topk(2, 2).indices,
    "roll": lambda t: matrix(t).roll(1, 0),
    "roll of images": lambda t: images(t, 2, 3, 4, 5).roll((1, 2), (0, 3)),
    "roll of images by nothing": lambda t: images(t, 2, 3, 4, 5).roll(4, 2),
    "roll of images as one line": lambda t: images(t, 2, 3, 4, 5).roll(1),
    "flip": lambda t: block(t).flip(0),
    "tril": lambda t: matrix(t).tril(),
    "repeat": lambda t: matrix(t).repeat(2, 1),
    "gather": lambda t: block(t).gather(1, t.zeros(4, 1, 3, dtype=t.int64)),
    "embedding": lambda t: t.nn.functional.embedding(t.tensor([[1, 0]]), matrix(t)),
    "clone": lambda t: block(t).clone(),
    "clone in rows": lambda t: block(t).clone(memory_format=t.contiguous_format),
    "to": lambda t: block(t).double(),
    "zeros_like": lambda t: t.zeros_like(block(t)),
    "empty_like of sliced": lambda t: t.empty_like(block(t)[::2]),
    "full_like of expanded": lambda t: t.full_like(t.ones(1, 4).expand(3, 4), 2.0),
    "rand_like": lambda t: t.rand_like(block(t)),
    "channels_last": lambda t: t.ones(2, 3, 4, 5).to(memory_format=t.channels_last),
    "contiguous(channels_last_3d)": lambda t: t.ones(2, 3, 4, 5, 6).contiguous(memory_format=t.channels_last_3d),
    "empty(channels_last)": lambda t: t.empty(2, 3, 4, 5, memory_format=t.channels_last),
    "conv2d": lambda t: t.nn.functional.conv2d(images(t, 2, 3, 4, 5), weight(t, 6, 3, 2, 2)),
    "conv2d with such a weight": lambda t: t.nn.functional.conv2d(t.ones(2, 3, 4, 5), images(t, 6, 3, 2, 2)),
    "conv1d": lambda t: t.nn.functional.conv1d(images(t, 2, 3, 4), weight(t, 6, 3, 2)),
    "conv_transpose2d": lambda t: t.nn.functional.conv_transpose2d(images(t, 2, 3, 4, 5), weight(t, 3, 6, 2, 2)),
    "max_pool2d": lambda t: t.nn.functional.max_pool2d(images(t, 2, 3, 4, 6), 2),
    "avg_pool2d": lambda t: t.nn.functional.avg_pool2d(images(t, 2, 3, 4, 6), 2),
    "avg_pool3d": lambda t: t.nn.functional.avg_pool3d(images(t, 2, 3, 4, 6, 4), 2),
    "max_pool3d": lambda t: t.nn.functional.max_pool3d(images(t, 2, 3, 4, 6, 4), 2),
    "adaptive_avg_pool2d": lambda t: t.nn.functional.adaptive_avg_pool2d(images(t, 2, 3, 4, 6), 3),
    "adaptive_max_pool2d": lambda t: t.nn.functional.adaptive_max_pool2d(images(t, 2, 3, 4, 6), 3),
    "batch_norm": lambda t: t.nn.BatchNorm2d(3)(images(t, 2, 3, 4, 5)),
    "batch_norm of any order": lambda t: t.nn.BatchNorm2d(3)(t.ones(5, 4, 3, 2).permute(3, 2, 1, 0)),
    "group_norm": lambda t: t.nn.GroupNorm(1, 3)(images(t, 2, 3, 4, 5)),
    "instance_norm": lambda t: t.nn.InstanceNorm2d(3)(images(t, 2, 3, 4, 5)),
    "layer_norm": lambda t: t.nn.LayerNorm(5)(images(t, 2, 3, 4, 5)),
    "dropout": lambda t: t.nn.functional.dropout(images(t, 2, 3, 4, 5)),
    "dropout2d": lambda t: t.nn.functional.dropout2d(images(t, 2, 3, 4, 5)),
    "pad": lambda t: t.nn.functional.pad(images(t, 2, 3, 4, 5), (1, 1)),
    "pad by reflection": lambda t: t.nn.functional.pad(images(t, 2, 3, 4, 5), (1, 1, 1, 1), mode="reflect"),
    "pad in a circle": lambda t: t.nn.functional.pad(images(t, 2, 3, 4, 5), (1, 1, 1, 1), mode="circular"),
    "interpolate": lambda t: t.nn.functional.interpolate(images(t, 2, 3, 4, 5), size=6),
    "bilinear": lambda t: t.nn.functional.interpolate(images(t, 2, 3, 4, 5), size=6, mode="bilinear"),
    "pixel_shuffle": lambda t: t.nn.functional.pixel_shuffle(images(t, 2, 4, 4, 5), 2),
    "pixel_unshuffle": lambda t: t.nn.functional.pixel_unshuffle(images(t, 2, 4, 4, 6), 2),
    "einsum": lambda t: t.einsum("ij,kj->ik", matrix(t), matrix(t)),
    "nonzero": lambda t: (matrix(t) > 2).nonzero(),
    "inverse": lambda t: t.linalg.inv(t.eye(3)),
    "x.T.T": lambda t: matrix(t).T.T,
    "x[::2].t() in place": lambda t: matrix(t)[::2].t().add_(1),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_lie_as_pytorchs(name):
    wanted, got = PROGRAMS[name](torch), PROGRAMS[name](pedigrad)
    assert strides(got) == strides(wanted)
    assert got.is_contiguous() == wanted.is_contiguous()


PARAMETERS = {
    "in rows": lambda t: t.ones(4, 5),
    "transposed": lambda t: t.ones(5, 4).t(),
    "permuted": lambda t: t.ones(5, 2, 2).permute(1, 2, 0).reshape(4, 5),
    "sliced": lambda t: t.ones(4, 10)[:, ::2],
    "expanded": lambda t: t.ones(4, 1).expand(4, 5),
}
USES = {
    "itself": lambda t, w: w * 2,
    "transposed": lambda t, w: w.t() * 2,
    "product": lambda t, w: t.ones(3, 4) @ w,
    "product with its transpose": lambda t, w: w @ w.t(),
    "sum": lambda t, w: w.sum(0),
    "twice": lambda t, w: w.exp().t() + w.t(),
}


@pytest.mark.parametrize("parameter", PARAMETERS)
@pytest.mark.parametrize("use", USES)
def test_a_gradient_lies_as_its_leaf(parameter, use):
    def program(t):
        w = PARAMETERS[parameter](t).requires_grad_()
        USES[use](t, w).sum().backward()
        first = w.grad.stride()
        USES[use](t, w).sum().backward()
        return first, w.grad.stride()

    assert program(pedigrad) == program(torch)


RESHAPES = {
    "reshape": lambda x, rng, sizes: x.reshape(sizes),
    "view": lambda x, rng, sizes: x.view(sizes),
    "flatten": lambda x, rng, sizes: x.flatten(*sorted(rng.choices(range(-x.ndim, 0), k=2)) if x.ndim else ()),
    "ravel": lambda x, rng, sizes: x.ravel(),
    "squeeze": lambda x, rng, sizes: x.squeeze(),
    "contiguous": lambda x, rng, sizes: x.contiguous(),
    "expand": lambda x, rng, sizes: x.expand(2, *x.shape),
}


@pytest.mark.parametrize("name", RESHAPES)
def test_shapes_change_by_a_view_where_pytorchs_do(name):
    rng = random.Random(name)
    for number in range(400):
        x = any_view(rng)
        sizes, mine = any_shape(rng, x), ours(x)
        outcomes = []
        for each in (x, mine):
            try:
                outcomes.append(RESHAPES[name](each, random.Random(number), sizes))
            except (RuntimeError, ValueError) as error:
                outcomes.append(type(error))
        wanted, got = outcomes
        what = f"{name} of shape {tuple(x.shape)} and strides {x.stride()} to {sizes}"
        if isinstance(wanted, type) or isinstance(got, type):
            assert wanted is got, what
            continue
        assert tuple(got.shape) == tuple(wanted.shape), what
        assert strides(got) == strides(wanted), what
        if x.numel():
            shared = wanted.untyped_storage().data_ptr() == x.untyped_storage().data_ptr()
            assert np.may_share_memory(got.numpy(), mine.numpy()) == shared, what
