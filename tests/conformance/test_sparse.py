"""Sparse tensors against PyTorch's: values, layouts, gradients, errors, text, files, optimizers."""

import copy
import io
import itertools
import pickle
import warnings

import numpy as np
import pytest
import torch
from bridge import Untranslatable, ours, resolve
from torch.testing._internal.common_methods_invocations import op_db

import pedigrad

LIBRARIES = (torch, pedigrad)
PLACES = [[0, 1, 1, 2], [2, 0, 2, 1]]
REPEATED = [[0, 0, 1, 2, 2], [1, 1, 0, 2, 2]]


@pytest.fixture(autouse=True)
def _quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


class Maker:
    """The tensors of a program, made alike in both libraries."""

    def __init__(self, library, dtype="float64"):
        self.library = self.t = library
        self.dtype = getattr(library, dtype)

    def values(self, *shape, start=1.0):
        numbers = np.sin(np.arange(start, start + np.prod(shape, dtype=int)) * 1.7).reshape(shape) * 3
        return self.library.tensor(numbers.tolist()).reshape(shape).to(self.dtype)

    def coo(self, places=PLACES, size=(3, 3), needs=False, start=1.0):
        indices = self.library.tensor(places)
        values = self.values(indices.shape[1], *size[len(places) :], start=start)
        made = self.library.sparse_coo_tensor(indices, values, size)
        return made.requires_grad_() if needs else made

    def kinds(self, needs=False):
        coalesced = self.coo().coalesce()
        yield "coalesced", coalesced.requires_grad_() if needs else coalesced
        yield "repeated", self.coo(REPEATED, needs=needs)
        yield "empty", self.library.zeros(3, 3, dtype=self.dtype, layout=self.library.sparse_coo)
        yield "csr", self.coo().to_sparse_csr().requires_grad_(needs)


def described(tensor):
    """What a tensor is, and its elements."""
    if not hasattr(tensor, "layout"):
        return tensor
    dense = tensor.detach().to_dense()
    numbers = dense.float() if str(dense.dtype) == "torch.bfloat16" else dense
    return str(tensor.layout), tuple(tensor.shape), str(tensor.dtype), tensor.requires_grad, np.asarray(numbers.numpy())


def same(got, expected, where=""):
    """AssertionError unless outcomes are the same, numbers nearly."""
    if isinstance(expected, (tuple, list)):
        assert isinstance(got, (tuple, list)) and len(got) == len(expected), f"{where}: {got} for {expected}"
        for one, other in zip(got, expected, strict=True):
            same(one, other, where)
    elif isinstance(expected, np.ndarray):
        np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-7, err_msg=where)
    else:
        assert got == expected, f"{where}: {got} for {expected}"


def outcome(call):
    """What a call gives, or the kinds of error that it raises."""
    try:
        result = call()
    except Exception as error:
        kind = "RuntimeError" if isinstance(error, RuntimeError) else type(error).__name__
        return "raises", kind
    if isinstance(result, (tuple, list)):
        return tuple(map(described, result))
    return described(result)


def agree(program, where="", dtype="float64"):
    """Both libraries give the same for a function of a Maker."""
    expected, got = (outcome(lambda library=library: program(Maker(library, dtype))) for library in LIBRARIES)
    same(got, expected, where)


# Operations


UNARY = """abs neg sqrt sin tan asin atan sinh tanh asinh atanh relu sign sgn floor ceil round trunc frac expm1 log1p erf erfinv isnan
 isinf isposinf isneginf signbit positive deg2rad rad2deg conj_physical real clone detach zeros_like""".split()
REFUSED = """exp log cos sigmoid angle bitwise_not logical_not reciprocal rsqrt ones_like rand_like randn_like cumsum sort var median
 argmax max prod all nonzero tril diag flip gelu softmax isclose reshape flatten squeeze isfinite""".split()
EXTRA = {"cumsum": (0,), "softmax": (1,), "reshape": ((-1,),), "tril": (0,), "flip": ((0,),)}


@pytest.mark.parametrize("name", UNARY)
def test_operations_that_leave_zero_zero(name):
    for kind in ("coalesced", "repeated", "empty", "csr"):
        agree(lambda m, kind=kind: getattr(m.t, name)(dict(m.kinds())[kind]), f"{name} of {kind}")


@pytest.mark.parametrize("name", REFUSED)
def test_operations_that_are_refused_name_themselves(name):
    operand = Maker(pedigrad).coo().coalesce()
    with pytest.raises(RuntimeError) as raised:
        function = getattr(pedigrad, name, None) or getattr(pedigrad.nn.functional, name)
        extra = (operand,) if name == "isclose" else EXTRA.get(name, ())
        function(operand, *extra)
    assert "to_dense()" in str(raised.value) or "sparse" in str(raised.value)


def test_refusals_are_pytorchs():
    for name in REFUSED:

        def call(m, name=name):
            function = getattr(m.t, name, None) or getattr(m.t.nn.functional, name)
            operand = m.coo().coalesce()
            return function(operand, *((operand,) if name == "isclose" else EXTRA.get(name, ())))

        agree(call, name)


