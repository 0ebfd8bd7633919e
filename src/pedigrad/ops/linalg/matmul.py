"""Matrix products: of matrices, vectors and batches of them, with and without something added."""

from __future__ import annotations

import math

import numpy as np

from ...core.declare import composite, function
from ...core.large import NEVER
from ...core.origin import located, warn_once
from ...core.quiet import astype
from ...eager import native
from .. import xp
from ..destination import deliver
from ..reduce.sums import is_narrow, through_float32
from ..xp import conj, kind_of, total, transposed


def product(x, y):
    """NumPy's matmul for operands of one dtype, with 16-bit floats multiplied in float32."""
    if _are_small_matrices(x, y):
        return x.dot(y)
    if x.dtype != y.dtype:
        raise RuntimeError(f"expected mat1 and mat2 to have the same dtype, but got {x.dtype.name} and {y.dtype.name}")
    if is_narrow(x):
        if native.takes_narrow_product(x, y):
            return native.product(x, y)
        wide = np.dtype(np.float32)
        return astype(np.matmul(astype(x, wide), astype(y, wide))[...], kind_of(x))
    return xp.matmul(x, y)


def _are_small_matrices(x, y):
    """Whether NumPy multiplies two operands at once: small matrices of one dtype that it has a product for."""
    if x.__class__ is not np.ndarray or y.__class__ is not np.ndarray or x.dtype is not y.dtype or x.itemsize < 3:
        return False
    return x.ndim == 2 == y.ndim and len(x) * y.size < native.LARGE_PRODUCT


def rows(x):
    """`x` as a matrix of its last dimension's vectors."""
    return x if x.ndim == 2 else np.reshape(x, (math.prod(x.shape[:-1]), x.shape[-1]))


def adjoint(x):
    """The conjugate transpose of the matrices in `x`."""
    return conj(transposed(x))


def batched_product(x, y):
    """The matrix product; a batch times one matrix is one large product, unless small matrices had to be copied for that."""
    if x.ndim > 2 and y.ndim == 2 and (x.__class__ is not np.ndarray or x.flags.c_contiguous or not xp.are_small(x, y)):
        return np.reshape(product(rows(x), y), (*x.shape[:-1], y.shape[-1]))
    return product(x, y)


