"""Every op in the registry under vmap and forward derivatives: vmap is the loop, a tangent is what double reverse mode gives."""

import itertools

import numpy as np
import pytest
from op_samples import INTERNAL, NO_DERIVATIVE, call, cases, tensors_of

import pedigrad
from pedigrad.autograd.levels import batched
from pedigrad.core.op import REGISTRY
from pedigrad.core.tensor import wrap

SAMPLES = 3
NAMES = [n for n in sorted(REGISTRY) if REGISTRY[n].kind != "edge" and n not in INTERNAL]
# Drawn anew by each call, or shaped by the elements.
CHANCE = {"_standard_gamma", "_sample_dirichlet", "alpha_dropout", "dropout"}
SHAPED = {"nonzero", "unique", "unique_consecutive", "bincount", "histc", "histogram", "places_of"}
# Where the gradient is another number than the derivative, on purpose.
NO_DERIVATIVES = {"embedding": lambda attributes: attributes.get("scale_grad_by_freq") or attributes.get("padding_idx", -1) >= 0}
REFUSED = {"scatter_by", "_ctc_loss_slopes", "_standard_gamma_grad", "_dirichlet_grad"}  # the rule is an error, as PyTorch's is


def varied(array, i):
    """Another sample like `array`."""
    return array * (1 + 0.001 * i) if array.dtype.kind in "fc" else np.roll(array, i) if array.dtype.kind == "b" and array.ndim else array


def subsets(operands):
    """Which operands have a batch: each set of them; where there are many, each one and all."""
    there = [i for i, a in enumerate(operands) if a is not None]
    sizes = range(1, len(there) + 1) if len(there) < 4 else (1, len(there))
    return itertools.chain.from_iterable(itertools.combinations(there, n) for n in sizes)


def same(one, other):
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    return np.allclose(one, other, rtol=1e-7, atol=1e-9, equal_nan=True) if one.dtype.kind in "fc" else np.array_equal(one, other)


@pytest.mark.parametrize("name", [n for n in NAMES if n not in CHANCE | SHAPED])
@pytest.mark.filterwarnings("ignore:vmap")
def test_vmap_is_the_loop(name):
    op = REGISTRY[name]
    for sample in cases(op):
        for batch in subsets(sample.operands):
            stacks = [
                None if a is None else wrap(np.stack([varied(a, j) for j in range(SAMPLES)]) if i in batch else a.copy())
                for i, a in enumerate(sample.operands)
            ]

            def function(*given, stacks=stacks, batch=batch, sample=sample):
                rest = iter(given)
                return tuple(call(op, [next(rest) if i in batch else t for i, t in enumerate(stacks)], sample.attributes))

            loop = [function(*(stacks[i][j] for i in batch)) for j in range(SAMPLES)]
            batched.LOOPED.clear()
            for k, result in enumerate(pedigrad.vmap(function)(*(stacks[i] for i in batch))):
                expected = np.stack([each[k]._array for each in loop])
                assert same(expected, result._array), f"{name}{sample}, operands {batch}, result {k}: {result}, expected {expected}"
            assert not batched.LOOPED, f"{name}{sample}, operands {batch}: run sample by sample"


def smooth(op, sample):
    """The tensors of a sample, and which of them have a derivative."""
    tensors = tensors_of(op, sample)
    return tensors, [i for i, t in enumerate(tensors) if t is not None and t.requires_grad]


def function_of(op, tensors, numbers, attributes):
    """The op as a function of the operands `numbers`, which gives its smooth results."""

    def function(*given):
        rest = dict(zip(numbers, given, strict=True))
        results = call(op, [rest.get(i, t) for i, t in enumerate(tensors)], attributes)
        return [r for r in results if r.is_floating_point() or r.is_complex()]

    return function


def double_reverse(function, primals, tangents):
    """The derivative along tangents as the derivative of the product of cotangents and Jacobian."""
    leaves = [wrap(p._array.copy()).requires_grad_() for p in primals]
    outs = function(*leaves)
    probes = [pedigrad.zeros_like(o).requires_grad_() for o in outs]
    smooth_outs = [o for o in outs if o.requires_grad]
    if not smooth_outs:
        return [np.zeros(tuple(o.shape)) for o in outs]
    starts = [p for o, p in zip(outs, probes, strict=True) if o.requires_grad]
    products = pedigrad.autograd.grad(smooth_outs, leaves, starts, create_graph=True, allow_unused=True)
    used = [(g, t) for g, t in zip(products, tangents, strict=True) if g is not None and g.requires_grad]
    if not used:
        return [np.zeros(tuple(o.shape)) for o in outs]
    found = pedigrad.autograd.grad([g for g, _ in used], probes, [t for _, t in used], allow_unused=True)
    return [np.zeros(tuple(o.shape)) if f is None else f._array for o, f in zip(outs, found, strict=True)]