OPERATORS = {
    "add": lambda t, x, y: x + y,
    "sub": lambda t, x, y: x - y,
    "mul": lambda t, x, y: x * y,
    "div": lambda t, x, y: x / y,
    "floor": lambda t, x, y: x // y,
    "pow": lambda t, x, y: x**y,
    "add alpha": lambda t, x, y: t.add(x, y, alpha=3),
    "sub alpha": lambda t, x, y: t.sub(x, y, alpha=3),
    "eq": lambda t, x, y: t.eq(x, y),
    "maximum": lambda t, x, y: t.maximum(x, y),
}


@pytest.mark.parametrize("name", OPERATORS)
def test_arithmetic(name):
    others = {
        "number": lambda m: 2,
        "float": lambda m: 2.5,
        "scalar": lambda m: m.t.tensor(2.0),
        "coalesced": lambda m: m.coo(start=9.0).coalesce(),
        "repeated": lambda m: m.coo(REPEATED),
        "dense": lambda m: m.values(3, 3),
        "row": lambda m: m.values(1, 3),
        "column": lambda m: m.values(3, 1),
        "vector": lambda m: m.values(3),
        "wrong": lambda m: m.values(2, 3),
        "float32": lambda m: m.values(3, 3).float(),
    }
    for first, second in itertools.product(("coalesced", "repeated", "dense", "float32"), others):
        sparse = {"coalesced", "repeated"} & {first, second}
        if not sparse or (name == "maximum" and second in ("number", "float")):
            continue
        agree(lambda m, a=first, b=second: OPERATORS[name](m.t, others[a](m), others[b](m)), f"{first} {name} {second}")


def test_arithmetic_of_matrices_compressed_by_rows():
    for name, make in {
        "sum": lambda c, d: c + c,
        "dense": lambda c, d: c + d,
        "dense first": lambda c, d: d + c,
        "product": lambda c, d: c * c,
        "product with dense": lambda c, d: c * d,
        "number": lambda c, d: c * 3,
        "neg": lambda c, d: -c,
    }.items():
        agree(lambda m, make=make: make(m.coo().to_sparse_csr(), m.values(3, 3)), name)


def test_hybrid_tensors():
    places = [[0, 2, 2]]
    for name, make in {
        "itself": lambda t, h, d: h,
        "dense": lambda t, h, d: h.to_dense(),
        "coalesce": lambda t, h, d: h.coalesce().values(),
        "sum": lambda t, h, d: h + h,
        "product": lambda t, h, d: h * d,
        "squares": lambda t, h, d: h * h,
        "scaled": lambda t, h, d: h * 2,
        "sum of values": lambda t, h, d: t.sparse.sum(h, 1),
        "sum of places": lambda t, h, d: t.sparse.sum(h, 0),
        "entry": lambda t, h, d: h[2],
        "element": lambda t, h, d: h[2, 1],
        "columns": lambda t, h, d: h.index_select(1, t.tensor([1, 1])),
        "narrow": lambda t, h, d: h.narrow_copy(1, 1, 2),
        "unsqueeze": lambda t, h, d: h.unsqueeze(2),
        "stack": lambda t, h, d: t.stack([h, h]),
        "cat": lambda t, h, d: t.cat([h, h], 1),
        "softmax": lambda t, h, d: t.sparse.softmax(h, 1),
        "along": lambda t, h, d: t.sparse.softmax(h, 0),
        "t": lambda t, h, d: h.t(),
        "csr": lambda t, h, d: h.to_sparse_csr(),
        "to_sparse": lambda t, h, d: d.to_sparse(1),
        "mask": lambda t, h, d: d.sparse_mask(h),
        "norm": lambda t, h, d: h.norm(),
    }.items():
        agree(lambda m, make=make: make(m.t, m.coo(places, (3, 4)), m.values(3, 4)), name)


