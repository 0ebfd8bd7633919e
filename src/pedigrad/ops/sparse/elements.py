"""What is done with each element of sparse tensors, where zero stays zero; sums, products and quotients."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core import dtypes
from ...core.data import plain_number
from ...core.declare import sparse
from ...core.dispatch import dispatch, under_name
from ...core.op import REGISTRY
from ...core.origin import located
from ...core.shapes import broadcast_shapes
from ...core.sparse import Coordinates
from ...core.sparse_tensor import SparseTensor, refused, sparse_coo, stands_for, strided, takes_sparse
from ...core.tensor import Tensor
from .convert import converted, relaid
from .values import coalesced, held, mapped, take, to_dense, values_of, with_values

# Operations on one tensor that leave zeros zero, by the names of their ops. Values of one place are added up first, unless it makes no
# difference.
COALESCING = """abs sqrt sin tan asin atan sinh tanh asinh atanh relu sign sgn floor ceil round trunc frac square expm1 log1p erf erfinv
 isnan isinf isposinf isneginf signbit deg2rad rad2deg nan_to_num"""
LINEAR = "neg conj_physical real_part"


def _elementwise(name: str, coalesce: bool) -> None:
    op = REGISTRY[name]

    def form(x: SparseTensor, *rest: Any, **attributes: Any) -> Any:
        named = tuple(attributes[n] for n in op.attributes)
        return mapped(op.node_name, x, lambda values: dispatch(op, (values, *rest), named), coalesce)

    takes_sparse(name)(form)


for _names, _coalesce in ((COALESCING, True), (LINEAR, False)):
    for _name in _names.split():
        if _name in REGISTRY:
            _elementwise(_name, _coalesce)


@stands_for("positive", "conj", "conj_physical", "resolve_conj", "real")
def as_it_is(input: SparseTensor) -> Any:
    """Itself, or the conjugate of a complex one, which the real ones are."""
    if input.is_complex():
        return mapped("ConjBackward0", input, lambda values: values.conj(), coalesce=False)
    return input


def _is_number(value: Any) -> bool:
    return not isinstance(value, Tensor) or (value.ndim == 0 and not isinstance(value, SparseTensor))


def _common(x: Any, y: Any) -> dtypes.dtype:
    """The dtype of arithmetic on two operands."""
    held_of = [_typical(each) for each in (x, y)]
    return dtypes.promote_operands(held_of)


def _typical(value: Any) -> Any:
    """Something of the dtype, and of the dimensions that promotion looks at, of an operand."""
    if isinstance(value, SparseTensor):
        return np.empty((0,) * max(value.ndim, 1), value._held.dtype)
    return value._array if isinstance(value, Tensor) else plain_number(value, "arithmetic on sparse tensors")


# Products and quotients


@takes_sparse("mul")
def mul(x: Any, y: Any) -> Any:
    """The product: of the kept elements with a number, with the same elements of a dense tensor, or of a sparse one."""
    if not isinstance(x, SparseTensor):
        return mul(y, x)
    if _is_number(y):
        return mapped("MulBackward0", x, lambda values: values * y, coalesce=False)
    if isinstance(y, SparseTensor):
        return _both_sparse(x, y)
    shape = broadcast_shapes(tuple(x.shape), tuple(y.shape))
    if tuple(shape) != tuple(x.shape):
        sizes = f"the sparse one has size {list(x.shape)}, the other {list(y.shape)}"
        raise RuntimeError(located(f"mul(): a sparse tensor is not broadcast: {sizes}"))
    factor = _taken(y, held(x))
    if factor.ndim < held(x).values.ndim:
        factor = factor.reshape(held(x).values.shape)
    return mapped("MulBackward0", x, lambda values: values * factor, coalesce=False)


def _taken(y: Tensor, pattern: Any) -> Any:
    """The elements of a dense tensor, broadcast as it may have to be, at the places of a sparse array; its gradient is sparse."""
    places = pattern.coordinates()
    missing = len(pattern.shape) - y.ndim
    lead = max(places.sparse_dim - missing, 0)  # dimensions of `y` that have coordinates
    rows = places.indices[places.sparse_dim - lead :]
    sizes = np.array(y.shape[:lead], np.int64).reshape(-1, 1)
    there = np.where(sizes == 1, 0, rows)
    at = Coordinates(there, places.values, tuple(y.shape), tuple(y.shape) == tuple(pattern.shape) and places.coalesced)
    return take(y, at, True)


def _both_sparse(x: Any, y: Any) -> Any:
    """The product of two sparse tensors: what both keep."""
    kept = x.layout
    if kept is not y.layout:
        raise RuntimeError(located(f"mul(): expected both tensors in one layout, got {kept} and {y.layout}: convert one of them"))
    a, b = (each if kept is sparse_coo else relaid(each, sparse_coo) for each in (x, y))
    here, there = held(a), held(b)
    if here.shape != there.shape or here.sparse_dim != there.sparse_dim:
        what = "expects sparse inputs with equal dimensionality, number of sparse dimensions, and shape of sparse dimensions"
        raise RuntimeError(located(f"mul(): {what}; got {list(here.shape)} and {list(there.shape)}"))
    if here.count and there.count and not (here.coalesced and there.coalesced):
        # As in PyTorch the places are those of the one that is not in order, or of the one that has fewer.
        second = here.coalesced or (not there.coalesced and here.count >= there.count)
        source, other = (b, a) if second else (a, b)
        return under_name("MulBackward0", with_values(values_of(source) * take(other, held(source), True), held(source)))
    a, b = coalesced(a), coalesced(b)
    here, there = held(a), held(b)
    _, i, j = np.intersect1d(here.keys(), there.keys(), assume_unique=True, return_indices=True)
    pattern = Coordinates(here.indices[:, i], here.values[i], here.shape, True)
    made = with_values(values_of(a)[i] * values_of(b)[j], pattern)
    return under_name("MulBackward0", made if kept is sparse_coo else relaid(made, *held(x).form))


def _divided(name: str, coalesce: bool) -> Any:
    op = REGISTRY[name]

    def divide(x: Any, y: Any, **attributes: Any) -> Any:
        if not isinstance(x, SparseTensor) or not _is_number(y):
            what = "floor division" if "floor" in name else "division"
            shape = list(y.shape) if isinstance(y, Tensor) else []
            message = f"Sparse {what} requires a scalar or zero-dim dense tensor divisor (got shape {shape} for divisor)"
            raise RuntimeError(located(message))
        return mapped(op.node_name, x, lambda values: dispatch(op, (values, y), tuple(attributes.values())), coalesce)

    return divide


for _name, _coalesce in (("div", False), ("floor_divide", True), ("div_rounded", True), ("div_trunc", True), ("trunc_divide", True)):
    if _name in REGISTRY:
        takes_sparse(_name)(_divided(_name, _coalesce))


@takes_sparse("pow")
def pow(x: Any, y: Any) -> Any:
    """The elements to the power of a positive number."""
    if not isinstance(x, SparseTensor) or isinstance(y, Tensor):
        raise refused("pow", (x, y))
    if y == 0:
        raise RuntimeError(located("pow: cannot raise to zeroth power on sparse tensor; it would make the result tensor dense"))
    return mapped("PowBackward0", x, lambda values: values**y)


# Sums and differences


@takes_sparse("add")
def add(x: Any, y: Any) -> Any:
    """The sum: sparse of two sparse tensors, dense of a dense one and a sparse one."""
    return add_scaled(x, y, 1)


@takes_sparse("add_scaled")
def add_scaled(x: Any, y: Any, alpha: Any) -> Any:
    """`x + alpha * y`."""
    return _sum("AddBackward0", x, y, alpha)


@takes_sparse("sub")
def sub(x: Any, y: Any) -> Any:
    """The difference."""
    return sub_scaled(x, y, 1)


@takes_sparse("sub_scaled")
def sub_scaled(x: Any, y: Any, alpha: Any) -> Any:
    """`x - alpha * y`."""
    return _sum("SubBackward0", x, y, -alpha)


@takes_sparse("rsub")
def rsub(x: Any, y: Any) -> Any:
    """`y - x`."""
    return sub_scaled(y, x, 1)


def _sum(node: str, x: Any, y: Any, alpha: Any) -> Any:
    if isinstance(x, SparseTensor) and not isinstance(y, SparseTensor):
        if x.layout is sparse_coo or not isinstance(y, Tensor) or tuple(x.shape) != tuple(y.shape):
            raise RuntimeError(located("add(sparse, dense) is not supported. Use add(dense, sparse) instead."))
        return under_name(node, to_dense(x, True, strided) + (y if alpha == 1 else y * alpha))
    if not isinstance(x, SparseTensor):
        if not isinstance(x, Tensor) or tuple(x.shape) != tuple(y.shape):
            sizes = f"self has size {list(getattr(x, 'shape', ()))} while other has size {list(y.shape)}"
            message = "(FYI: dense-sparse addition does not currently support broadcasting)"
            raise RuntimeError(located(f"add: expected 'self' and 'other' to have same size, but {sizes} {message}"))
        other = to_dense(y, True, strided)
        return under_name(node, x + (other if alpha == 1 else other * alpha))
    if tuple(x.shape) != tuple(y.shape):
        raise RuntimeError(located(f"add: expected sizes of 'self' and 'other' to match, but {list(x.shape)} != {list(y.shape)}"))
    return under_name(node, _joined(x, y, alpha))


def _joined(x: Any, y: Any, alpha: Any) -> Any:
    kept = x.layout
    if kept is not y.layout:
        raise RuntimeError(located(f"add: expected both tensors in one layout, got {kept} and {y.layout}: convert one of them"))
    common = _common(x, y)
    a, b = (converted(each if kept is sparse_coo else relaid(each, sparse_coo), common) for each in (x, y))
    here, there = held(a), held(b)
    if here.sparse_dim != there.sparse_dim:
        dims = f"got {here.sparse_dim} and {there.sparse_dim}"
        raise RuntimeError(located(f"add: expected 'self' and 'other' to have same number of sparse dimensions, but {dims}"))
    both = joined(a, b, alpha)
    return both if kept is sparse_coo else relaid(both, *held(x).form)


@sparse(node="AddBackward0")
def joined(x, y, /, alpha):
    """`x + alpha * y`, of values at coordinates."""
    return x.joined(y if alpha == 1 else y * alpha)


@joined.grad("x")
def _(g):
    return g


@joined.grad("y")
def _(g, alpha):
    return g if alpha == 1 else g * np.conj(alpha).item()


@takes_sparse("dropout", "feature_dropout")
def dropout(input: SparseTensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """Itself where nothing is dropped: an evaluation, or a rate of 0."""
    if training and p:
        raise refused("dropout", (input,))
    return input
