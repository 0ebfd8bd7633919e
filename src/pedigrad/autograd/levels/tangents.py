"""Tangents of results: the derivative of an operation along the tangents of its operands, from its gradient rules alone.

A gradient rule gives the product of a cotangent with the transposed Jacobian, so it says what the Jacobian is. There are three ways:

- of an elementwise operation on real numbers the Jacobian is diagonal: the rule, given the tangent, is its product with it;
- a linear operation is run on the tangent, with those operands whose values the rule wants as they are, and zeros for the others;
- in all other cases the rule, which is linear in the cotangent, is transposed: the derivative of its result by the cotangent, along the
  tangent. That is one backward pass through the rule, and exact.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ...core import dtypes, modes
from ...core.dispatch import _saved, computed
from ...core.lifted import ARRAYS, levels_of
from ...core.precision import is_narrow, narrow_dtype
from ...core.tensor import Tensor, constant, wrap
from ..engine import Backward, fitted
from .outside import converted, expanded, ran

# Operations that are linear in each operand whose value the rule for it does not want, and zero where that is zero. What is affine and not
# here (padding with a number, a target of a loss) is right all the same: it goes the third way.
LINEAR = frozenset(
    "sum mean nansum trace cumsum difference cat stack block_diag split_projections clone cast copy flip roll repeat _repeat_each tril triu"
    " diag_embed diagonal_copy gather index index_select index_in_zeros _index_put index_in_zeros_along index_add index_copy scatter"
    " scatter_add scatter_in_zeros region_in_zeros replace_region masked_fill_by masked_scatter put placed_at added_at matmul mm bmm mv dot"
    " vdot outer linear addmm addmv addbmm baddbmm addr einsum conv_forward conv_input_grad conv_weight_grad cross recurrence framed"
    " overlapped fft_c2c fft_c2r fft_r2c resized_along im2col col2im pad_around fold_around pixel_shuffle pixel_unshuffle channel_shuffle"
    " resample resample_back window_sum window_mean window_spread window_put window_take adaptive_spread spatial_put unpool_put pixels"
    " pixels_back embedding embedding_dense_backward".split()
)
ADDING = frozenset({"add", "sub"})  # elementwise, and linear in both operands together
# Rules want these operands only for what their gradients are connected to.
UNUSED = {("conv_forward", "bias"): {"x", "weight"}, ("conv_input_grad", "bias"): {"y", "weight"}}

Arrays = tuple[Any, ...]


def tangents_of(op: Any, primals: Arrays, tangents: Arrays, attributes: Arrays, results: Arrays) -> list[Any]:
    """The tangent of each result, hidden ones too, None where it is zero or the result has none."""
    names = op.operands * len(primals) if op.variadic else op.operands
    due = tuple([t is not None and n in op.differentiable for n, t in zip(names, tangents, strict=True)])
    seen = len(results) - op.hidden
    none: list[Any] = [None] * len(results)
    if True not in due or not any([r.dtype.kind in "fcV" for r in results[:seen]]):
        return none
    if op.kind == "view":
        (tangent,) = tangents
        return list(computed(op, (tangent,), attributes))
    if op.name in ADDING and False not in due:
        return list(computed(op, tangents, attributes))
    if op.kind == "elementwise" and len(results) == 1 and True not in [_is_complex(a) for a in (*primals, *results)]:
        return [diagonal(op, primals, tangents, due, attributes, results)]
    if (groups := linear_in(op, due)) is not None:
        return [*along_operands(op, primals, tangents, attributes, groups)[:seen], *none[seen:]]
    if op.hidden and any(level.follows_hidden for p in primals for level in levels_of(p)):
        results = (*results[:seen], *hidden_again(op, primals, attributes)[seen:])
    return [*transposed(op, primals, tangents, due, attributes, results), *none[seen:]]


def hidden_again(op: Any, primals: Arrays, attributes: Arrays) -> Arrays:
    """The results of the forward, run on Tensors: hidden ones then have the tangents that those of outer derivatives have not."""
    given = (wrap(p) if isinstance(p, ARRAYS) else p for p in primals)
    found = op.forward(*given, **dict(zip(op.attributes, attributes, strict=True)))
    return tuple(r._array if isinstance(r, Tensor) else r for r in found)


def _is_complex(array: Any) -> bool:
    return getattr(array, "dtype", None) is not None and array.dtype.kind == "c"


def of_rules(function: Any) -> Any:
    """`function(op, due)`, which follows from the op's rules and the operands that are due, found once for each."""

    @functools.wraps(function)
    def known(op: Any, due: tuple[bool, ...]) -> Any:
        key = function.__name__, due
        if key not in op.known:
            op.known[key] = function(op, due)
        return op.known[key]

    return known


