"""Sparse matrices of blocks, and batches of compressed matrices, against PyTorch's."""

import copy
import io
import pickle
import warnings

import numpy as np
import pytest
import torch

import pedigrad

EXPRESSIONS = """
b.to_dense()
c.to_dense()
bc.to_dense()
bb.to_dense()
b.to_sparse_coo()
c.to_sparse_coo()
bc.to_sparse_coo()
b.to_sparse_csr()
b.to_sparse_csc()
b.to_sparse_bsc((2,3))
b.to_sparse_bsr((1,3))
b.to_sparse_bsr((2,3))
b.to_sparse()
d.to_sparse(layout=torch.sparse_bsr,blocksize=(2,3))
d.to_sparse_csr().to_sparse_bsr((2,3))
d.to_sparse().to_sparse_bsr((2,3))
d.to_sparse_bsr((3,3))
sq@X
sq.matmul(X)
torch.addmm(torch.ones(4,3),sq,X)
sq@v
X.t()@sq.t()
torch.nn.functional.linear(X.t(),sq)
b.t()
b.transpose(0,1)
c.t()
b*2
b+b
b.sum()
b.abs()
b.sin()
b.neg()
b.clone()
b.detach()
b.values()
b.crow_indices()
b.col_indices()
c.ccol_indices()
c.row_indices()
b.ccol_indices()
b.shape
b.layout
b.dense_dim()
b.sparse_dim()
bc.sparse_dim()
bb.dense_dim()
b._nnz()
b.is_sparse
b.is_sparse_csr
b.stride()
b.numel()
b.double()
b.to(torch.float64)
bc[0]
bb[1]
bc.values().shape
bc*2
bc.select(0,1)
bc.transpose(-1,-2)
bc.sum()
bc.neg()
bc.clone()
torch.sparse_bsr_tensor([0,1,2],[0,1],torch.ones(2,2,3))
torch.sparse_bsr_tensor([0,1,2],[0,1],torch.ones(2,2,3),size=(4,6))
torch.sparse_bsc_tensor([0,1,2],[0,1],torch.ones(2,2,3))
torch.sparse_bsc_tensor([0,1,2],[0,1],torch.ones(2,2,3)).to_dense()
torch.sparse_compressed_tensor([0,1,2],[0,1],torch.ones(2,2,3),layout=torch.sparse_bsr)
torch.sparse_bsr_tensor([0,1,2],[0,1],torch.ones(2))
torch.sparse_csr_tensor([[0,1,2],[0,1,2]],[[0,1],[1,0]],torch.ones(2,2),size=(2,2,2))
torch.sparse_csr_tensor([[0,1,2],[0,1,2]],[[0,1],[1,0]],torch.ones(2,2))
torch.sparse_csc_tensor([[0,1,2],[0,1,2]],[[0,1],[1,0]],torch.ones(2,2)).to_dense()
torch.sparse_csr_tensor([0,1,2],[0,1],torch.ones(2,2),check_invariants=True).to_dense()
torch.zeros(4,6,layout=torch.sparse_bsr)
torch.zeros(2,4,6,layout=torch.sparse_csr)
torch.zeros_like(b)
torch.empty(4,6,layout=torch.sparse_bsr)
b.coalesce()
b.to('cpu')
b.numpy()
torch.relu(b)
d.to_sparse_bsr(0)
torch.stack([d,d.flip(0)+1]).to_sparse_csr()
bt.to_sparse_csr(dense_dim=1).to_dense()
bt.to_sparse_csr(dense_dim=1)
bt.to_sparse_bsr((2,2),dense_dim=1)
g(lambda p: p.to_sparse_bsr((2,3)).to_dense())
g(lambda p: p.to_sparse_bsc((2,3)).to_dense())
g(lambda p: p.to_sparse_bsr((2,3)).values()*2)
s(sq,lambda t: t@X)
""".strip().splitlines()


def names(library):
    """The tensors that expressions name: `b` and `c` of blocks, `sq` of square ones, `bc` and `bb` batches."""
    torch = library
    d = torch.zeros(4, 6)
    d[0, 0], d[1, 3], d[2, 5], d[3, 4] = 1, 2, 3, 4

    def g(function):
        p = d.clone().requires_grad_()
        function(p).sum().backward()
        return p.grad

    def s(x, function):
        x = x.detach().requires_grad_()
        function(x).sum().backward()
        return x.grad.to_dense()

    found = {"torch": torch, "d": d, "g": g, "s": s, "X": torch.arange(18.0).view(6, 3).sin(), "v": torch.arange(6.0).cos()}
    found |= {"b": d.to_sparse_bsr((2, 3)), "c": d.to_sparse_bsc((2, 3)), "sq": d.to_sparse_bsr(2), "bt": torch.stack([d, d + d], -1)}
    return found | {"bc": torch.stack([d, 2 * d]).to_sparse_csr(), "bb": torch.stack([d, 2 * d]).to_sparse_bsr((2, 3))}


