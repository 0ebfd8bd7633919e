"""Every op in the registry: its two ways of being called agree, dtypes are kept, its gradients are the derivatives.

Elementwise ops are tried on a few shapes in their `domain`, the others on the samples they declare.
"""

import functools
import itertools

import numpy as np
import pytest
from op_samples import INTERNAL, NO_DERIVATIVE, RANDOM, call, cases, tensors_of

import pedigrad
from pedigrad.autograd.gradcheck import GradcheckError, gradcheck, gradgradcheck
from pedigrad.core import dispatch, inplace
from pedigrad.core.declare import composite, elementwise
from pedigrad.core.op import REGISTRY
from pedigrad.core.tensor import Tensor, wrap

NAMES = sorted(name for name, each in REGISTRY.items() if each.kind != "edge")  # those need a level: tests/test_levels.py
ABOUT_STRIDES = {"view", "view_as_complex", "as_strided"}  # they mean the memory, not the elements
ALWAYS_WIDE = {"float_power"}  # float64 whatever it is given
# Gradients that are no derivatives on purpose: rows of the padding get none, frequent rows get less.
NO_DERIVATIVES = {"embedding": lambda attributes: attributes.get("scale_grad_by_freq") or attributes.get("padding_idx", -1) >= 0}

REFUSED = {
    "scatter_by",
    "_ctc_loss_slopes",
    "_standard_gamma_grad",
    "_dirichlet_grad",
}  # differentiable in name: the rule is an error, as PyTorch's is
SPARSE = {name for name in NAMES if REGISTRY[name].kind == "sparse"}  # on sparse arrays: tests/ops/test_sparse.py has their gradients
DRAWN = {"_standard_gamma", "_sample_dirichlet"}  # at random each time; tests/distributions has their derivatives


# The checks, each on one op


def check_documented(each):
    doc = each.forward.__doc__
    assert doc and doc.strip().split("\n\n")[0].endswith((".", ":", ")")), f"{each.name} needs a docstring that starts with a sentence"
    assert [line for line in doc.split("\n") if line.strip() and line not in each.function.__doc__] == []  # more may follow it


LAYOUTS = {
    "rows": lambda array: array.copy(),
    "columns": lambda array: np.array(array, order="F"),
    "gaps": lambda array: np.stack([array, np.zeros_like(array)], -1)[..., 0] if array.ndim else array.copy(),
    "channels last": lambda array: np.moveaxis(np.moveaxis(array, 1, -1).copy(), -1, 1) if array.ndim > 3 else array.copy(),
}


def check_ways_agree(each):
    """The generated function and general dispatch give the same values, dtypes, strides and nodes, however operands lie in memory."""
    layouts = [LAYOUTS["rows"]] if each.name in ABOUT_STRIDES else LAYOUTS.values()
    for sample, lie in itertools.product(cases(each), layouts):
        tensors = tensors_of(each, sample)
        for tensor in tensors:
            if tensor is not None and lie is not LAYOUTS["rows"]:
                tensor.data = wrap(lie(tensor._array))
        short = call(each, tensors, sample.attributes)
        attributes = tuple(sample.attributes.get(n, each.defaults.get(n)) for n in each.attributes)
        operands = (list(tensors),) if each.variadic else tuple(tensors)
        general = dispatch.dispatch(each, operands, attributes)
        general = general if isinstance(general, (tuple, list)) else (general,)
        assert len(short) == len(general), f"{each.name}{sample}"
        for one, other in zip(short, general, strict=True):
            assert isinstance(one, Tensor) and isinstance(one._array, np.ndarray), f"{each.name}{sample}"
            assert one.dtype == other.dtype and one.shape == other.shape, f"{each.name}{sample}"
            assert one.stride() == other.stride() and one.is_contiguous() == other.is_contiguous(), f"{each.name}{sample}"
            assert np.array_equal(one._array, other._array, equal_nan=one._array.dtype.kind in "fc"), f"{each.name}{sample}"
            assert one.requires_grad == other.requires_grad, f"{each.name}{sample}"
            assert type(one.grad_fn) is type(other.grad_fn), f"{each.name}{sample}"
            if one.grad_fn is not None:
                kinds = [[type(p) for p, _ in out.grad_fn.next_functions] for out in (one, other)]
                assert kinds[0] == kinds[1], f"{each.name}{sample}"