def rules_of(op: Any, primals: Arrays, results: Arrays) -> Any:
    """The node class whose `backward` runs the gradient rules for these operands."""
    if not op.built:
        op.build()
    return op.wide_node_class if is_narrow(results[0].dtype) or narrow_dtype(op, primals) is not None else op.node_class


@of_rules
def mask_of(op: Any, due: tuple[bool, ...]) -> tuple[Any, ...]:
    """Which of the operands that have a gradient are due, as the parents of a node are."""
    if op.variadic:
        return tuple(True if d else None for d in due)
    given = dict(zip(op.operands, due, strict=True))
    return tuple(True if given[n] else None for n in op.differentiable)


# Elementwise


@of_rules
def each_alone(op: Any, due: tuple[bool, ...]) -> list[tuple[int, int, tuple[Any, ...]]]:
    """For each operand that is due its number, its place among the gradients, and what `mask_of` says of it alone."""
    alone = [(i, tuple([j == i for j in range(len(due))])) for i, wanted in enumerate(due) if wanted]
    return [(i, op.differentiable.index(op.operands[i]), mask_of(op, mask)) for i, mask in alone]


def diagonal(op: Any, primals: Arrays, tangents: Arrays, due: tuple[bool, ...], attributes: Arrays, results: Arrays) -> Any:
    """The tangent of an elementwise operation's result."""
    (out,) = results
    rules, total = rules_of(op, primals, results), None
    for i, place, mask in each_alone(op, due):
        saved = _saved(op, mask, primals, attributes, results)
        g = expanded(converted(tangents[i], out.dtype, dtypes.of(out)), out.shape)
        found = None
        if modes.settings.recorder is None:
            try:
                found = rules.backward(g, mask, saved)
            except Exception:
                if _are_plain((g, *saved)):
                    raise
        if found is None:
            found = rules.backward(wrap(g), mask, _tensors(op, saved))
        part = found[place]
        part = part._array if isinstance(part, Tensor) else np.asarray(part) if isinstance(part, np.generic) else part
        total = part if total is None else _sum(total, part)
    if total is None:
        return None
    return expanded(converted(total, out.dtype, dtypes.of(out)), out.shape)


def _are_plain(values: Arrays) -> bool:
    """Whether rules may be given the arrays: nobody follows them."""
    return modes.settings.recorder is None and all(v.__class__ is np.ndarray or not isinstance(v, ARRAYS) for v in values)


def _sum(one: Any, other: Any) -> Any:
    if one.__class__ is np.ndarray and other.__class__ is np.ndarray and modes.settings.recorder is None:
        return np.asarray(one + other)
    return ran("add", one, other)


def _tensors(op: Any, saved: Arrays) -> Arrays:
    """What rules are given as Tensors in a second derivative: the operands that have gradients, and results."""

    def given(name: str, value: Any) -> Any:
        if name in op.operands and op.variadic:
            return tuple(None if a is None else wrap(a) for a in value)
        smooth = name in op.differentiable or (name in (op.outputs or ()) and getattr(value, "dtype", None) is not None)
        if isinstance(value, np.generic):
            value = np.asarray(value)
        return wrap(value) if smooth and isinstance(value, ARRAYS) and value.dtype.kind in "fcV" else value

    return tuple(map(given, op.saves, saved))


# Linear


