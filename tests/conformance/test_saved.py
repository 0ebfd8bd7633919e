"""What is written in place between an operation and its backward pass: where PyTorch goes on, so do we, with its gradients."""

import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import opinfo_list  # noqa: E402
from agreement import leaves, samples_of, text_of  # noqa: E402
from bridge import Missing, Untranslatable, _mapped, array_of, fresh, ours, resolve  # noqa: E402

import pedigrad  # noqa: E402

SAMPLES = 2

REFUSED_BY_US = {
    "__rdiv__": "the operand is saved, PyTorch's reciprocal saves its result",
    "einsum": "an operand whose dimension is broadcast is saved",
    "kron": "PyTorch's multiplies copies",
    "linalg.eigh": "PyTorch's gradient follows from the modified matrix's phase",
    "nn.functional.cosine_similarity": "one rule for both operands",
    "nn.functional.cross_entropy": "the scores are saved, not a copy of their softmax",
    "nn.functional.instance_norm": "PyTorch's weight is repeated, a copy",
    "nn.functional.kl_div": "the operands are saved, not their difference",
    "nn.functional.l1_loss": "the operands are saved, not their difference",
    "nn.functional.linear_cross_entropy.chunked": "PyTorch works gradients out in its forward",
    "nn.functional.rms_norm": "one rule for both operands",
    "nn.functional.scaled_dot_product_attention": "PyTorch saves scaled copies",
    "nn.functional.smooth_l1_loss": "the operands are saved, not their difference",
    "nn.functional.tanhshrink": "the operand is saved, not its tanh",
    "pca_lowrank": "results of chance",
    "polar": "the operands are saved, not their product",
    "special.ndtr": "the operand is saved, not a multiple of it",
    "take_along_dim": "PyTorch broadcasts a copy of the indices",
    "tensordot": "as einsum",
}
ELSEWHERE = "as_strided as_strided_scatter expand_as meshgrid.list_of_tensors meshgrid.variadic_tensors unfold unsafe_chunk unsafe_split"
ELSEWHERE += " view_as_real as_strided.partial_views"  # writes to views: test_inplace_views.py


def intermediates(value, kind):
    """`value` with clones of its tensors that need a gradient, these tensors, and all tensors that an operation is given."""
    sources, given, memo = [], [], {}

    def change(x):
        if not isinstance(x, kind):
            return _mapped(x, change)
        if id(x) not in memo:
            memo[id(x)] = x.clone() if x.requires_grad else x
            sources.extend([x] if x.requires_grad else [])
            given.append(memo[id(x)])
        return memo[id(x)]

    return change(value), sources, given


def write_to(t, tensor):
    if tensor.dtype in (t.float32, t.float64, t.complex64, t.complex128):
        tensor.mul_(2)
    elif tensor.dtype is t.bool:
        tensor.logical_not_()
    else:
        tensor.add_(0)


def outcome(t, function, value, where, number):
    """The gradients after result or operand `number` was written to; None if that or the backward pass is refused."""
    kind = t.Tensor
    (first, args, kwargs), sources, given = intermediates(value, kind)
    t.manual_seed(0)
    results = [r for r in leaves(function(first, *args, **kwargs)) if isinstance(r, kind)]
    try:
        write_to(t, (results if where == "result" else given)[number])
        roots = [r for r in results if r.requires_grad]
        total = [(r.real + r.imag).sum() if r.is_complex() else r.sum() for r in roots]
        return t.autograd.grad(total, sources, allow_unused=True) if roots and sources else None
    except (RuntimeError, TypeError, NotImplementedError):
        return None


def only_one(value, number):
    """`value` of which one tensor alone needs a gradient (None: all do that did)."""
    if number is None:
        return value
    seen = {}

    def change(x):
        if not isinstance(x, torch.Tensor):
            return _mapped(x, change)
        if x.requires_grad and id(x) not in seen:
            seen[id(x)] = x.detach().requires_grad_(len(seen) == number)
        return seen.get(id(x), x)

    return change(value)


def cases(entry):
    """The samples of an entry, where all tensors and where each alone needs a gradient, and what is written to."""
    dtypes = (d for d in ("float64", "float32", "complex64") if getattr(torch, d) in entry.supported_backward_dtypes("cpu"))
    dtype = next(dtypes, None) if entry.supports_autograd else None
    for sample in samples_of(entry, dtype, SAMPLES, True) if dtype else ():
        whole = fresh((sample.input, tuple(sample.args), dict(sample.kwargs)))
        _, sources, given = intermediates(whole, torch.Tensor)
        if any(not tensor.numel() for tensor in given):
            continue
        for number in (None, *(range(len(sources)) if 1 < len(sources) < 4 else ())):
            value = only_one(whole, number)
            try:
                results = [r for r in leaves(entry.op(value[0], *value[1], **value[2])) if isinstance(r, torch.Tensor)]
            except Exception:
                continue
            yield from ((sample, value, "result", i) for i in range(min(len(results), 3)))
            yield from ((sample, value, "operand", i) for i in range(min(len(given), 4)))


def differences(name):
    """Where PyTorch gives gradients and we give none, or others."""
    entry = opinfo_list.entries()[name]
    function = resolve(entry)
    for sample, value, where, number in cases(entry):
        theirs = fresh(value)
        try:
            mine = ours(theirs)
        except (Untranslatable, Missing):
            continue
        wanted = outcome(torch, entry.op, theirs, where, number)
        if wanted is None:
            continue
        got = outcome(pedigrad, function, mine, where, number)
        what = f"{where} {number} of [{text_of(sample)}] written to: "
        if got is None:
            yield what + "refused"
            continue
        for g, h in zip(wanted, got, strict=True):
            expected = 0 if g is None else array_of(g)
            if not np.allclose(0 if h is None else h.detach().numpy(), expected, rtol=1e-3, atol=1e-4, equal_nan=True):
                yield what + "another gradient"