SHAPES = {
    "t": lambda t, x: x.t(),
    "T": lambda t, x: x.T,
    "mT": lambda t, x: x.mT,
    "transpose": lambda t, x: x.transpose(0, 1),
    "permute": lambda t, x: x.permute(1, 0),
    "movedim": lambda t, x: x.movedim(0, 1),
    "unsqueeze": lambda t, x: x.unsqueeze(1),
    "select": lambda t, x: x.select(0, 1),
    "index": lambda t, x: x[1],
    "element": lambda t, x: x[0, 1],
    "negative": lambda t, x: x[-1],
    "last": lambda t, x: x.select(1, -1),
    "narrow_copy": lambda t, x: x.narrow_copy(1, 1, 2),
    "none": lambda t, x: x[None],
    "index_select": lambda t, x: x.index_select(0, t.tensor([2, 0, 2, 2])),
    "columns": lambda t, x: x.index_select(1, t.tensor([1, 0])),
    "cat": lambda t, x: t.cat([x, x]),
    "cat columns": lambda t, x: t.cat([x, x], 1),
    "stack": lambda t, x: t.stack([x, x], 1),
    "hstack": lambda t, x: t.hstack([x, x]),
    "unbind": lambda t, x: x.unbind(1),
    "iteration": lambda t, x: list(x),
    "len": lambda t, x: len(x),
    "double": lambda t, x: x.float(),
    "integers": lambda t, x: x.int(),
    "to": lambda t, x: x.to(t.float16),
    "bool": lambda t, x: x.bool(),
    "csr": lambda t, x: x.to_sparse_csr(),
    "csc": lambda t, x: x.to_sparse_csc(),
    "csr and back": lambda t, x: x.to_sparse_csr().to_sparse(),
    "sum": lambda t, x: x.sum(),
    "sum 0": lambda t, x: x.sum(0),
    "sum 1": lambda t, x: t.sparse.sum(x, 1),
    "both": lambda t, x: x.sum((0, 1)),
    "keepdim": lambda t, x: x.sum(0, keepdim=True),
    "sum dtype": lambda t, x: t.sparse.sum(x, 0, dtype=t.float32),
    "any": lambda t, x: x.any(),
    "norm": lambda t, x: x.norm(),
    "norm 1": lambda t, x: t.norm(x, 1),
    "softmax": lambda t, x: t.sparse.softmax(x, 1),
    "softmax 0": lambda t, x: t.sparse.softmax(x, 0),
    "log_softmax": lambda t, x: t.sparse.log_softmax(x, 1),
    "mask": lambda t, x: x.sparse_mask(x),
    "nnz": lambda t, x: x.coalesce()._nnz(),
    "dims": lambda t, x: (x.sparse_dim(), x.dense_dim()),
    "resize": lambda t, x: x.clone().sparse_resize_((4, 5), 2, 0),
    "shrink": lambda t, x: x.clone().sparse_resize_((1, 1), 2, 0),
    "clear": lambda t, x: x.clone().sparse_resize_and_clear_((2, 2, 2), 2, 1),
    "type": lambda t, x: x.type(),
    "stride": lambda t, x: x.stride(),
    "numpy": lambda t, x: x.numpy(),
    "tolist": lambda t, x: x.tolist(),
    "item": lambda t, x: x.item(),
    "truth": lambda t, x: bool(x),
    "storage": lambda t, x: x.untyped_storage(),
    "data_ptr": lambda t, x: x.data_ptr(),
    "new_zeros": lambda t, x: x.new_zeros(2, 2),
    "assignment": lambda t, x: x.__setitem__(0, 1),
    "out of range": lambda t, x: x.select(0, 5),
    "dim": lambda t, x: x.sum(5),
    "wrong index": lambda t, x: x.index_select(0, t.tensor([5])),
    "kind": lambda t, x: (x.is_sparse, x.is_sparse_csr, x.is_coalesced()),
    "expand": lambda t, x: x.expand(2, 3, 3),
    "dense and sparse": lambda t, x: t.cat([x, x.to_dense()]),
    "contiguous": lambda t, x: x.is_contiguous(),
    "square": lambda t, x: x.square(),
    "equality": lambda t, x: (x.__eq__(None), x.__ne__(None)),
    "indices": lambda t, x: x._indices().dtype == t.int64,
    "mul_": lambda t, x: x.clone().mul_(2),
    "add_": lambda t, x: x.clone().add_(x),
    "neg_": lambda t, x: x.clone().neg_(),
    "zero_": lambda t, x: x.clone().zero_(),
    "copy_": lambda t, x: x.clone().copy_(x * 2),
    "fill_": lambda t, x: x.clone().fill_(1.0),
    "div_": lambda t, x: x.clone().div_(2),
    "into dense": lambda t, x: x.to_dense().add_(x),
    "dense times": lambda t, x: x.to_dense().mul_(x),
    "dense less": lambda t, x: x.to_dense().sub_(x, alpha=2),
    "dense to sparse": lambda t, x: x.clone().add_(x.to_dense()),
    "copy to dense": lambda t, x: x.to_dense().copy_(x),
    "from dense": lambda t, x: x.clone().copy_(x.to_dense()),
}


@pytest.mark.parametrize("name", SHAPES)
def test_shapes_parts_and_questions(name):
    for kind in ("coalesced", "repeated"):
        agree(lambda m, kind=kind: SHAPES[name](m.t, dict(m.kinds())[kind]), f"{name} of {kind}")


PRODUCTS = {
    "mm": lambda t, x, y: t.mm(x, y),
    "sparse.mm": lambda t, x, y: t.sparse.mm(x, y),
    "matmul": lambda t, x, y: x @ y,
    "spmm": lambda t, x, y: t.spmm(x, y),
    "addmm": lambda t, x, y: t.addmm(t.ones(3, 3, dtype=y.dtype), x, y, beta=2, alpha=3),
    "sparse.addmm": lambda t, x, y: t.sparse.addmm(t.ones(3, 3, dtype=y.dtype), x, y, beta=0.5, alpha=3),
    "mv": lambda t, x, y: t.mv(x, y[0]),
    "matmul of a vector": lambda t, x, y: x @ y[0],
    "linear": lambda t, x, y: t.nn.functional.linear(x, y),
    "wrong": lambda t, x, y: t.mm(x, y[:2]),
    "out": lambda t, x, y: t.mm(x, y, out=t.empty(3, 3, dtype=y.dtype)),
    "addmm_": lambda t, x, y: t.ones(3, 3, dtype=y.dtype).addmm_(x, y),
    "smm": lambda t, x, y: t.smm(x, y),
    "other dtype": lambda t, x, y: t.mm(x, y.float()),
}


@pytest.mark.parametrize("name", PRODUCTS)
def test_products(name):
    for kind, dtype in itertools.product(("coalesced", "repeated", "csr"), ("float64", "float32", "complex128")):
        if name == "smm" and kind == "csr":
            continue
        agree(lambda m, kind=kind: PRODUCTS[name](m.t, dict(m.kinds())[kind], m.values(3, 3)), f"{name} of {kind}, {dtype}", dtype)