def check_dtypes(each):
    """float32 in gives what float64 gives, in single precision."""
    narrow = {} if each.name in ALWAYS_WIDE else {"torch.float64": "torch.float32", "torch.complex128": "torch.complex64"}
    for sample in cases(each):
        wide = call(each, tensors_of(each, sample, np.float64), sample.attributes)
        single = call(each, tensors_of(each, sample, np.float32), sample.attributes)
        floats = [a for a in sample.operands if a is not None and a.dtype.kind in "fc"]
        for one, other in zip(wide, single, strict=True):
            expected = narrow.get(repr(one.dtype), repr(one.dtype))
            if floats and "dtype" not in sample.attributes:
                assert repr(other.dtype) == expected, f"{each.name}{sample}: float32 gives {other.dtype}"
            if one._array.dtype.kind == "f" and not each.name.startswith(RANDOM):
                assert np.allclose(one._array, other._array, rtol=1e-3, atol=1e-3, equal_nan=True), f"{each.name}{sample}"


def check_layout(each):
    """Operands that are not contiguous give the same values."""
    for sample in cases(each) if each.name not in ABOUT_STRIDES else ():
        strided = sample.map(lambda _, array: np.stack([array, np.zeros_like(array)], -1)[..., 0] if array.ndim else array)
        turned = sample.map(lambda _, array: np.array(array, order="F"))
        plain = call(each, tensors_of(each, sample), sample.attributes)
        for other in (strided, turned):
            operands = other.map(lambda _, array: wrap(array)).operands
            for one, two in zip(plain, call(each, operands, sample.attributes), strict=True):
                if one._array.dtype.kind in "fc":
                    assert np.allclose(one._array, two._array, equal_nan=True), f"{each.name}{sample}: wrong if not contiguous"
                else:
                    assert np.array_equal(one._array, two._array), f"{each.name}{sample}: wrong if not contiguous"


def check_gradients(each, second=True):
    """First and second gradients are the derivatives, and some sample has each differentiable operand."""
    checked = set()
    found = cases(each)
    assert found, f"{each.name} is differentiable and has no samples"
    for sample in found:
        tensors = tensors_of(each, sample)
        if each.name in NO_DERIVATIVES and NO_DERIVATIVES[each.name](sample.attributes):
            continue
        if not any(t is not None and t.requires_grad for t in tensors):
            continue
        checked |= {each.operands[0 if each.variadic else i] for i, t in enumerate(tensors) if t is not None and t.requires_grad}

        def function(*values, sample=sample):
            return call(each, values, sample.attributes)

        function.__name__ = each.name
        try:
            gradcheck(function, tensors)
            if second:
                gradgradcheck(function, tensors)
        except GradcheckError as error:
            raise AssertionError(f"{each.name}{sample}: {error}") from error
    untested = set(each.differentiable) - checked - NO_DERIVATIVE.get(each.name, set())
    assert not untested, f"{each.name}: no sample has a float for {sorted(untested)}"


CHECKS = {c.__name__.removeprefix("check_"): c for c in (check_documented, check_ways_agree, check_dtypes, check_layout)}


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", [n for n in NAMES if n not in INTERNAL | SPARSE])
def test_op(name, check):
    CHECKS[check](REGISTRY[name])


@pytest.mark.parametrize("name", [n for n in NAMES if REGISTRY[n].rules and n not in INTERNAL | REFUSED | DRAWN | SPARSE])
def test_gradients(name):
    check_gradients(REGISTRY[name])


@pytest.mark.parametrize("name", [n for n in NAMES if REGISTRY[n].inplace])
def test_inplace_form(name):
    each = REGISTRY[name]
    form = inplace.inplace_form(each)
    for sample in cases(each):
        tensors = tensors_of(each, sample, requires_grad=False)
        (expected,) = call(each, tensors, sample.attributes)
        if expected.shape != tensors[0].shape or not pedigrad.core.dtypes.can_cast(expected.dtype, tensors[0].dtype):
            continue
        before = tensors[0]._version
        result = form(*tensors, **sample.attributes)
        assert result is tensors[0]
        assert np.allclose(result._array, expected._array, equal_nan=True)
        assert result._version > before


@pytest.mark.parametrize("zero_infinity", [False, True])
def test_ctc_loss_behind_a_log_softmax(zero_infinity):
    lengths, sizes, targets = pedigrad.tensor([5, 4]), pedigrad.tensor([2, 1]), pedigrad.tensor([[1, 2], [2, 2]])

    def losses(x):
        return pedigrad.ctc_loss(x.log_softmax(-1), targets, lengths, sizes, reduction="none", zero_infinity=zero_infinity)

    gradcheck(losses, (pedigrad.randn(5, 2, 3, dtype=pedigrad.float64, requires_grad=True),))


# The checks themselves: wrong gradients are found