@pytest.mark.parametrize("name", [n for n in opinfo_list.supported() if n not in REFUSED_BY_US and n not in ELSEWHERE.split()])
def test_writes_are_refused_only_where_pytorch_refuses_them(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = list(differences(name))
        except Missing as missing:
            pytest.skip(str(missing))
    assert not found, "\n".join(found[:6])


def test_exceptions_are_entries():
    assert set(REFUSED_BY_US) | set(ELSEWHERE.split()) <= set(opinfo_list.entries())


PROGRAMS = {
    "pooling, then relu in place": lambda t, x: t.nn.functional.relu(t.nn.functional.max_pool2d(x.reshape(1, 4, 4, 4), 2), inplace=True),
    "a convolution before that": lambda t, x: t.nn.functional.relu(
        t.nn.functional.max_pool2d(t.nn.functional.conv2d(x.reshape(1, 4, 4, 4), t.ones(2, 4, 2, 2)), 2), inplace=True
    ),
    "average pooling": lambda t, x: t.nn.functional.avg_pool2d(x.reshape(1, 4, 4, 4), 2).mul_(3),
    "x ** 2 divided": lambda t, x: (x**2).div_(2),
    "2 ** x divided": lambda t, x: (2**x).div_(2),
    "square": lambda t, x: x.square().mul_(2),
    "normalize": lambda t, x: t.nn.functional.normalize(x.reshape(8, 8)).mul_(2),
    "lp_pool": lambda t, x: t.nn.functional.lp_pool1d(x.reshape(1, 4, 16), 2, 2).mul_(2),
    "exp": lambda t, x: x.exp().mul_(2),
    "sigmoid": lambda t, x: x.sigmoid().mul_(2),
    "tanh": lambda t, x: x.tanh().mul_(2),
    "softmax": lambda t, x: x.softmax(0).mul_(2),
    "relu": lambda t, x: x.relu().mul_(2),
    "sqrt": lambda t, x: x.sqrt().mul_(2),
    "leaky_relu": lambda t, x: t.nn.functional.leaky_relu(x).mul_(2),
    "linear": lambda t, x: t.nn.functional.linear(x.reshape(8, 8), t.ones(3, 8)).mul_(2),
    "layer_norm": lambda t, x: t.nn.functional.layer_norm(x.reshape(8, 8), (8,)).mul_(2),
    "sum": lambda t, x: x.sum().mul_(2),
    "amax": lambda t, x: x.amax().mul_(2),
    "cumsum": lambda t, x: x.cumsum(0).mul_(2),
    "dropout": lambda t, x: t.nn.functional.dropout(x, 0.0).mul_(2),
    "product": lambda t, x: (x * t.ones(64)).mul_(2),
    "quotient": lambda t, x: (x / t.ones(64)).mul_(2),
    "quotient by x": lambda t, x: (t.ones(64) / x).mul_(2),
    "norm": lambda t, x: x.norm().mul_(2),
    "std": lambda t, x: x.std().mul_(2),
}
CONSTANTS = {
    "mm": lambda t, x, c: c.reshape(8, 8) @ x.reshape(8, 8),
    "mv": lambda t, x, c: c.reshape(8, 8) @ x[:8],
    "vm": lambda t, x, c: x[:8] @ c.reshape(8, 8),
    "batch": lambda t, x, c: x.reshape(4, 4, 4) @ c[:16].reshape(4, 4),
    "linear": lambda t, x, c: t.nn.functional.linear(x.reshape(8, 8), c.reshape(8, 8)),
    "linear of a constant": lambda t, x, c: t.nn.functional.linear(c.reshape(8, 8), x.reshape(8, 8)),
    "einsum": lambda t, x, c: t.einsum("i,i->i", x, c),
    "mul": lambda t, x, c: x * c,
    "pow": lambda t, x, c: x**c,
    "where": lambda t, x, c: t.where(c > 0, x, c),
    "addcmul": lambda t, x, c: t.addcmul(c, x, x),
}


def gradient(t, program):
    """The gradient of `program` at some numbers; None if its backward pass is refused."""
    x = (t.arange(64.0) / 10 + 1).requires_grad_()
    try:
        program(x).sum().backward()
    except RuntimeError as error:
        assert "modified by an inplace operation" in str(error)
        return None
    return x.grad.numpy()


def same(wanted, got):
    return got is None if wanted is None else got is not None and np.allclose(got, wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_result_is_written_to(name):
    wanted, got = (gradient(t, lambda x, t=t: PROGRAMS[name](t, x * 1)) for t in (torch, pedigrad))
    assert same(wanted, got), (wanted, got)


@pytest.mark.parametrize("name", CONSTANTS)
@pytest.mark.parametrize("which", ["operand", "constant"])
def test_an_operand_is_written_to(name, which):
    def program(t, x):
        x, constant = x * 1, t.ones(64)
        out = CONSTANTS[name](t, x, constant)
        (x if which == "operand" else constant).add_(1)
        return out

    wanted, got = (gradient(t, lambda x, t=t: program(t, x)) for t in (torch, pedigrad))
    assert same(wanted, got), (wanted, got)