SHAPES = [((2, 3), (3, 4)), ((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((5, 2, 3), (3, 4)), ((5, 2, 3), (3,))]
SHAPES += [((5, 2, 3), (5, 3, 4)), ((4, 1, 2, 3), (5, 3, 2)), ((3,), (5, 3, 4))]


def _product_name(node):
    return {0: "DotBackward0", 1: "MvBackward0", 2: "MmBackward0"}.get(len(node.shape), "UnsafeViewBackward0")


@composite(native_from=NEVER, wide=False, places="torch Tensor linalg", operators="matmul", out=True, samples=SHAPES, node=_product_name)
def matmul(x, y, /):
    """Matrix product; vectors, matrices and batches of them, whose leading dimensions broadcast.

    Shape: (..., n, m) by (..., m, p) gives (..., n, p); a vector (m,) counts as a row on the left and as a column on the right, and two
    vectors give a number.

    Raises:
        RuntimeError: the inner sizes differ.

    >>> torch.ones(2, 3) @ torch.ones(3)
    tensor([3., 3.])
    """
    return x.dot(y) if _are_small_matrices(x, y) else batched_product(x, y)


@matmul.grad("x")
def _(g, x_shape, y):
    if len(x_shape) == 1 and y.ndim == 1:
        return g * conj(y)
    if len(x_shape) == 1:
        return product(conj(y), np.expand_dims(g, -1))[..., 0]
    if y.ndim == 1:
        return np.expand_dims(g, -1) * conj(y)
    return batched_product(g, adjoint(y))


@matmul.grad("y")
def _(g, x, y_shape):
    if x.ndim == 1 and len(y_shape) == 1:
        return g * conj(x)
    if len(y_shape) == 1:
        return product(adjoint(rows(x)), np.reshape(g, (math.prod(g.shape),)))
    if x.ndim == 1:
        return np.expand_dims(conj(x), -1) * np.expand_dims(g, -2)
    if len(y_shape) == 2:
        return product(adjoint(rows(x)), rows(g))
    return product(adjoint(x), g)


def _unmatched(x, y, *others, **attributes):
    """What is wrong with the sizes of a product."""
    if x.ndim == 2 and y.ndim == 2:
        return f"mat1 and mat2 shapes cannot be multiplied ({_by(x.shape)} and {_by(y.shape)}): {x.shape[1]} columns and {y.shape[0]} rows"
    if x.ndim and y.ndim and x.shape[-1] == y.shape[-2 if y.ndim > 1 else -1]:
        return f"the batches of {tuple(x.shape)} and {tuple(y.shape)} do not broadcast: {list(x.shape[:-2])} and {list(y.shape[:-2])}"
    return f"shapes cannot be multiplied: {tuple(x.shape)} and {tuple(y.shape)}"


def _by(shape):
    return "x".join(map(str, shape))


matmul.op.mistake = _unmatched


@function("Tensor", name="__rmatmul__")
def matmul_from_the_left(self, other):
    """`other @ self`."""
    return matmul(other, self)


LINEAR = [((2, 3), (4, 3)), ((2, 3), (4, 3), (4,)), ((5, 2, 3), (4, 3), (4,)), ((3,), (4, 3))]


@composite(
    native_from=NEVER,
    wide=False,
    places="F",
    node=lambda node: "AddmmBackward0" if node.parents[2] else "MmBackward0",
    out=True,
    samples=LINEAR,
)
def linear(x, weight, bias=None, /):
    """`x @ weight.T + bias`: x of shape (..., in), weight (out, in), bias (out,), result (..., out).

    Args:
        weight: of shape (out, in), or (in,).
        bias: of shape (out,); (), where the weight is a vector.

    Shape: (..., in) gives (..., out).

    Raises:
        RuntimeError: the sizes do not fit.

    >>> F = torch.nn.functional
    >>> F.linear(torch.ones(2, 3), torch.ones(4, 3), torch.zeros(4)).shape
    torch.Size([2, 4])
    """
    if _are_small_matrices(x, weight):
        out = x.dot(weight.T)
        if bias is None:
            return out
        if bias.__class__ is np.ndarray and bias.dtype is out.dtype and bias.shape == out.shape[1:]:
            return np.add(out, bias, out)  # nobody else has the product
    if weight.ndim > 2:
        raise RuntimeError(f"t() expects a tensor of at most 2 dimensions: the weight has shape {tuple(weight.shape)}, not (out, in)")
    out = None if bias is None else _affine(x, weight, bias)
    if out is not None:
        return out
    if bias is not None and is_narrow(x):  # rounded once
        wide = np.dtype(np.float32)
        return astype(linear(astype(x, wide), astype(weight, wide), astype(bias, wide)), kind_of(x))
    out = batched_product(x, weight.T)
    if bias is None:
        return out
    if out.__class__ is bias.__class__ is np.ndarray and bias.dtype is out.dtype and bias.shape == weight.shape[:-1]:
        return np.add(out, bias, out)  # nobody else has the product
    if bias.ndim > (out.ndim if weight.ndim == 2 else 0):
        raise RuntimeError(f"the bias of shape {tuple(bias.shape)} does not go with the product of shape {tuple(out.shape)}")
    return np.add(out, bias)


def _misfit(x, weight, bias=None):
    """What is wrong with the sizes of a linear layer's operands, the weight's as the user knows it."""
    if weight.ndim == 2 and x.ndim and x.shape[-1] != weight.shape[1]:
        flat = (math.prod(x.shape[:-1]), x.shape[-1])
        return (
            f"mat1 and mat2 shapes cannot be multiplied ({_by(flat)} and {_by(weight.shape[::-1])}): the last dimension of the input"
            f" {tuple(x.shape)} is {x.shape[-1]}, and the weight of shape (out_features, in_features) = {tuple(weight.shape)} takes"
            f" {weight.shape[1]}"
        )
    if bias is not None and weight.ndim == 2 and bias.shape != weight.shape[:1]:
        return f"the bias {tuple(bias.shape)} does not go with the weight of shape (out_features, in_features) = {tuple(weight.shape)}"
    return None


linear.op.mistake = _misfit


def _affine(x, weight, bias):
    """The same for large arrays, in one go."""
    if x.__class__ is not np.ndarray or x.ndim < 2 or bias.__class__ is not np.ndarray or not bias.flags.c_contiguous:
        return None
    vectors, columns = rows(x), weight.T
    if bias.shape != weight.shape[:-1] or bias.dtype != x.dtype:
        return None
    if not (native.takes_narrow_product if is_narrow(x) else xp.is_large_product)(vectors, columns):
        return None
    return native.product(vectors, columns, None, bias).reshape(*x.shape[:-1], -1)


@linear.grad("x")
def _(g, weight):
    if weight.ndim == 1:
        return np.expand_dims(g, -1) * conj(weight)
    return batched_product(g, conj(weight))


@linear.grad("weight")
def _(g, x, weight_shape):
    if len(weight_shape) == 1:
        return product(conj(rows(x)).T, np.reshape(g, (math.prod(g.shape),)))
    if x.ndim == 1:
        return np.expand_dims(g, -1) * conj(x)
    return product(rows(g).T, conj(rows(x)))


@linear.grad("bias")
def _(g, bias_shape):
    if not bias_shape:
        return _total(g, None)
    if len(bias_shape) > 1 or bias_shape[0] != g.shape[-1] or g.ndim == 1:  # it was broadcast, or is of one row
        return g
    return _total(rows(g), 0)


def _total(g, dim):
    """The sum along a dimension; of 16-bit floats in float32."""
    return through_float32(lambda x: total(x, dim), g) if is_narrow(g) else total(g, dim)


def check_ndim(name, ndim, **operands):
    """RuntimeError unless all operands have `ndim` dimensions."""
    for argument, x in operands.items():
        if x.ndim != ndim:
            raise RuntimeError(f"{name}: Expected {ndim}-dimensional {argument}, but got a {x.ndim}-D tensor")


@composite(native_from=NEVER, wide=False, out=True, samples=[((2, 3), (3, 4)), ((0, 3), (3, 2))])
def mm(x, mat2, /):
    """Product of two matrices: (n, m) by (m, p) gives (n, p); `matmul` without broadcasting.

    Args:
        mat2: the right matrix.

    Shape: (n, m) by (m, p) gives (n, p).

    Raises:
        RuntimeError: one is no matrix, or the inner sizes differ.

    >>> torch.mm(torch.ones(2, 3), torch.ones(3, 1))
    tensor([[3.],
            [3.]])
    """
    check_ndim("mm", 2, input=x, mat2=mat2)
    return product(x, mat2)


mm.op.mistake = _unmatched


@mm.grad("x")
def _(g, mat2):
    return product(g, adjoint(mat2))


@mm.grad("mat2")
def _(g, x):
    return product(adjoint(x), g)


@composite(native_from=NEVER, wide=False, out=True, samples=[((5, 2, 3), (5, 3, 4))])
def bmm(x, mat2, /):
    """Products of two batches of matrices: (b, n, m) by (b, m, p) gives (b, n, p).

    Args:
        mat2: the right matrices.

    Shape: (b, n, m) by (b, m, p) gives (b, n, p).

    Raises:
        RuntimeError: the shapes do not fit; nothing broadcasts.

    >>> torch.ones(2, 3, 4).bmm(torch.ones(2, 4, 5)).shape
    torch.Size([2, 3, 5])
    """
    check_ndim("batch1 must be a 3D tensor", 3, input=x, mat2=mat2)
    if x.shape[0] != mat2.shape[0]:
        raise RuntimeError(f"expected both batches to have one size, but got {x.shape[0]} and {mat2.shape[0]}")
    return product(x, mat2)


bmm.op.mistake = _unmatched


@bmm.grad("x")
def _(g, mat2):
    return product(g, adjoint(mat2))


@bmm.grad("mat2")
def _(g, x):
    return product(adjoint(x), g)


@composite(out=True, samples=[((2, 3), (3,))])
def mv(x, vec, /):
    """Product of a matrix and a vector.

    Args:
        vec: the vector.

    Shape: (n, m) by (m,) gives (n,).

    Raises:
        RuntimeError: the sizes differ.

    >>> torch.mv(torch.ones(2, 3), torch.ones(3))
    tensor([3., 3.])
    """
    check_ndim("mv", 2, input=x)
    check_ndim("mv", 1, vec=vec)
    return product(x, vec)


mv.op.mistake = _unmatched


@mv.grad("x")
def _(g, vec):
    return np.expand_dims(g, -1) * conj(vec)


@mv.grad("vec")
def _(g, x):
    return product(adjoint(x), g)


@composite(out=True, samples=[((3,), (3,)), ((0,), (0,))])
def dot(x, tensor, /):
    """Sum of the products of the elements of two vectors.

    Shape: (n,) by (n,) gives ().

    Raises:
        RuntimeError: one is no vector, or the sizes differ.

    >>> torch.dot(torch.tensor([1, 2, 3]), torch.tensor([4, 5, 6]))
    tensor(32)
    """
    check_ndim("1D tensors expected", 1, input=x, tensor=tensor)
    if x.shape != tensor.shape:
        raise RuntimeError(f"inconsistent tensor size, expected two vectors of one size, but got {x.shape[0]} and {tensor.shape[0]}")
    return product(x, tensor)


@dot.grad("x")
def _(g, tensor):
    return g * conj(tensor)


@dot.grad("tensor")
def _(g, x):
    return g * conj(x)


@composite(out=True, samples=[((3,), (3,))])
def vdot(x, y, /):
    """Sum of the products of the conjugated elements of a vector with those of another."""
    check_ndim("1D tensors expected", 1, input=x, other=y)
    return product(conj(x), y)


@vdot.grad("x")
def _(g, y):
    return conj(g) * y


@vdot.grad("y")
def _(g, x):
    return g * x


@composite(out=True, aliases=("ger",), promote=True, samples=[((3,), (4,)), ((0,), (2,))])
def outer(x, vec2, /):
    """Products of each element of a vector with each of another: (n,) and (m,) give (n, m).

    Args:
        vec2: the right vector.

    Shape: (n,) by (m,) gives (n, m).

    Raises:
        RuntimeError: one is no vector.

    >>> torch.outer(torch.tensor([1, 2]), torch.tensor([3, 4]))
    tensor([[3, 4],
            [6, 8]])
    """
    check_ndim("outer", 1, input=x, vec2=vec2)
    return np.expand_dims(x, -1) * vec2


@outer.grad("x")
def _(g, vec2):
    return product(g, conj(vec2))


@outer.grad("vec2")
def _(g, x):
    return product(g.T, conj(x))


def added(x, result, beta, alpha):
    """`beta * x + alpha * result`; `x` does not count at all, not even its nan, where beta is zero."""
    result = scaled(result, alpha)
    return result if beta == 0 else result + scaled(x, beta)


def scaled(x, factor):
    """`x` times a number, which is truncated to an integer where `x` has integers."""
    if factor == 1:
        return x
    if x.dtype.kind in "iub":
        return x & bool(factor) if x.dtype.kind == "b" else x * int(factor)
    return astype(x * factor, kind_of(x)) if is_narrow(x) else x * factor


def scale(g, factor):
    """The gradient `g` of something that was multiplied by a number."""
    return g if factor == 1 else g * factor.conjugate()


@composite(
    native_from=NEVER, inplace=True, out=True, samples=[((2, 4), (2, 3), (3, 4)), ((4,), (2, 3), (3, 4), {"beta": 0.5, "alpha": 2.0})]
)
def addmm(x, mat1, mat2, /, *, beta=1, alpha=1):
    """`beta * input + alpha * (mat1 @ mat2)`."""
    check_ndim("addmm", 2, mat1=mat1, mat2=mat2)
    return added(x, product(mat1, mat2), beta, alpha)


@addmm.grad("x")
def _(g, beta):
    return scale(g, beta)


@addmm.grad("mat1")
def _(g, mat2, alpha):
    return scale(product(g, adjoint(mat2)), alpha)


@addmm.grad("mat2")
def _(g, mat1, alpha):
    return scale(product(adjoint(mat1), g), alpha)


@composite(inplace=True, out=True, samples=[((2,), (2, 3), (3,)), ((1,), (2, 3), (3,), {"beta": 0.5, "alpha": 2.0})])
def addmv(x, mat, vec, /, *, beta=1, alpha=1):
    """`beta * input + alpha * (mat @ vec)`."""
    check_ndim("addmv", 2, mat=mat)
    check_ndim("addmv", 1, vec=vec)
    return added(x, product(mat, vec), beta, alpha)


@addmv.grad("x")
def _(g, beta):
    return scale(g, beta)


@addmv.grad("mat")
def _(g, vec, alpha):
    return scale(np.expand_dims(g, -1) * conj(vec), alpha)


@addmv.grad("vec")
def _(g, mat, alpha):
    return scale(product(adjoint(mat), g), alpha)


@composite(layout="like", inplace=True, out=True, samples=[((2, 3), (2,), (3,)), ((3,), (2,), (3,), {"beta": 0.5, "alpha": 2.0})])
def addr(x, vec1, vec2, /, *, beta=1, alpha=1):
    """`beta * input + alpha * outer(vec1, vec2)`."""
    check_ndim("addr", 1, vec1=vec1, vec2=vec2)
    return added(x, np.expand_dims(vec1, -1) * vec2, beta, alpha)


@addr.grad("x")
def _(g, beta):
    return scale(g, beta)


@addr.grad("vec1")
def _(g, vec2, alpha):
    return scale(product(g, conj(vec2)), alpha)


@addr.grad("vec2")
def _(g, vec1, alpha):
    return scale(product(g.T, conj(vec1)), alpha)


BATCHES = [((5, 2, 4), (5, 2, 3), (5, 3, 4)), ((4,), (5, 2, 3), (5, 3, 4), {"beta": 0.5, "alpha": 2.0})]


@composite(native_from=NEVER, inplace=True, out=True, samples=BATCHES)
def baddbmm(x, batch1, batch2, /, *, beta=1, alpha=1):
    """`beta * input + alpha * (batch1 @ batch2)` for batches of matrices."""
    check_ndim("baddbmm", 3, batch1=batch1, batch2=batch2)
    return added(x, product(batch1, batch2), beta, alpha)


@baddbmm.grad("x")
def _(g, beta):
    return scale(g, beta)


@baddbmm.grad("batch1")
def _(g, batch2, alpha):
    return scale(product(g, adjoint(batch2)), alpha)


@baddbmm.grad("batch2")
def _(g, batch1, alpha):
    return scale(product(adjoint(batch1), g), alpha)


@composite(native_from=NEVER, inplace=True, out=True, samples=[((2, 4), *BATCHES[0][1:]), BATCHES[1]])
def addbmm(x, batch1, batch2, /, *, beta=1, alpha=1):
    """`beta * input` plus `alpha` times the sum of the products of two batches of matrices."""
    check_ndim("addbmm", 3, batch1=batch1, batch2=batch2)
    return added(x, np.sum(product(batch1, batch2), axis=0, dtype=kind_of(batch1)), beta, alpha)


@addbmm.grad("x")
def _(g, beta):
    return scale(g, beta)


@addbmm.grad("batch1")
def _(g, batch2, alpha):
    return scale(product(g, adjoint(batch2)), alpha)


@addbmm.grad("batch2")
def _(g, batch1, alpha):
    return scale(product(adjoint(batch1), g), alpha)


def chain_order(shapes):
    """Where to cut a chain of matrices, by first and last of a part, for the fewest multiplications."""
    sizes = [shapes[0][0], *(s[1] for s in shapes)]
    n = len(shapes)
    cost, cuts = {(i, i): 0 for i in range(n)}, {}
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            options = {k: cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1] for k in range(i, j)}
            cuts[i, j] = min(options, key=options.__getitem__)
            cost[i, j] = options[cuts[i, j]]
    return cuts


@function("linalg")
def multi_dot(tensors, *, out=None):
    """The product of two or more matrices in the cheapest order; the first and the last may be vectors."""
    tensors = list(tensors)
    if len(tensors) < 2:
        raise RuntimeError(located("multi_dot(): expected at least 2 tensors but got fewer"))
    first, last = tensors[0].ndim == 1, tensors[-1].ndim == 1
    tensors[0] = tensors[0].unsqueeze(0) if first else tensors[0]
    tensors[-1] = tensors[-1].unsqueeze(-1) if last else tensors[-1]
    cuts = chain_order([tuple(t.shape) for t in tensors])

    def part(i, j):
        return tensors[i] if i == j else mm(part(i, cuts[i, j]), part(cuts[i, j] + 1, j))

    result = part(0, len(tensors) - 1)
    result = result.squeeze(-1) if last else result
    return deliver(result.squeeze(0) if first else result, out)


@function("torch")
def chain_matmul(*matrices, out=None):
    """The product of matrices in the cheapest order."""
    warn_once("torch.chain_matmul is deprecated in favor of torch.linalg.multi_dot")
    return multi_dot(matrices, out=out) if len(matrices) > 1 else matrices[0].clone()
