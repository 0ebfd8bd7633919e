"""Sums of products over named dimensions.

A contraction of two operands is brought to one batched matrix product; more operands are contracted two at a time, from left
to right or in the order that NumPy's planner finds cheapest. The gradient of an operand is another einsum, of the incoming gradient
with the other operands.
"""

from __future__ import annotations

import functools
import math
import string

import numpy as np

from ...core.declare import composite, function
from ...core.origin import located
from ...core.shapes import one_dim
from ...core.tensor import Tensor
from ..destination import deliver
from ..xp import broadcast_to, conj, kind_of, total
from .matmul import product

LETTERS = string.ascii_letters


@functools.lru_cache(maxsize=1024)
def parsed(equation, ndims):
    """The subscripts of each operand and of the result, with the ellipses written out in letters of their own."""
    text = equation.replace(" ", "")
    left, arrow, right = text.partition("->")
    terms = left.split(",")
    if len(terms) != len(ndims):
        raise RuntimeError(f"einsum(): the equation has {len(terms)} operands, but {len(ndims)} were given")
    spare = [c for c in LETTERS if c not in text]
    widest = max((n - len(t.replace("...", "")) for t, n in zip(terms, ndims, strict=True) if "..." in t), default=0)
    hidden = "".join(reversed(spare[: max(widest, 0)]))
    inputs = tuple(_written_out(i, t, n, hidden) for i, (t, n) in enumerate(zip(terms, ndims, strict=True)))
    everything = "".join(inputs)
    if arrow:
        output = right.replace("...", hidden)
    else:
        once = sorted(c for c in set(everything) if everything.count(c) == 1 and c not in hidden)
        output = hidden + "".join(once)
    for c in output:
        if c not in everything and c not in hidden:
            raise RuntimeError(f"einsum(): output subscript {c} does not appear in the equation for any input operand")
        if output.count(c) > 1:
            raise RuntimeError(f"einsum(): output subscript {c} appears more than once in the output")
    return inputs, "".join(c for c in output if c in everything)


def _written_out(i, term, ndim, hidden):
    named = term.replace("...", "", 1)
    if not all(c in LETTERS for c in named):
        raise RuntimeError(f"einsum(): invalid subscript given in {term!r}, subscripts must be in [a-zA-Z]")
    lead = ndim - len(named)
    if lead < 0 or (lead and "..." not in term):
        raise RuntimeError(
            f"einsum(): the number of subscripts in the equation ({len(named)}) does not match the number of dimensions "
            f"({ndim}) for operand {i}"
        )
    return term.replace("...", hidden[len(hidden) - lead :] if lead else "")


@functools.lru_cache(maxsize=1024)
def plan(subscripts_x, subscripts_y, output):
    """How two operands without repeated letters become a batched matrix product.

    Their letters to sum first, their orders of dimensions, how many dimensions are (batch, free, summed), and the order that
    brings (batch, free of x, free of y) into that of `output`.
    """
    alone_x = tuple(i for i, c in enumerate(subscripts_x) if c not in subscripts_y and c not in output)
    alone_y = tuple(i for i, c in enumerate(subscripts_y) if c not in subscripts_x and c not in output)
    x = "".join(c for c in subscripts_x if c in subscripts_y or c in output)
    y = "".join(c for c in subscripts_y if c in subscripts_x or c in output)
    batch = [c for c in output if c in x and c in y]
    free_x, free_y = [c for c in x if c not in y], [c for c in y if c not in x]
    summed = [c for c in x if c in y and c not in output]
    order_x = tuple(x.index(c) for c in batch + free_x + summed)
    order_y = tuple(y.index(c) for c in batch + summed + free_y)
    made = batch + free_x + free_y
    back = tuple(made.index(c) for c in output)
    return alone_x, alone_y, order_x, order_y, len(batch), len(free_x), len(summed), back


def summed_out(x, dims):
    """The sum along `dims` in the dtype of `x`, which NumPy leaves for a wider one where that has integers."""
    return total(x, dims) if x.dtype.kind in "fcV" else np.sum(x, axis=dims, dtype=kind_of(x))


