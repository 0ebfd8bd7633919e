"""Sparse tensors: what dense ones pay for them, what refuses them, derivatives of derivatives, compiled functions."""

import subprocess
import sys

import numpy as np
import pytest
from op_samples import INTERNAL, call, cases, tensors_of

import pedigrad as torch
from pedigrad.autograd.gradcheck import gradcheck, gradgradcheck
from pedigrad.core.arrayless import NoArrayError
from pedigrad.core.op import REGISTRY
from pedigrad.core.sparse_tensor import SparseTensor

PLACES = torch.tensor([[0, 1, 1, 2, 2], [2, 0, 2, 1, 1]])


def coo(values=None):
    values = torch.tensor([1.5, -2.0, 0.5, 3.0, 0.25], dtype=torch.float64) if values is None else values
    return torch.sparse_coo_tensor(PLACES, values, (3, 3))


def test_dense_tensors_take_the_short_way_beside_sparse_ones():
    code = """
import pedigrad as torch
from pedigrad.core import dispatch, modes
kept = torch.sparse_coo_tensor([[0, 1], [1, 0]], [1.0, 2.0]).coalesce()
x = torch.ones(3, requires_grad=True)
torch.sin(x + x)
dispatch._dispatched = None  # the general way
torch.sin(x * x + x).sum()
assert modes.special == 0 and modes.overriding == 0 and kept.layout is torch.sparse_coo
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=300)


def test_scipy_is_loaded_by_the_first_product():
    code = """
import sys, pedigrad as torch
s = torch.eye(3).to_sparse() * 2
s.coalesce().to_dense()
assert 'scipy' not in sys.modules
s @ torch.ones(3, 2)
assert 'scipy.sparse' in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def _samples():
    for name, op in sorted(REGISTRY.items()):
        if name not in INTERNAL and op.kind != "sparse" and op.operands:
            yield name


@pytest.mark.parametrize("name", list(_samples()))
def test_no_operation_takes_a_sparse_tensor_for_a_dense_one(name):
    op = REGISTRY[name]
    for sample in cases(op)[:2]:
        tensors = tensors_of(op, sample)
        for i, tensor in enumerate(tensors):
            if tensor is None or not tensor.ndim:
                continue
            operands = list(tensors)
            operands[i] = tensor.detach().to_sparse()
            if name in SparseTensor.forms:
                continue
            with pytest.raises((NoArrayError, RuntimeError, TypeError)) as raised:
                call(op, operands, sample.attributes)
            assert "sparse" in str(raised.value).lower() or "layout" in str(raised.value)


def test_refusals_name_the_function_that_the_user_called():
    s = coo()
    for ask, name in ((lambda: torch.exp(s), "exp"), (lambda: s.cumsum(0), "cumsum"), (lambda: torch.where(s, 1, 2), "where")):
        with pytest.raises(NotImplementedError, match=rf"aten::{name}.*to_dense\(\)") as raised:
            ask()
        assert isinstance(raised.value, RuntimeError)


DERIVATIVES = {
    "product": lambda v, d: torch.mm(coo(v), d),
    "sparse product": lambda v, d: torch.sparse.mm(coo(v), d),
    "dense first": lambda v, d: d @ coo(v),
    "two sparse": lambda v, d: torch.sparse.mm(coo(v), coo(v * v)).to_dense(),
    "csr": lambda v, d: coo(v).to_sparse_csr() @ d,
    "csc": lambda v, d: coo(v).to_sparse_csc() @ d,
    "to_dense": lambda v, d: coo(v).to_dense() * d,
    "sum": lambda v, d: d + coo(v),
    "scaled": lambda v, d: (coo(v) * (d * 1) * 2).to_dense(),
    "broadcast": lambda v, d: (coo(v) * d[0]).to_dense(),
    "square": lambda v, d: (coo(v) * coo(v)).to_dense(),
    "sine": lambda v, d: coo(v).sin().to_dense(),
    "power": lambda v, d: (coo(v) ** 3).to_dense(),
    "joined": lambda v, d: torch.cat([coo(v), coo(v * 2)]).to_dense(),
    "stacked": lambda v, d: torch.stack([coo(v), coo(v).t()]).to_dense(),
    "rows": lambda v, d: coo(v).index_select(0, torch.tensor([2, 2, 1])).to_dense(),
    "row": lambda v, d: coo(v)[2].to_dense(),
    "element": lambda v, d: coo(v)[2, 1],
    "part": lambda v, d: coo(v).narrow_copy(1, 1, 2).to_dense(),
    "total": lambda v, d: coo(v).sum(),
    "along": lambda v, d: torch.sparse.sum(coo(v), 0).to_dense(),
    "softmax": lambda v, d: torch.sparse.softmax(coo(v), 1).to_dense(),
    "log_softmax": lambda v, d: torch.sparse.log_softmax(coo(v), 0).to_dense(),
    "norm": lambda v, d: coo(v).norm(),
    "mask": lambda v, d: d.sparse_mask(coo(v).detach().coalesce()).to_dense(),
    "to_sparse": lambda v, d: torch.sparse.mm(d.to_sparse(), d),
    "sampled": lambda v, d: torch.sparse.sampled_addmm(coo(v).to_sparse_csr(), d, d).to_dense(),
    "batches": lambda v, d: torch.bmm(torch.stack([coo(v), coo(v)]), torch.stack([d, d * d])),
    "clone": lambda v, d: coo(v).clone().to_dense(),
    "converted": lambda v, d: coo(v).to(torch.complex128).to_dense().real,
}