def outcome(code, library):
    """The text of what an expression gives, or the kind of its error."""
    try:
        return repr(eval(code, names(library)))
    except Exception as error:
        return next(kind.__name__ for kind in (NotImplementedError, RuntimeError, TypeError, IndexError) if isinstance(error, kind))


@pytest.mark.parametrize("code", EXPRESSIONS)
def test_blocks_and_batches_are_pytorchs(code):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected, got = outcome(code, torch), outcome(code, pedigrad)
    assert got == expected


@pytest.mark.parametrize("layout", ["bsr", "bsc"])
@pytest.mark.parametrize("block", [(2, 3), (4, 1), (1, 1), (4, 6)])
def test_blocks_compute_what_dense_matrices_do(layout, block):
    rng = np.random.default_rng(0)
    dense = pedigrad.tensor(rng.normal(size=(4, 6)) * (rng.random((4, 6)) < 0.4)).requires_grad_()
    x = pedigrad.tensor(rng.normal(size=(6, 3)), requires_grad=True)
    weight = pedigrad.tensor(rng.normal(size=(4, 3)))
    matrix = getattr(dense.detach(), f"to_sparse_{layout}")(block).requires_grad_()
    (matrix @ x * weight).sum().backward()
    sparse_grad, got = matrix.grad, x.grad
    x.grad = None
    (dense @ x * weight).sum().backward()
    kept = matrix.detach().to_dense() != 0
    assert pedigrad.allclose(got, x.grad)
    assert pedigrad.allclose(sparse_grad.to_dense()[kept], dense.grad[kept])
    factor = pedigrad.tensor(rng.normal(size=(4, 6)))
    assert pedigrad.equal((matrix * factor).to_dense(), dense * factor)
    assert pedigrad.allclose((matrix + matrix * 2).to_dense(), dense * 3)
    assert (matrix * 2).layout is matrix.layout


def test_a_batch_of_compressed_matrices_has_gradients():
    rng = np.random.default_rng(1)
    batch = pedigrad.tensor(rng.normal(size=(2, 3, 4)), requires_grad=True)
    weight = pedigrad.tensor(rng.normal(size=(2, 3, 4)))
    (batch.to_sparse_csr().to_dense() * weight).sum().backward()
    assert pedigrad.equal(batch.grad, weight)
    values = pedigrad.tensor(rng.normal(size=(2, 2)), requires_grad=True)
    made = pedigrad.sparse_csr_tensor([[0, 1, 2], [0, 2, 2]], [[0, 1], [0, 1]], values, size=(2, 2, 2))
    (made.to_dense() * pedigrad.arange(8.0).reshape(2, 2, 2)).sum().backward()
    assert values.grad.tolist() == [[0, 3], [4, 5]]


def test_products_of_batches_are_refused_with_what_to_do():
    batch = pedigrad.ones(2, 3, 4).to_sparse_csr()
    for call in (lambda: batch @ pedigrad.ones(4, 2), lambda: pedigrad.bmm(batch, pedigrad.ones(2, 4, 2))):
        with pytest.raises(NotImplementedError):
            call()


def test_blocks_are_copied_and_saved():
    matrix = pedigrad.eye(4).to_sparse_bsr((2, 2))
    file = io.BytesIO()
    pedigrad.save(matrix, file)
    file.seek(0)
    for each in (copy.deepcopy(matrix), pickle.loads(pickle.dumps(matrix)), pedigrad.load(file)):
        assert each.layout is pedigrad.sparse_bsr
        assert pedigrad.equal(each.to_dense(), pedigrad.eye(4))
    file = io.BytesIO()
    torch.save(torch.eye(4).to_sparse_bsc((2, 2)), file)
    file.seek(0)
    assert pedigrad.load(file).layout is pedigrad.sparse_bsc


def test_what_is_no_matrix_of_blocks_is_refused():
    ones = pedigrad.ones(2, 2, 3)
    for wrong in (
        lambda: pedigrad.sparse_bsr_tensor([0, 1, 3], [0, 1], ones),
        lambda: pedigrad.sparse_bsr_tensor([0, 1, 2], [0, 2], ones, size=(4, 6)),
        lambda: pedigrad.sparse_bsr_tensor([0, 1, 2], [0, 1], ones, size=(4, 7)),
        lambda: pedigrad.sparse_csr_tensor([[0, 1, 2], [0, 1, 2]], [[0, 1], [1, 0]], pedigrad.ones(2, 2), size=(2, 2)),
    ):
        with pytest.raises(RuntimeError):
            wrong()