@of_rules
def linear_in(op: Any, due: tuple[bool, ...]) -> list[tuple[set[int], set[int]]] | None:
    """Groups of operands such that the operation is linear in each: these, and those that count as they are; None if it is not."""
    if op.name not in LINEAR:
        return None
    if op.variadic:
        if op.name == "einsum":
            return [({i}, set(range(len(due))) - {i}) for i, d in enumerate(due) if d]
        return [({i for i, d in enumerate(due) if d}, set())]
    groups: list[tuple[set[int], set[int]]] = []
    for i, name in enumerate(op.operands):
        if not due[i]:
            continue
        wants = {w for rule in op.rules if name in rule.inputs for w in rule.wants} - UNUSED.get((op.name, name), set())
        if any(name in rule.inputs and len(rule.inputs) > 1 for rule in op.rules) or name in wants or wants & set(op.outputs or ("outs",)):
            return None
        factors = {j for j, n in enumerate(op.operands) if n in wants or n not in op.differentiable}
        for members, others in groups:
            if i not in others and not members & factors:
                members.add(i)
                others |= factors
                break
        else:
            groups.append(({i}, factors))
    return groups


def along_operands(op: Any, primals: Arrays, tangents: Arrays, attributes: Arrays, groups: Any) -> list[Any]:
    """The tangents of the results of an operation that is linear in groups of its operands."""
    totals: list[Any] = []
    for members, factors in groups:

        def given(i: int, members: Any = members, factors: Any = factors) -> Any:
            if i in members:
                return tangents[i]
            if i in factors:
                return primals[i]
            if not isinstance(primals[i], ARRAYS):  # a number is a constant, and what stands for no operand stays
                return 0 if isinstance(primals[i], (int, float, complex)) else primals[i]
            return (
                None if not op.variadic and op.operands[i] in op.defaults else constant(np.zeros(primals[i].shape, primals[i].dtype))._array
            )

        made = computed(op, tuple(map(given, range(len(primals)))), attributes)
        totals = list(made) if not totals else [_sum(a, b) for a, b in zip(totals, made, strict=True)]
    return totals


# Any other


def transposed(op: Any, primals: Arrays, tangents: Arrays, due: tuple[bool, ...], attributes: Arrays, results: Arrays) -> list[Any]:
    """The tangents of the visible results: what the gradient rules make of cotangents, differentiated by these."""
    seen = results[: len(results) - op.hidden]
    mask = mask_of(op, due)
    saved = _tensors(op, _saved(op, mask, primals, attributes, results))
    with modes.inference_mode(False), modes.enable_grad():
        probes = [constant(np.zeros(r.shape, r.dtype)).requires_grad_() if r.dtype.kind in "fcV" else None for r in seen]
        g: Any = probes[0] if op.outputs is not None and len(seen) == 1 else probes
        found = rules_of(op, primals, results).backward(g, mask, saved)
        wanted = zip(found, primals if op.variadic else _of(op, primals), tangents if op.variadic else _of(op, tangents), strict=True)
        outputs, starts = [], []
        for d, primal, tangent in wanted:
            if tangent is None or not isinstance(d, Tensor) or not d.requires_grad:
                continue
            outputs.append(fitted(d, primal.shape, primal.dtype))
            starts.append(tangent)
        smooth = [p for p in probes if p is not None]
        if not outputs:
            return [None] * len(seen)
        run = Backward(False, False, [p._node for p in smooth], accumulate=False)  # type: ignore[misc]
        for output, start in zip(outputs, starts, strict=True):
            run.enter(wrap(start))
            run.deposit(output._node, start)  # type: ignore[arg-type]
        run.only_towards_wanted([o._node for o in outputs])  # type: ignore[misc]
        run.run()
    return [None if p is None else run.captured.get(p._node.seq) for p in probes]  # type: ignore[union-attr]


def _of(op: Any, values: Arrays) -> list[Any]:
    """Those of the operands that have gradients."""
    given = dict(zip(op.operands, values, strict=True))
    return [given[n] for n in op.differentiable]