@pytest.mark.parametrize("name", [n for n in NAMES if REGISTRY[n].rules and n not in REFUSED | CHANCE])
def test_a_tangent_is_what_double_reverse_mode_gives(name):
    op = REGISTRY[name]
    for sample in cases(op):
        if NO_DERIVATIVES.get(name, lambda attributes: False)(sample.attributes):
            continue
        tensors, numbers = smooth(op, sample)
        rng = np.random.default_rng(0)
        for chosen in [numbers] if len(numbers) < 2 else [numbers, *([n] for n in numbers)]:
            if not chosen:
                continue
            primals = tuple(wrap(tensors[i]._array) for i in chosen)
            tangents = tuple(wrap(np.asarray(rng.standard_normal(p._array.shape), p._array.dtype)) for p in primals)
            others = [None if t is None else wrap(t._array) for t in tensors]
            function = function_of(op, others, chosen, sample.attributes)
            if not function(*primals) or not all(p._array.size for p in primals):
                continue
            _, found = pedigrad.func.jvp(function, primals, tangents)
            for k, (one, other) in enumerate(zip(found, double_reverse(function, primals, tangents), strict=True)):
                assert np.allclose(one._array, other, rtol=1e-6, atol=1e-8, equal_nan=True), (
                    f"{name}{sample}, {chosen}, result {k}: {one} {other}"
                )


@pytest.mark.parametrize("name", [n for n in NAMES if REGISTRY[n].rules and n not in REFUSED | CHANCE | set(NO_DERIVATIVE)])
def test_second_derivatives_are_the_same_in_every_order(name):
    op = REGISTRY[name]
    for sample in cases(op)[:2]:
        tensors, numbers = smooth(op, sample)
        if not numbers:
            continue
        rng = np.random.default_rng(0)
        primals = tuple(wrap(tensors[i]._array) for i in numbers)
        tangents = tuple(wrap(np.asarray(rng.standard_normal(p._array.shape), p._array.dtype)) for p in primals)
        others = [None if t is None else wrap(t._array) for t in tensors]
        function = function_of(op, others, numbers, sample.attributes)

        def scalar(*given, function=function):
            return sum((r * r.conj()).real.sum() if r.is_complex() else (r * r).sum() for r in function(*given))

        gradient = pedigrad.func.grad(scalar, tuple(range(len(numbers))))
        _, forward = pedigrad.func.jvp(gradient, primals, tangents)
        leaves = [wrap(p._array.copy()).requires_grad_() for p in primals]
        products = pedigrad.autograd.grad(scalar(*leaves), leaves, create_graph=True, allow_unused=True)
        used = [(g, t) for g, t in zip(products, tangents, strict=True) if g is not None and g.requires_grad]
        if not used:
            continue
        # The Hessian of a real function is symmetric, so its product with the tangents is the gradient of the slope along them.
        slope = sum((g * t.conj()).real.sum() if g.is_complex() else (g * t).sum() for g, t in used)
        reverse = pedigrad.autograd.grad(slope, leaves, allow_unused=True)
        along = pedigrad.func.jvp(lambda *given, f=scalar, t=tangents: pedigrad.func.jvp(f, given, t)[1], primals, tangents)[1]
        product = sum((a * t.conj()).real.sum() if a.is_complex() else (a * t).sum() for a, t in zip(forward, tangents, strict=True))
        assert np.allclose(along._array, product._array, rtol=1e-6, atol=1e-8, equal_nan=True), f"{name}{sample}, forward over forward"
        for one, other in zip(forward, reverse, strict=True):
            expected = np.zeros_like(one._array) if other is None else other._array
            assert np.allclose(one._array, expected, rtol=1e-6, atol=1e-8, equal_nan=True), f"{name}{sample}: {one} {other}"


def test_random_slopes_are_drawn_for_each_sample_where_samples_may_differ():
    x = pedigrad.tensor([[-1.0, 2.0, -3.0], [-1.0, -2.0, 3.0]])

    def slopes(randomness):
        return pedigrad.vmap(lambda v: pedigrad.nn.functional.rrelu(v, 0.25, 0.5, training=True), randomness=randomness)(x) / x

    different, same = slopes("different"), slopes("same")
    for found in (different, same):
        assert (found[x > 0] == 1).all() and ((found[x < 0] >= 0.25) & (found[x < 0] < 0.5)).all()
    assert different[0, 0] != different[1, 0] and same[0, 0] == same[1, 0]
    with pytest.raises(RuntimeError, match="randomness error mode"):
        slopes("error")


def test_samples_and_tangents_are_multiplied_with_arrays():
    x, array = pedigrad.tensor([[1.0, 2.0], [3.0, 4.0]]), np.array([2.0, 4.0], np.float32)
    assert pedigrad.vmap(lambda v: array * v - v / array)(x).tolist() == [[1.5, 7.5], [4.5, 15.0]]
    assert pedigrad.func.jvp(lambda v: array * v, (x,), (x + 1,))[1].tolist() == [[4.0, 12.0], [8.0, 20.0]]