def test_products_of_two_sparse_and_of_dense_with_sparse():
    for first, second in itertools.product(("coalesced", "repeated", "csr", "dense"), repeat=2):

        def operand(m, kind):
            return m.values(3, 3) if kind == "dense" else dict(m.kinds())[kind]

        if first != second or first != "dense":
            agree(lambda m, a=first, b=second: operand(m, a) @ operand(m, b), f"{first} @ {second}")


def test_batches_of_products():
    places = [[0, 1, 1], [0, 1, 0], [2, 0, 2]]
    agree(lambda m: m.t.bmm(m.coo(places, (2, 2, 3)), m.values(2, 3, 4)))
    agree(lambda m: m.t.matmul(m.coo(places, (2, 2, 3)), m.values(2, 3, 4)))


@pytest.mark.parametrize("reduce", ["sum", "mean", "amax", "amin"])
def test_products_with_a_reduction(reduce):
    def program(m):
        x, y = m.coo().to_sparse_csr().requires_grad_(), m.values(3, 2).requires_grad_()
        out = m.t.sparse.mm(x, y, reduce)
        (out * m.values(3, 2, start=5.0)).sum().backward()
        return out, x.grad, y.grad

    agree(program)


def test_sampled_products():
    def program(m):
        x = m.coo().to_sparse_csr().requires_grad_()
        a, b = m.values(3, 4).requires_grad_(), m.values(4, 3, start=7.0).requires_grad_()
        out = m.t.sparse.sampled_addmm(x, a, b, beta=0.5, alpha=2.0)
        (out.to_dense() * m.values(3, 3)).sum().backward()
        return out, x.grad, a.grad, b.grad

    agree(program)
    agree(lambda m: m.t.sparse.sampled_addmm(m.coo(), m.values(3, 4), m.values(4, 3)))


# Gradients


GRADIENTS = {
    "mm": lambda t, x, d: t.mm(x, d),
    "sparse.mm": lambda t, x, d: t.sparse.mm(x, d),
    "matmul": lambda t, x, d: x @ d,
    "spmm": lambda t, x, d: t.spmm(x, d),
    "mv": lambda t, x, d: t.mv(x, d[0]),
    "addmm": lambda t, x, d: t.addmm(d, x, d),
    "sparse.addmm": lambda t, x, d: t.sparse.addmm(d, x, d, alpha=2.0),
    "dense first": lambda t, x, d: d @ x,
    "to_dense": lambda t, x, d: x.to_dense(),
    "not masked": lambda t, x, d: x.to_dense(masked_grad=False),
    "coalesce": lambda t, x, d: x.coalesce().to_dense(),
    "values": lambda t, x, d: x.coalesce().values(),
    "scaled": lambda t, x, d: (x * 2).to_dense(),
    "neg": lambda t, x, d: (-x).to_dense(),
    "abs": lambda t, x, d: x.abs().to_dense(),
    "relu": lambda t, x, d: x.relu().to_dense(),
    "power": lambda t, x, d: (x**2).to_dense(),
    "quotient": lambda t, x, d: (x / 2).to_dense(),
    "sum of two": lambda t, x, d: (x + x).to_dense(),
    "difference": lambda t, x, d: (x - x * 3).to_dense(),
    "square": lambda t, x, d: (x * x).to_dense(),
    "to a dense": lambda t, x, d: d + x,
    "from a dense": lambda t, x, d: d - x,
    "times a dense": lambda t, x, d: (x * d).to_dense(),
    "times rows": lambda t, x, d: (x * d.sum(0, keepdim=True).detach()).to_dense(),
    "t": lambda t, x, d: x.t().to_dense(),
    "permute": lambda t, x, d: x.permute(1, 0).to_dense(),
    "stack": lambda t, x, d: t.stack([x, x]).to_dense(),
    "sum": lambda t, x, d: x.sum(),
    "sparse.sum": lambda t, x, d: t.sparse.sum(x),
    "along 0": lambda t, x, d: t.sparse.sum(x, 0).to_dense(),
    "along 1": lambda t, x, d: t.sparse.sum(x, 1).to_dense(),
    "softmax": lambda t, x, d: t.sparse.softmax(x, 1).to_dense(),
    "log_softmax": lambda t, x, d: t.sparse.log_softmax(x, 0).to_dense(),
    "csr": lambda t, x, d: x.to_sparse_csr().to_dense(),
    "csr product": lambda t, x, d: x.to_sparse_csr() @ d,
    "float": lambda t, x, d: x.float().to_dense().double(),
    "clone": lambda t, x, d: x.clone().to_dense(),
    "linear": lambda t, x, d: t.nn.functional.linear(x, d),
    "twice": lambda t, x, d: x @ (x @ d),
    "both ways": lambda t, x, d: x @ d + t.sparse.mm(x, d),
}


def gradients(m, call, kind):
    """The gradients of a sparse leaf and of a dense one."""
    x = {"coalesced": m.coo().coalesce(), "repeated": m.coo(REPEATED), "csr": m.coo().to_sparse_csr()}[kind].detach().requires_grad_()
    d = m.values(3, 3, start=11.0).requires_grad_()
    out = call(m.t, x, d)
    weights = m.values(*out.shape, start=3.0)
    (out * weights).sum().backward()
    return x.grad, d.grad


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients_have_pytorchs_values_and_layouts(name):
    for kind in ("coalesced", "repeated"):
        agree(lambda m, kind=kind: gradients(m, GRADIENTS[name], kind), f"{name} of {kind}")