def contract(x, y, subscripts_x, subscripts_y, output):
    """The contraction of two operands."""
    x, subscripts_x = without_repeats(x, subscripts_x, subscripts_y + output)
    y, subscripts_y = without_repeats(y, subscripts_y, subscripts_x + output)
    x, subscripts_x, y, subscripts_y = without_ones(x, subscripts_x, y, subscripts_y)
    missing = [c for c in output if c not in subscripts_x + subscripts_y]
    inner = "".join(c for c in output if c not in missing)
    alone_x, alone_y, order_x, order_y, batch, free, summed, back = plan(subscripts_x, subscripts_y, inner)
    x, y = (summed_out(x, alone_x) if alone_x else x), (summed_out(y, alone_y) if alone_y else y)
    x, y = permuted(x, order_x), permuted(y, order_y)
    check_sizes(x, y, batch, free, summed)
    sizes, rows = x.shape[:batch], x.shape[batch : batch + free]
    columns = y.shape[batch + summed :]
    if not summed:
        out = np.reshape(x, (*x.shape, *(1,) * len(columns))) * np.reshape(y, (*sizes, *(1,) * free, *columns))
    else:
        k = math.prod(x.shape[batch + free :])
        left = reshaped(x, (*sizes, math.prod(rows), k))
        right = reshaped(y, (*sizes, k, math.prod(columns)))
        out = reshaped(product(left, right), (*sizes, *rows, *columns))
    out = permuted(out, back)
    for i, c in enumerate(output):
        if c in missing:
            out = np.expand_dims(out, i)
    return out


def check_sizes(x, y, batch, free, summed):
    """RuntimeError if the two operands have different sizes for one subscript."""
    ours, theirs = tuple(x.shape[:batch] + x.shape[batch + free :]), tuple(y.shape[: batch + summed])
    if ours != theirs:
        raise RuntimeError(f"einsum(): operands do not broadcast: subscripts they share have sizes {ours} and {theirs}")


def permuted(x, order):
    """`x` with its dimensions in this order."""
    return x if order == tuple(range(len(order))) else np.transpose(x, order)


def reshaped(x, shape):
    """`x` in this shape."""
    return x if tuple(x.shape) == shape else np.reshape(x, shape)


def without_repeats(x, subscripts, others):
    """`x` with its diagonal taken where a letter occurs twice."""
    while len(set(subscripts)) < len(subscripts):
        c = next(c for c in subscripts if subscripts.count(c) > 1)
        i = subscripts.index(c)
        j = subscripts.index(c, i + 1)
        if x.shape[i] != x.shape[j]:
            raise RuntimeError(f"einsum(): subscript {c} is repeated with the sizes {x.shape[i]} and {x.shape[j]}")
        x = np.diagonal(x, 0, i, j)
        subscripts = subscripts[:i] + subscripts[i + 1 : j] + subscripts[j + 1 :] + c
    return x, subscripts


def without_ones(x, subscripts_x, y, subscripts_y):
    """Both operands without the dimensions of size one that broadcast against the other's."""
    if 1 in x.shape or 1 in y.shape:
        size_x, size_y = dict(zip(subscripts_x, x.shape, strict=True)), dict(zip(subscripts_y, y.shape, strict=True))
        drop_x = [c for c in subscripts_x if size_x[c] == 1 and size_y.get(c, 1) != 1]
        drop_y = [c for c in subscripts_y if size_y[c] == 1 and size_x.get(c, 1) != 1]
        if drop_x:
            x = np.reshape(x, tuple(n for c, n in size_x.items() if c not in drop_x))
            subscripts_x = "".join(c for c in subscripts_x if c not in drop_x)
        if drop_y:
            y = np.reshape(y, tuple(n for c, n in size_y.items() if c not in drop_y))
            subscripts_y = "".join(c for c in subscripts_y if c not in drop_y)
    return x, subscripts_x, y, subscripts_y


def alone(x, subscripts, output):
    """One operand with its dimensions summed, permuted and taken as diagonals."""
    x, subscripts = without_repeats(x, subscripts, output)
    dims = tuple(i for i, c in enumerate(subscripts) if c not in output)
    kept = [c for c in subscripts if c in output]
    x = total(x, dims) if dims else x
    x = permuted(x[...], tuple(kept.index(c) for c in output if c in kept))
    for i, c in enumerate(output):
        if c not in kept:
            x = np.expand_dims(x, i)
    return x