@pytest.fixture
def declare():
    """Registers ops for one test."""
    before = set(REGISTRY)
    yield functools.partial(elementwise, places="")
    for name in set(REGISTRY) - before:
        del REGISTRY[name]


def cube(x, /):
    """Third power."""
    return x * x * x


def test_a_right_gradient_passes(declare):
    function = declare(name="right_cube")(cube)

    @function.grad("x")
    def _(g, x):
        return g * x * x * 3.0

    check_gradients(function.op)


def test_a_wrong_gradient_is_found(declare):
    function = declare(name="wrong_cube")(cube)

    @function.grad("x")
    def _(g, x):
        return g * x * x * 2.0

    with pytest.raises(AssertionError, match=r"wrong_cube"):
        check_gradients(function.op)
    x = pedigrad.tensor([1.0, 2.0], dtype=pedigrad.float64, requires_grad=True)
    with pytest.raises(GradcheckError) as caught:
        gradcheck(function, (x,))
    message = str(caught.value)
    assert "output 0 with respect to input 0 of wrong_cube (WrongCubeBackward0)" in message
    assert "output element [0] by input element [0]" in message
    assert "numerical: 3" in message and "analytical: 2" in message
    assert __file__ in message
    assert gradcheck(function, (x,), raise_exception=False) is False
    assert gradcheck(function, (x,), fast_mode=True, raise_exception=False) is False


def test_a_gradient_wrong_in_one_element_is_found(declare):
    function = declare(name="nearly_cube")(cube)

    @function.grad("x")
    def _(g, x):
        return g * x * x * np.where(np.arange(x.size).reshape(x.shape) == 1, 3.1, 3.0)

    x = pedigrad.tensor([1.0, 2.0, 0.5], dtype=pedigrad.float64, requires_grad=True)
    with pytest.raises(GradcheckError, match=r"1 of 9 derivatives are wrong.*output element \[1\] by input element \[1\]"):
        gradcheck(function, (x,))


def test_a_wrong_second_gradient_is_found(declare):
    function = declare(name="flat_cube")(cube)

    @function.grad("x")
    def _(g, x):
        constant = x.detach() if isinstance(x, Tensor) else x  # right at first, but the second derivative is lost
        return g * constant * constant * 3.0

    x = pedigrad.tensor([1.0, 2.0], dtype=pedigrad.float64, requires_grad=True)
    assert gradcheck(function, (x,))
    with pytest.raises(GradcheckError, match="the gradient of flat_cube"):
        gradgradcheck(function, (x,))
    with pytest.raises(AssertionError, match="flat_cube"):
        check_gradients(function.op)


def test_a_differentiable_op_without_samples_is_named(declare):
    function = composite(places="", name="sampleless")(cube)

    @function.grad("x")
    def _(g, x):
        return g * x * x * 3.0

    with pytest.raises(AssertionError, match="sampleless is differentiable and has no samples"):
        check_gradients(function.op)


def test_an_operand_that_no_sample_has_is_named(declare):
    def scaled(x, weight=None, /):
        """x, or x times a weight."""
        return x if weight is None else x * weight

    function = composite(places="", samples=[((2, 3),)], name="half_tested")(scaled)

    @function.grad("x")
    def _(g, weight):
        return g if weight is None else g * weight

    @function.grad("weight")
    def _(g, x):
        return g * x

    with pytest.raises(AssertionError, match="weight"):
        check_gradients(function.op)


def test_gradcheck_wants_something_to_check():
    with pytest.raises(ValueError, match="at least one input tensor to require gradient"):
        gradcheck(lambda x: x * x, (pedigrad.ones(2, dtype=pedigrad.float64),))


def test_gradcheck_warns_of_single_precision():
    with pytest.warns(UserWarning, match="double precision"):
        gradcheck(lambda x: x * 2.0, (pedigrad.ones(2, requires_grad=True),), eps=1e-2, atol=1e-2)


def test_gradcheck_of_complex_numbers():
    z = pedigrad.tensor([1 + 2j, 0.5 - 1j], dtype=pedigrad.complex128, requires_grad=True)
    assert gradcheck(lambda z: z * z * z, (z,)) and gradgradcheck(lambda z: z * z * z, (z,))
    assert gradcheck(lambda z: z * z * z, (z,), fast_mode=True)


def test_gradcheck_finds_a_dropped_dependence():
    x = pedigrad.tensor([1.0, 2.0], dtype=pedigrad.float64, requires_grad=True)
    with pytest.raises(GradcheckError, match="needs no gradient, but"):
        gradcheck(lambda x: x.detach() * 2.0, (x,))