@pytest.mark.parametrize(
    "name", ["mm", "sparse.mm", "matmul", "addmm", "dense first", "to_dense", "scaled", "neg", "sum", "to a dense", "values"]
)
def test_gradients_of_matrices_compressed_by_rows(name):
    call = (lambda t, x, d: x.values()) if name == "values" else GRADIENTS[name]
    agree(lambda m: gradients(m, call, "csr"), name)


def test_gradients_reach_the_values_that_a_sparse_tensor_is_made_of():
    for places in (PLACES, REPEATED):

        def program(m, places=places):
            indices = m.t.tensor(places)
            values = m.values(indices.shape[1]).requires_grad_()
            d = m.values(3, 2).requires_grad_()
            adj = m.t.sparse_coo_tensor(indices, values, (3, 3))
            out = m.t.sparse.mm(adj, d) + m.t.mm(adj, d) * 2 + adj.to_dense()[:, :2]
            (out * m.values(3, 2, start=5.0)).sum().backward()
            return values.grad, d.grad

        agree(program)


def test_gradients_reach_dense_tensors_that_were_made_sparse():
    for name, make in {
        "to_sparse": lambda t, d, s: t.sparse.mm(d.to_sparse(), d),
        "csr": lambda t, d, s: d.to_sparse_csr() @ d,
        "mask": lambda t, d, s: t.sparse.mm(d.sparse_mask(s), d),
        "mask dense": lambda t, d, s: d.sparse_mask(s).to_dense() * d,
    }.items():

        def program(m, make=make):
            d = m.values(3, 3).requires_grad_()
            make(m.t, d, m.coo().coalesce()).sum().backward()
            return d.grad

        agree(program, name)


def test_hooks_and_retained_gradients_of_sparse_tensors():
    def program(m):
        seen = []
        x = m.coo(needs=True)
        y = x * 2
        y.retain_grad()
        y.register_hook(lambda g: seen.append(str(g.layout)) or g * 3)
        x.register_hook(lambda g: seen.append(str(g.layout)))
        m.t.sparse.sum(y).backward()
        return x.grad, y.grad, *seen

    agree(program)


def test_autograd_grad_and_accumulation():
    def program(m):
        x = m.coo(needs=True)
        (g,) = m.t.autograd.grad(m.t.sparse.sum(x * 3), x)
        m.t.sparse.sum(x).backward()
        m.t.sparse.sum(x * 2).backward()
        first = x.grad.clone()
        x.sum().backward()  # a dense gradient on a sparse one
        return g, first, x.grad

    agree(program)


# Programs


class SpecialSpmm:
    """A sparse product with gradients of its own, as graph attention has it."""

    @staticmethod
    def of(t):
        class Product(t.autograd.Function):
            @staticmethod
            def forward(ctx, indices, values, shape, b):
                a = t.sparse_coo_tensor(indices, values, shape)
                ctx.save_for_backward(a, b)
                ctx.N = shape[0]
                return t.matmul(a, b)

            @staticmethod
            def backward(ctx, grad_output):
                a, b = ctx.saved_tensors
                grad_a_dense = grad_output.matmul(b.t())
                edge = a._indices()[0, :] * ctx.N + a._indices()[1, :]
                return None, grad_a_dense.view(-1)[edge], None, a.t().matmul(grad_output)

        return Product.apply


def test_graph_attention_with_a_function_of_its_own():
    def program(m):
        t = m.t
        adj, x, w, a = m.values(5, 5) > 0.3, m.values(5, 4), m.values(4, 3).requires_grad_(), m.values(1, 6).requires_grad_()
        edge = adj.nonzero().t()
        h = x @ w
        score = t.exp(-t.nn.functional.leaky_relu(a.mm(t.cat((h[edge[0]], h[edge[1]]), 1).t()).squeeze(), 0.2))
        spmm = SpecialSpmm.of(t)
        total = spmm(edge, score, t.Size([5, 5]), t.ones(5, 1, dtype=m.dtype))
        out = t.nn.functional.elu(spmm(edge, score, t.Size([5, 5]), h).div(total + 1))
        (out * m.values(5, 3)).sum().backward()
        return out, w.grad, a.grad

    agree(program)


def test_graph_convolutions_train_alike():
    def program(m):
        t = m.t
        t.manual_seed(0)
        adj = (m.values(6, 6).abs() * (m.values(6, 6) > 0)).to_sparse()
        layers = t.nn.ModuleList([t.nn.Linear(4, 8), t.nn.Linear(8, 3)]).double()
        optimizer = t.optim.Adam(layers.parameters(), lr=0.01)
        x, y = m.values(6, 4), t.tensor([0, 1, 2, 0, 1, 2])
        for _ in range(5):
            optimizer.zero_grad()
            loss = t.nn.functional.cross_entropy(t.spmm(adj, layers[1](t.relu(t.spmm(adj, layers[0](x))))), y)
            loss.backward()
            optimizer.step()
        return loss, layers[0].weight

    agree(program)


# Embeddings and optimizers