@functools.lru_cache(maxsize=1024)
def cheapest_order(inputs, output, shapes):
    """Which two of several operands to contract first, second, ..."""
    operands = [np.broadcast_to(np.float32(0), shape) for shape in shapes]
    path, _ = np.einsum_path(f"{','.join(inputs)}->{output}", *operands, optimize="greedy")
    steps = path[1:]
    return steps if all(len(step) == 2 for step in steps) else None


def evaluate(xs, inputs, output):
    """The contraction of any number of operands; a letter of the result that no operand has gets size one."""
    if len(xs) == 1:
        return alone(xs[0], inputs[0], output)
    if len(xs) == 2:
        return contract(xs[0], xs[1], inputs[0], inputs[1], output)
    xs, inputs = list(xs), list(inputs)
    ones = any(1 in x.shape for x in xs) or any(c not in "".join(inputs) for c in output)
    steps = None if ones else cheapest_order(tuple(inputs), output, tuple(tuple(x.shape) for x in xs))
    for k in range(len(xs) - 1):
        i, j = (0, 1) if steps is None else sorted(steps[k])
        y, subscripts_y = xs.pop(j), inputs.pop(j)
        x, subscripts_x = xs.pop(i), inputs.pop(i)
        later = set("".join(inputs)) | set(output)
        made = output if not xs else "".join(dict.fromkeys(c for c in subscripts_x + subscripts_y if c in later))
        place = 0 if steps is None else len(xs)
        xs.insert(place, contract(x, y, subscripts_x, subscripts_y, made))
        inputs.insert(place, made)
    return xs[0]


def _dims(xs):
    return tuple(x.ndim for x in xs)


@composite(
    name="einsum",
    places="",
    layout="rows",
    samples=[
        ([(2, 3), (3, 4)], {"equation": "ij,jk->ik"}),
        ([(5, 2, 3), (5, 3, 4)], {"equation": "bij,bjk"}),
        ([(3, 3)], {"equation": "ii->i"}),
        ([(2, 3), (4,)], {"equation": "ij,k->"}),
        ([(2, 3), (3, 4), (4,)], {"equation": "ij,jk,k->i"}),
        ([(2, 1, 3), (4, 3)], {"equation": "...i,...i->..."}),
    ],
)
def contraction(*xs, equation):
    """The sum of products that the equation describes, row by row whatever order it was computed in."""
    inputs, output = parsed(equation, _dims(xs))
    out = evaluate(xs, inputs, output)
    if len(xs) == 1:
        return np.copy(out, order="C")
    return out if out.__class__ is not np.ndarray or out.flags.c_contiguous else np.copy(out, order="C")


@contraction.grad("xs")
def _(g, xs, xs_shape, equation, needs):
    inputs, output = parsed(equation, tuple(map(len, xs_shape)))
    grads = []
    for i, shape in enumerate(xs_shape):
        if not needs[i]:
            grads.append(None)
            continue
        others = [conj(other) for j, other in enumerate(xs) if j != i]
        letters = [s for j, s in enumerate(inputs) if j != i]
        grads.append(_back(g, others, output, letters, inputs[i], tuple(shape)))
    return grads


def _back(g, others, output, letters, wanted, shape):
    """The gradient of the operand with subscripts `wanted`, from those of the result and of the other operands."""
    distinct = "".join(dict.fromkeys(wanted))
    size = dict(zip(wanted, shape, strict=True))
    grad = evaluate([g, *others], [output, *letters], distinct)
    spread = tuple(i for i, c in enumerate(distinct) if size[c] == 1 and grad.shape[i] != 1)
    if spread:  # this operand was broadcast
        grad = total(grad, spread, True)
    grad = broadcast_to(grad, tuple(size[c] for c in distinct))
    return grad if len(distinct) == len(wanted) else on_diagonals(grad, distinct, wanted)


def on_diagonals(grad, distinct, wanted):
    """Zeros with `grad` where all indices of a repeated letter are equal."""
    size = dict(zip(distinct, grad.shape, strict=True))
    dims = "".join(dict.fromkeys(wanted))
    grid = np.ogrid[tuple(slice(size[c]) for c in wanted)]
    mask = True
    for i, c in enumerate(wanted):
        if wanted.index(c) != i:
            mask = mask & (grid[i] == grid[wanted.index(c)])
    shape = tuple(size[c] if wanted.index(c) == i else 1 for i, c in enumerate(wanted))
    return np.where(mask, np.reshape(grad, shape), 0) if dims == distinct else grad