@pytest.mark.parametrize("name", DERIVATIVES)
def test_first_and_second_gradients_are_the_derivatives(name):
    v = torch.tensor([1.5, -2.0, 0.5, 3.0, 0.25], dtype=torch.float64, requires_grad=True)
    d = torch.tensor(np.arange(1.0, 10.0).reshape(3, 3) / 4, requires_grad=True)
    assert gradcheck(DERIVATIVES[name], (v, d))
    assert gradgradcheck(DERIVATIVES[name], (v, d))


def test_sparse_gradients_of_rows_that_were_computed_reach_what_they_came_from():
    weight = torch.ones(4, 2, requires_grad=True)
    rows = torch.nn.functional.embedding(torch.tensor([1, 1, 3]), weight.exp() * 2, sparse=True)
    rows.sum().backward()
    expected = np.zeros((4, 2))
    expected[[1, 3]] = np.exp(1) * 2 * np.array([[2], [1]])
    np.testing.assert_allclose(weight.grad.to_dense().numpy(), expected, rtol=1e-6)


def test_what_a_node_saved_and_was_written_to_is_noticed():
    x = coo().coalesce()
    d = torch.ones(3, 3, dtype=torch.float64, requires_grad=True)
    out = torch.mm(x, d)
    x._values().mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        out.sum().backward()
    y = torch.mm(x * 3, d)  # keeps the product, not x
    x.mul_(2)
    y.sum().backward()


def test_writes_reach_whoever_shares_the_values():
    x = coo().coalesce()
    shared = x.data
    shared.mul_(2)
    np.testing.assert_allclose(x.to_dense().numpy(), 2 * coo().to_dense().numpy())


def test_leaves_that_need_gradients_are_not_written_to():
    x = coo().coalesce().requires_grad_()
    with pytest.raises(RuntimeError, match="leaf Variable"):
        x.mul_(2)
    with torch.no_grad():
        x.mul_(2)
    assert x.is_leaf and x.requires_grad


def test_compiled_functions_with_sparse_tensors_run_as_usual():
    adj = coo().coalesce()
    w = torch.ones(3, 2, dtype=torch.float64, requires_grad=True)

    def step(x):
        return torch.spmm(adj, x @ torch.eye(2, dtype=torch.float64)).relu().sum()

    compiled = torch.compile(step)
    with pytest.warns(UserWarning):
        results = [compiled(w).item() for _ in range(3)]
    assert results == [step(w).item()] * 3


def test_compiled_steps_with_sparse_gradients_run_as_usual():
    table = torch.nn.Embedding(5, 2, sparse=True)
    optimizer = torch.optim.SparseAdam(table.parameters())

    @torch.compile
    def step(index):
        optimizer.zero_grad()
        loss = table(index).square().sum()
        loss.backward()
        optimizer.step()
        return loss

    with pytest.warns(UserWarning):
        losses = [step(torch.tensor([0, 2])).item() for _ in range(4)]
    assert losses == sorted(losses, reverse=True) and losses[0] > losses[-1]


def test_places_out_of_range_are_refused_where_a_tensor_is_made():
    for make in (
        lambda: torch.sparse_coo_tensor([[0, 3]], [1.0, 2.0], (3,)),
        lambda: torch.sparse_coo_tensor([[0, -1]], [1.0, 2.0], (3,)),
        lambda: torch.sparse_csr_tensor([0, 1, 2], [0, 3], [1.0, 2.0], (2, 3)),
        lambda: torch.sparse_csr_tensor([0, 2, 1], [0, 1], [1.0, 2.0], (2, 3)),
        lambda: torch.sparse_csr_tensor([0, 1], [0, 1], [1.0, 2.0], (1, 3)),
    ):
        with pytest.raises(RuntimeError):
            make()


def test_sparse_tensors_are_compared_by_assert_close():
    a, b = coo(), coo().coalesce()
    torch.testing.assert_close(a.coalesce(), b)
    torch.testing.assert_close(a, b)
    with pytest.raises(AssertionError, match="not close"):
        torch.testing.assert_close(b, b * 2)
    with pytest.raises(AssertionError, match="layout"):
        torch.testing.assert_close(b, b.to_dense())
    torch.testing.assert_close(b.to_sparse_csr(), b.to_sparse_csr())


def test_gradients_with_a_history_may_be_sparse():
    x = coo().coalesce().requires_grad_()
    (g,) = torch.autograd.grad(torch.sparse.sum(x * x), x, create_graph=True)
    assert isinstance(g, SparseTensor) and g.requires_grad
    torch.sparse.sum(g).backward()
    np.testing.assert_allclose(x.grad.to_dense().numpy(), 2.0 * (coo().to_dense().numpy() != 0))