def embedded(m, **options):
    table = m.t.nn.Embedding(6, 3, sparse=True, _weight=m.values(6, 3), **options)
    return table, m.t.tensor([[0, 2], [5, 0]])


def test_embeddings_with_sparse_gradients():
    def program(m):
        table, index = embedded(m, padding_idx=2)
        (table(index) * m.values(2, 2, 3)).sum().backward()
        first = table.weight.grad.clone()
        table(m.t.tensor([1])).sum().backward()
        second = table.weight.grad.clone()
        table.weight.sum().backward()
        third = table.weight.grad
        table.weight.grad = None
        (table(index).sum() + (table.weight * 2).sum()).backward()
        return first, second, third, table.weight.grad

    agree(program)
    agree(lambda m: embedded(m, scale_grad_by_freq=True)[0](m.t.tensor([1, 1])).sum().backward())


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_bags_with_sparse_gradients(mode):
    def program(m):
        bag = m.t.nn.EmbeddingBag(6, 3, mode=mode, sparse=True, _weight=m.values(6, 3))
        out = bag(m.t.tensor([0, 2, 5, 0, 1]), m.t.tensor([0, 2]))
        (out * m.values(2, 3)).sum().backward()
        return out, bag.weight.grad

    agree(program)


def test_zeroed_sparse_gradients_are_empty():
    def program(m):
        table, index = embedded(m)
        table(index).sum().backward()
        table.zero_grad(set_to_none=False)
        before = table.weight.grad.clone()
        table(index).sum().backward()
        return before, table.weight.grad

    agree(program)