@function("torch", form="(equation, *operands)")
def einsum(*args):
    """The sum of products of operands that the equation describes.

    A letter names a dimension; letters that are missing after the arrow are summed over. "..." stands for any leading dimensions. Operands
    and lists of dimension numbers may alternate instead: `einsum(x, [0, 1], y, [1, 2], [0, 2])`.

    Args:
        equation: the letters of each operand, separated by commas; after "->" those of the result.
        operands: as many tensors.

    Shape: the sizes of the letters after the arrow.

    Raises:
        RuntimeError: a letter has two sizes, or an operand another number of dimensions than letters.

    >>> x = torch.arange(4.0).reshape(2, 2)
    >>> torch.einsum("ij,kj->ik", x, x)
    tensor([[ 1.,  3.],
            [ 3., 13.]])
    """
    if args and isinstance(args[0], str):
        equation, *operands = args
        operands = operands[0] if len(operands) == 1 and isinstance(operands[0], (list, tuple)) else operands
    else:
        equation, operands = _from_sublists(args)
    if not operands:
        raise ValueError(located("einsum(): must specify the equation string and at least one operand, or operands and their sublists"))
    if any(t.dtype is not operands[0].dtype for t in operands):
        raise RuntimeError(located(f"einsum(): operands have different dtypes: {', '.join(str(t.dtype) for t in operands)}"))
    shown = _view(operands[0], equation) if len(operands) == 1 else None
    return contraction(operands, equation=equation) if shown is None else shown


def _view(x, equation):
    """The view that the equation asks for, None if it asks for sums."""
    try:
        (letters,), output = parsed(equation, (x.ndim,))
    except RuntimeError:  # told where the equation is carried out
        return None
    if set(letters) != set(output) or any(x.shape[i] != x.shape[letters.index(c)] for i, c in enumerate(letters)):
        return None
    for c in output:
        while letters.count(c) > 1:
            first, second = (i for i, each in enumerate(letters) if each == c and letters[:i].count(c) < 2)
            x = x.diagonal(0, first, second)
            letters = "".join(each for i, each in enumerate(letters) if i not in (first, second)) + c
    return x.permute(*map(letters.index, output))


def _from_sublists(args):
    def letters(numbers):
        return "".join("..." if n is Ellipsis else LETTERS[n] for n in numbers)

    last = None if len(args) % 2 == 0 else letters(args[-1])
    operands, lists = args[0 : len(args) // 2 * 2 : 2], args[1::2]
    text = ",".join(map(letters, lists[: len(operands)]))
    return (text if last is None else f"{text}->{last}"), operands


@function("torch")
def tensordot(a, b, dims=2, out=None):
    """The sum of products over the last `dims` dimensions of `a` and the first of `b`, or over pairs of dimensions."""
    if isinstance(dims, Tensor):
        dims = dims.tolist()
    if isinstance(dims, int):
        if dims < 0:
            raise RuntimeError(located(f"tensordot expects dims >= 0, but got dims={dims}"))
        if dims > min(a.ndim, b.ndim):
            raise RuntimeError(located(f"tensordot expects dims < ndim_a or ndim_b, but got dims={dims}"))
        dims = (list(range(a.ndim - dims, a.ndim)), list(range(dims)))
    if any(isinstance(d, int) for d in dims):
        raise TypeError(located("tensordot(): argument 'dims_self' (position 3) must be tuple of ints, not int"))
    ours, theirs = ([one_dim(d, x.ndim) for d in each] for x, each in zip((a, b), dims, strict=True))
    if len(ours) != len(theirs):
        raise RuntimeError(located("both dimension lists should have same length"))
    letters_a = list(LETTERS[: a.ndim])
    letters_b = list(LETTERS[a.ndim : a.ndim + b.ndim])
    for i, j in zip(ours, theirs, strict=True):
        if a.shape[i] != b.shape[j] and 1 not in (a.shape[i], b.shape[j]):
            sizes = f"first has size {a.shape[i]} in dim {i} and second has size {b.shape[j]} in dim {j}"
            raise RuntimeError(located(f"contracted dimensions need to match, but {sizes}"))
        letters_b[j] = letters_a[i]
    summed = {letters_a[i] for i in ours}
    output = "".join(c for c in letters_a + letters_b if c not in summed)
    equation = f"{''.join(letters_a)},{''.join(letters_b)}->{output}"
    return deliver(contraction([a, b], equation=equation), out)