OPTIMIZERS = {
    "SGD": [
        {},
        {"momentum": 0.9},
        {"momentum": 0.9, "nesterov": True},
        {"momentum": 0.9, "dampening": 0.5},
        {"maximize": True},
        {"weight_decay": 0.1},
    ],
    "Adagrad": [{}, {"lr_decay": 0.1}, {"weight_decay": 0.1}, {"initial_accumulator_value": 0.5}, {"maximize": True}],
    "SparseAdam": [{}, {"betas": (0.5, 0.8)}, {"maximize": True}],
    **{name: [{}] for name in "Adam AdamW Adadelta Adamax NAdam RAdam RMSprop Rprop ASGD Adafactor Muon".split()},
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers_with_sparse_gradients(name):
    for options in OPTIMIZERS[name]:

        def program(m, options=options):
            table, index = embedded(m)
            optimizer = getattr(m.t.optim, name)(table.parameters(), lr=0.1, **options)
            for step in range(3):
                optimizer.zero_grad()
                (table(index[: 1 + step % 2]) * m.values(2, 3)).sum().backward()
                optimizer.step()
            state = optimizer.state_dict()["state"].get(0, {})
            return table.weight, *(each for _, each in sorted(state.items()))

        agree(program, f"{name} {options}")


def test_dense_and_sparse_parameters_in_one_optimizer():
    def program(m):
        table, index = embedded(m)
        layer = m.t.nn.Linear(3, 2).double()
        layer.weight.data, layer.bias.data = m.values(2, 3), m.values(2)
        optimizer = m.t.optim.SGD([*table.parameters(), *layer.parameters()], lr=0.1, momentum=0.9)
        for _ in range(3):
            optimizer.zero_grad()
            layer(table(index)).square().sum().backward()
            optimizer.step()
        return table.weight, layer.weight

    agree(program)


def test_what_optimizers_and_clipping_refuse():
    agree(lambda m: m.t.optim.SparseAdam([m.values(2).requires_grad_()], lr=-1))
    agree(lambda m: m.t.optim.SparseAdam([m.coo(needs=True)]))

    def dense_gradient(m):
        p = m.values(2).requires_grad_()
        p.sum().backward()
        m.t.optim.SparseAdam([p]).step()

    agree(dense_gradient)
    for name in ("clip_grad_norm_", "clip_grad_value_"):

        def clip(m, name=name):
            table, index = embedded(m)
            table(index).sum().backward()
            return getattr(m.t.nn.utils, name)(table.parameters(), 1.0)

        agree(clip, name)


# Making, text, copies, files


MAKING = {
    "no size": lambda t: t.sparse_coo_tensor([[0, 1], [1, 0]], [1.0, 2.0]),
    "dtype": lambda t: t.sparse_coo_tensor([[0]], [1], dtype=t.float32),
    "size": lambda t: t.sparse_coo_tensor((2, 3)),
    "size by name": lambda t: t.sparse_coo_tensor(size=(2, 3)),
    "float places": lambda t: t.sparse_coo_tensor(t.tensor([[0.0, 1.0]]), t.tensor([1.0, 2.0])),
    "vector of places": lambda t: t.sparse_coo_tensor(t.tensor([0, 1]), t.tensor([1.0, 2.0])),
    "too few values": lambda t: t.sparse_coo_tensor(t.tensor([[0, 1]]), t.tensor([1.0])),
    "number": lambda t: t.sparse_coo_tensor([[0], [1]], 3.0, (2, 2)),
    "too many sizes": lambda t: t.sparse_coo_tensor(t.tensor([[0, 1]]), t.tensor([1.0, 2.0]), (2, 2)),
    "dense size": lambda t: t.sparse_coo_tensor(t.tensor([[0, 1]]), t.ones(2, 3), (2, 4)),
    "empty": lambda t: t.sparse_coo_tensor(t.zeros(2, 0).long(), [], (2, 3)),
    "needs": lambda t: t.sparse_coo_tensor([[0]], [1.0], (2,), requires_grad=True),
    "integers need": lambda t: t.sparse_coo_tensor([[0]], [1], requires_grad=True),
    "coalesced": lambda t: t.sparse_coo_tensor([[1, 0]], [1.0, 2.0], is_coalesced=True).is_coalesced(),
    "invariant": lambda t: t.sparse_coo_tensor([[1, 1]], [1.0, 2.0], (2,), is_coalesced=True, check_invariants=True),
    "range": lambda t: t.sparse_coo_tensor([[2]], [1.0], (2,), check_invariants=True),
    "negative": lambda t: t.sparse_coo_tensor([[-1]], [1.0]),
    "csr": lambda t: t.sparse_csr_tensor([0, 1, 3], [2, 0, 2], [1.0, 2.0, 3.0]),
    "csc": lambda t: t.sparse_csc_tensor([0, 1, 3], [2, 0, 2], [1.0, 2.0, 3.0]),
    "csr by layout": lambda t: t.sparse_compressed_tensor(t.tensor([0, 1]), t.tensor([1]), t.ones(1), (1, 3), layout=t.sparse_csr),
    "rows": lambda t: t.sparse_csr_tensor([0, 3], [2, 0, 2], [1.0, 2.0, 3.0], (2, 3), check_invariants=True),
    "last": lambda t: t.sparse_csr_tensor([0, 1, 2], [2, 0, 2], [1.0, 2.0, 3.0], (2, 3), check_invariants=True),
    "first": lambda t: t.sparse_csr_tensor([1, 1, 3], [2, 0, 2], [1.0, 2.0, 3.0], (2, 3), check_invariants=True),
    "order": lambda t: t.sparse_csr_tensor([0, 1, 3], [2, 2, 0], [1.0, 2.0, 3.0], (2, 3), check_invariants=True),
    "column": lambda t: t.sparse_csr_tensor([0, 1, 3], [2, 0, 3], [1.0, 2.0, 3.0], (2, 3), check_invariants=True),
    "zeros": lambda t: t.zeros(2, 3, layout=t.sparse_coo),
    "zeros csr": lambda t: t.zeros(2, 3, layout=t.sparse_csr),
    "empty layout": lambda t: t.empty(2, 3, layout=t.sparse_coo),
    "ones": lambda t: t.ones(2, 3, layout=t.sparse_coo),
    "eye": lambda t: t.eye(2, layout=t.sparse_coo),
    "randn": lambda t: t.randn(2, layout=t.sparse_coo),
    "zeros_like": lambda t: t.zeros_like(t.ones(2, 3), layout=t.sparse_coo),
    "dense like": lambda t: t.zeros_like(t.eye(2).to_sparse(), layout=t.strided),
    "legacy": lambda t: t.sparse.FloatTensor(t.tensor([[0, 1], [1, 0]]), t.tensor([1.0, 2.0]), t.Size([2, 3])),
    "legacy size": lambda t: t.sparse.DoubleTensor(2, 3),
    "legacy kind": lambda t: (isinstance(t.eye(2).to_sparse(), t.sparse.FloatTensor), isinstance(t.eye(2).to_sparse(), t.FloatTensor)),
    "spdiags": lambda t: t.sparse.spdiags(t.arange(6.0).reshape(2, 3), t.tensor([0, -1]), (4, 3)),
    "to_sparse(1)": lambda t: t.eye(3).to_sparse(1),
    "to_sparse(0)": lambda t: t.eye(3).to_sparse(0),
    "to_sparse(3)": lambda t: t.eye(3).to_sparse(3),
    "of a number": lambda t: t.tensor(3.0).to_sparse(),
    "of zero": lambda t: t.tensor(0.0).to_sparse(),
    "dense values": lambda t: t.ones(2).values(),
    "dense coalesce": lambda t: t.ones(2).coalesce(),
    "crow of coo": lambda t: t.eye(2).to_sparse().crow_indices(),
    "indices of csr": lambda t: t.eye(2).to_sparse_csr().indices(),
    "uncoalesced": lambda t: t.sparse_coo_tensor([[0, 0]], [1.0, 2.0]).values(),
    "tensor": lambda t: t.tensor(t.eye(2).to_sparse()),
    "dense dims": lambda t: (t.ones(2, 2).sparse_dim(), t.ones(2, 2).dense_dim(), t.ones(2, 2).is_sparse),
    "dense to_dense": lambda t: t.ones(2).to_dense(),
    "layouts": lambda t: (repr(t.sparse_coo), repr(t.sparse_csr), isinstance(t.strided, t.layout), t.ones(1).layout is t.strided),
}


@pytest.mark.parametrize("name", MAKING)
def test_making_sparse_tensors(name):
    expected, got = (outcome(lambda library=library: MAKING[name](library)) for library in LIBRARIES)
    same(got, expected, name)


def test_invariants_are_checked_where_the_program_asks():
    def call(t):
        return t.sparse_coo_tensor([[1, 1]], [1.0, 2.0], (2,), is_coalesced=True)

    for t in LIBRARIES:
        assert not t.sparse.check_sparse_tensor_invariants.is_enabled()
        call(t)
        with t.sparse.check_sparse_tensor_invariants(), pytest.raises(RuntimeError, match="cannot set is_coalesced to true"):
            call(t)
        assert not t.sparse.check_sparse_tensor_invariants.is_enabled()


TEXTS = {
    "repeated": lambda m: m.coo(REPEATED),
    "coalesced": lambda m: m.coo().coalesce(),
    "needs": lambda m: m.coo(needs=True),
    "history": lambda m: m.t.sparse_coo_tensor(m.t.tensor(PLACES), m.values(4).requires_grad_(), (3, 3)),
    "scaled": lambda m: m.coo(needs=True) * 2,
    "integers": lambda m: m.coo().int(),
    "half": lambda m: m.coo().half(),
    "float32": lambda m: m.coo().float(),
    "hybrid": lambda m: m.coo([[0, 2]], (3, 4)),
    "none": lambda m: m.t.sparse_coo_tensor((2, 3)),
    "none hybrid": lambda m: m.t.sparse_coo_tensor(m.t.zeros(2, 0).long(), m.t.zeros(0, 4), (2, 3, 4)),
    "csr": lambda m: m.coo().to_sparse_csr(),
    "csr needs": lambda m: m.coo().float().to_sparse_csr().requires_grad_(),
    "csc": lambda m: m.coo().to_sparse_csc(),
    "csr none": lambda m: m.t.zeros(2, 3).to_sparse_csr(),
    "long": lambda m: m.t.eye(40).to_sparse(),
    "many": lambda m: m.t.ones(40, 40).to_sparse(),
    "parameter": lambda m: m.t.nn.Parameter(m.coo()),
    "bool": lambda m: m.coo().bool(),
    "complex": lambda m: m.coo() * 1j,
}


@pytest.mark.parametrize("name", TEXTS)
def test_texts_are_pytorchs(name):
    expected, got = (repr(TEXTS[name](Maker(library))) for library in LIBRARIES)
    assert got == expected


def test_copies_are_sparse_and_independent():
    for kind in ("coalesced", "repeated", "csr"):
        tensor = dict(Maker(pedigrad).kinds())[kind].detach().requires_grad_()
        for made in (copy.deepcopy(tensor), pickle.loads(pickle.dumps(tensor)), tensor.clone()):
            same(described(made), described(tensor))
        deep = copy.deepcopy(tensor)
        with pedigrad.no_grad():
            deep.mul_(5)
        assert not np.allclose(described(deep)[-1], described(tensor)[-1])
        assert copy.copy(tensor)._held is tensor._held


@pytest.mark.parametrize("weights_only", [True, False])
def test_files_are_read_by_both(weights_only):
    for writer, reader in itertools.product(LIBRARIES, repeat=2):
        m = Maker(writer)
        saved = {
            "a": m.coo().coalesce(),
            "b": m.coo(REPEATED),
            "c": m.coo().to_sparse_csr(),
            "d": m.coo().to_sparse_csc(),
            "e": m.values(2),
        }
        file = io.BytesIO()
        writer.save(saved, file)
        file.seek(0)
        loaded = reader.load(file, weights_only=weights_only)
        for name, tensor in saved.items():
            same(described(loaded[name]), described(tensor), name)
        assert loaded["a"].is_coalesced() and not loaded["b"].is_coalesced()


def test_modules_keep_sparse_buffers():
    def program(m):
        class Layer(m.t.nn.Module):
            def __init__(self):
                super().__init__()
                self.register_buffer("adj", m.coo().coalesce())

        first, second = Layer(), Layer()
        second.adj.mul_(0)
        second.load_state_dict(first.state_dict())
        return second.adj, first.float().adj, *first.state_dict()

    agree(program)


def test_damaged_files_are_refused():
    file = io.BytesIO()
    torch.save(torch.sparse_coo_tensor(torch.tensor([[0, 7]]), torch.ones(2), (8,)), file)
    data = file.getvalue()
    at = data.index((7).to_bytes(8, "little"))
    damaged = data[:at] + (99).to_bytes(8, "little") + data[at + 8 :]
    with pytest.raises((pickle.UnpicklingError, RuntimeError)):
        pedigrad.load(io.BytesIO(damaged))


# PyTorch's own samples


ENTRIES = [entry for entry in op_db if entry.supports_sparse and not entry.name.startswith("masked") and entry.name != "randn_like"]


def samples(entry):
    """Samples whose first operand is sparse: PyTorch's, or those of dense operands made so."""
    try:
        found = list(entry.sample_inputs_sparse_coo(torch.device("cpu"), torch.float64, False))
    except NotImplementedError:
        found = []
    if found:
        return found
    dense = list(entry.sample_inputs(torch.device("cpu"), torch.float64, False))
    for sample in dense:
        sample.input = (sample.input * (sample.input > 0)).to_sparse()
    return dense


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.formatted_name)
def test_pytorchs_samples_of_sparse_operands(entry):
    function, ran = resolve(entry), 0
    for sample in samples(entry):
        arguments = (sample.input, *sample.args)
        try:
            mine, named = ours(arguments), ours(sample.kwargs)
        except Untranslatable:
            continue
        theirs = outcome(lambda a=arguments, s=sample: entry.op(*a, **s.kwargs))
        if theirs[0] != "raises":
            same(outcome(lambda a=mine, n=named: function(*a, **n)), theirs, f"{entry.name}{arguments}{sample.kwargs}")
            ran += 1
    assert ran
