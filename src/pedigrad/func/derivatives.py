"""Derivatives of functions as functions: each runs its function on arguments of its own level, which outer levels see through."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..autograd.backward import grad as gradients
from ..autograd.levels.dual import Derivative
from ..autograd.levels.edges import primal_of, tangent_of
from ..autograd.levels.mapping import basis, columns, dual, rows
from ..core import modes, override, trees
from ..core.graph import Leaf, Node
from ..core.modes import settings
from ..core.origin import located
from ..core.tensor import Tensor, wrap
from ..ops.shape.join import stack
from .vmap import vmap

Function = Callable[..., Any]


def _entered(tensor: Any) -> Any:
    """`tensor` as an argument of a new level: outer levels, and the user's own graph, are reached through it."""
    if not isinstance(tensor, Tensor):
        raise ValueError(located(f"Thing passed to transform API must be Tensor, got {type(tensor)}"))
    if not (tensor.is_floating_point() or tensor.is_complex()):
        raise RuntimeError(located(f"only Tensors of floating point dtype can require gradients, not of {tensor.dtype}"))
    return tensor.view_as(tensor) if tensor.requires_grad else wrap(tensor._array).requires_grad_()  # type: ignore[attr-defined]


def _leaves_behind(tensor: Tensor) -> set[Leaf]:
    """The leaves that a tensor's history leads to."""
    found, seen, stack = set(), set(), [tensor._node]
    while stack:
        node: Node | None = stack.pop()
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, Leaf):
            found.add(node)
        stack.extend(node.parents)
    return found


def _left(tree: Any, arguments: list[Any]) -> Any:
    """What a level gives back: with a history where that leads beyond the level's own arguments, and gradients are wanted there."""
    own = {t._node for t in arguments if isinstance(t, Tensor) and isinstance(t._node, Leaf)}

    def left(value: Any) -> Any:
        if not isinstance(value, Tensor) or not value.requires_grad:
            return value
        return value if settings.grad and not _leaves_behind(value) <= own else wrap(value._array)

    return trees.mapped(left, tree)


def _chosen(args: tuple[Any, ...], argnums: Any, what: str) -> tuple[tuple[int, ...], bool]:
    """The numbers of the arguments to differentiate by, and whether there is one alone."""
    single = isinstance(argnums, int)
    numbers = (argnums,) if single else tuple(argnums)
    for n in numbers:
        if not -len(args) <= n < len(args):
            raise RuntimeError(located(f"{what}: argnums={argnums}, but the function was given {len(args)} positional arguments"))
    if len(set(numbers)) != len(numbers):
        raise RuntimeError(located(f"{what}: argnums elements must be unique, got {argnums}"))
    return tuple(n % len(args) for n in numbers), single


def _entered_at(numbers: tuple[int, ...], args: tuple[Any, ...]) -> tuple[list[Any], list[Any], list[Any]]:
    """The arguments with those of `numbers` entered into a new level, these alone, and their leaves."""
    entered = list(args)
    for n in numbers:
        entered[n] = trees.mapped(_entered, args[n])
    nests = [entered[n] for n in numbers]
    return entered, nests, trees.leaves(nests)


def _leads_on(outputs: list[Any], arguments: list[Any]) -> bool:
    """Whether gradients are differentiated again: the outputs' history leads beyond the level's own arguments."""
    own = {t._node for t in arguments if isinstance(t, Tensor) and isinstance(t._node, Leaf)}
    return any(isinstance(o, Tensor) and not _leaves_behind(o) <= own for o in outputs)


def _split(result: Any, has_aux: bool, what: str) -> tuple[Any, Any]:
    if not has_aux:
        return result, None
    if not isinstance(result, tuple) or len(result) != 2:
        raise RuntimeError(located(f"{what}: with has_aux=True the function returns a tuple of two, the output and what goes with it"))
    return result


def _check_smooth(outputs: list[Any], what: str) -> None:
    """RuntimeError for a result that has no derivatives: a tensor of integers or booleans."""
    for result in outputs:
        if isinstance(result, Tensor) and not (result.is_floating_point() or result.is_complex()):
            message = f"All outputs of f must be floating-point or complex Tensors, got Tensor with dtype {result.dtype}"
            raise RuntimeError(located(f"{what}: {message}"))


def _check_real(values: list[Any], what: str, kind: str) -> None:
    """RuntimeError for a complex tensor, of which a Jacobian of real numbers would be a part alone."""
    for i, value in enumerate(values):
        if isinstance(value, Tensor) and value.is_complex():
            message = f"Expected all {kind}s to be real but received complex tensor at flattened input idx: {i}"
            raise RuntimeError(located(f"{what}: {message}"))


def _zeros(tensor: Tensor) -> Any:
    """Zeros of a tensor's shape and dtype."""
    return wrap(np.zeros(tensor._array.shape, tensor._array.dtype))


def _derivative(outputs: list[Tensor], inputs: list[Any], weights: list[Any] | None, create: bool) -> list[Any]:
    """The gradients of outputs with respect to inputs, zeros where there is none; with a history if they may be differentiated again."""
    wanted = [t for t in inputs if isinstance(t, Tensor) and t.requires_grad]
    used = [(o, w) for o, w in zip(outputs, weights or [None] * len(outputs), strict=True) if isinstance(o, Tensor) and o.requires_grad]
    if not used or not wanted:
        return [_zeros(t) if isinstance(t, Tensor) else None for t in inputs]
    roots, starts = [o for o, _ in used], [w for _, w in used]
    given = None if weights is None else starts
    found = iter(gradients(roots, wanted, given, retain_graph=True, create_graph=create, allow_unused=True, materialize_grads=True))
    return [next(found) if isinstance(t, Tensor) and t.requires_grad else _zeros(t) for t in inputs]


def grad_and_value(func: Function, argnums: int | tuple[int, ...] = 0, has_aux: bool = False) -> Function:
    """A function that returns the gradient of `func`, whose result is one number, by the arguments `argnums`, and that number.

    With `has_aux`, `func` returns a pair, and the new function `(gradient, (number, auxiliary))`.
    """

    @override.as_a_whole("grad_and_value")
    @functools.wraps(func)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        numbers, single = _chosen(args, argnums, "grad()")
        again = settings.grad
        with modes.enable_grad():
            entered, nests, inputs = _entered_at(numbers, args)
            output, aux = _split(func(*entered, **kwargs), has_aux, "grad()")
            if not isinstance(output, Tensor):
                raise RuntimeError(located(f"grad(): the function must return a Tensor, got {type(output).__name__}"))
            if output.dim() != 0:
                message = f"grad(): the function must return a number (a tensor without dimensions), got one of shape {tuple(output.shape)}"
                raise RuntimeError(located(message))
            found = _derivative([output], inputs, None, again and _leads_on([output], inputs))
        shaped = trees.filled(nests, found)
        result, value = _left(shaped[0] if single else tuple(shaped), inputs), _left(output, inputs)
        return (result, (value, _left(aux, inputs))) if has_aux else (result, value)

    return wrapped


def grad(func: Function, argnums: int | tuple[int, ...] = 0, has_aux: bool = False) -> Function:
    """A function that returns the gradient of `func`, whose result is one number, by the arguments `argnums`.

    >>> import pedigrad as torch
    >>> torch.func.grad(lambda x: x**3)(torch.tensor(2.0))
    tensor(12.)
    """
    both = grad_and_value(func, argnums, has_aux)

    @override.as_a_whole("grad")
    @functools.wraps(func)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        result, value = both(*args, **kwargs)
        return (result, value[1]) if has_aux else result

    return wrapped


@override.as_a_whole("vjp")
def vjp(func: Function, *primals: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """The result of `func`, and a function of cotangents (a nest as the result) that gives each primal's product with the Jacobian."""
    with modes.enable_grad():
        entered = trees.mapped(_entered, primals)
        inputs = trees.leaves(entered)
        output, aux = _split(func(*entered), has_aux, "vjp()")
        outputs = trees.leaves(output)
    if not outputs or not all(isinstance(o, Tensor) for o in outputs):
        raise RuntimeError(located("vjp(): the function must return Tensors, alone or nested in tuples, lists and dicts"))
    _check_smooth(outputs, "vjp(f, ...)")

    def products(*cotangents: Any, retain_graph: bool = True, create_graph: bool | None = None) -> Any:
        given = cotangents[0] if len(cotangents) == 1 and not (isinstance(output, tuple) and len(output) == 1) else cotangents
        weights = trees.leaves(given)
        if len(weights) != len(outputs):
            raise RuntimeError(located(f"vjp(): the function returned {len(outputs)} tensors, and {len(weights)} cotangents were given"))
        again = settings.grad and _leads_on([*outputs, *weights], inputs)
        with modes.enable_grad():
            found = _derivative(outputs, inputs, weights, again)
        return _left(trees.filled(entered, found), inputs)

    result = _left(output, inputs)
    return (result, products, _left(aux, inputs)) if has_aux else (result, products)


@override.as_a_whole("jvp")
def jvp(func: Function, primals: Any, tangents: Any, *, strict: bool = False, has_aux: bool = False) -> tuple[Any, ...]:
    """The result of `func` at `primals` (a tuple), and its derivative along `tangents`: the function is run once, on dual numbers."""
    if not isinstance(primals, tuple) or not isinstance(tangents, tuple):
        raise RuntimeError(located("jvp(): primals and tangents must be tuples"))
    if len(primals) != len(tangents) or not primals:
        raise RuntimeError(located(f"jvp(): {len(primals)} primals and {len(tangents)} tangents were given"))
    values, given = trees.leaves(primals), trees.leaves(tangents)
    if len(values) != len(given):
        raise RuntimeError(located("jvp(): Expected primals and tangents to have the same structure"))
    level = Derivative()
    entered = [dual(p, t, level) for p, t in zip(values, given, strict=True)]
    output, aux = _split(func(*trees.filled(primals, entered)), has_aux, "jvp()")
    outputs = trees.leaves(output)
    if not outputs or not all(isinstance(o, Tensor) for o in outputs):
        raise RuntimeError(located("jvp(): Expected f to return Tensors, alone or nested in tuples, lists and dicts"))
    if strict and not all(level.holds(o._array) for o in outputs):
        raise RuntimeError(located("jvp(): Expected f to be differentiable: with strict=True each output depends on the primals"))
    result, derivative = (trees.filled(output, [part(o, level) for o in outputs]) for part in (primal_of, tangent_of))
    if not has_aux:
        return result, derivative
    return result, derivative, trees.mapped(lambda a: primal_of(a, level) if isinstance(a, Tensor) else a, aux)


@override.as_a_whole("linearize")
def linearize(func: Function, *primals: Any) -> tuple[Any, Function]:
    """The result of `func` at `primals`, and its derivative there as a function of tangents, which does not run `func` again.

    It is the derivative of the product of cotangents and Jacobian, which is linear in the cotangents (Townsend 2017, "A new trick
    for calculating Jacobian vector products").
    """
    with modes.enable_grad():
        entered = trees.mapped(_entered, primals)
        inputs = trees.leaves(entered)
        output = func(*entered)
        outputs = trees.leaves(output)
        probes = [_zeros(o).requires_grad_(o.is_floating_point() or o.is_complex()) for o in outputs]
        products = _derivative(outputs, inputs, probes, True)
    mine = [*inputs, *probes]

    def pushed(*tangents: Any) -> Any:
        given = trees.leaves(tangents)
        if len(given) != len(inputs):
            raise RuntimeError(located("linearize(): Expected the tangents to have the structure of the primals"))
        for p, t in zip(inputs, given, strict=True):
            if p.shape != t.shape or p.dtype is not t.dtype:
                given_as = f"{tuple(t.shape)} and {t.dtype}"
                raise RuntimeError(
                    located(f"linearize(): a tangent has shape and dtype {given_as}, its primal {tuple(p.shape)} and {p.dtype}")
                )
        again = settings.grad and _leads_on([*products, *given], mine)
        with modes.enable_grad():
            found = _derivative(products, probes, given, again)
        return _left(trees.filled(output, found), mine)

    return _left(output, mine), pushed


def _mapped(function: Function, tensors: list[Tensor], chunk_size: int | None, randomness: str = "error") -> list[Tensor]:
    """`function`, which gives a list of tensors, for each element of the first dimension of its arguments."""
    if tensors and len(tensors[0]) == 1:  # there is nothing to do together
        return [found[None] for found in function(*(each[0] for each in tensors))]
    if chunk_size == 1 and tensors and len(tensors[0]):
        return [stack(found) for found in zip(*(function(*row) for row in zip(*tensors, strict=True)), strict=True)]
    return list(vmap(lambda *given: tuple(function(*given)), randomness=randomness, chunk_size=chunk_size)(*tensors))


def jacrev(
    func: Function, argnums: int | tuple[int, ...] = 0, *, has_aux: bool = False, chunk_size: int | None = None,
    _preallocate_and_copy: bool = False,
) -> Function:  # fmt: skip
    """A function that returns the Jacobian of `func` by the arguments `argnums`, of shape (*output, *input): all rows at once.

    With `chunk_size` so many rows are computed at a time.
    """
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError(located("jacrev: `chunk_size` should be greater than 0."))

    @override.as_a_whole("jacrev")
    @functools.wraps(func)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        numbers, single = _chosen(args, argnums, "jacrev()")
        _check_real(trees.leaves(args), "jacrev", "input")
        again = settings.grad
        with modes.enable_grad():
            entered, nests, inputs = _entered_at(numbers, args)
            output, aux = _split(func(*entered, **kwargs), has_aux, "jacrev()")
            outputs = trees.leaves(output)
            for result in outputs:
                if not isinstance(result, Tensor):
                    raise RuntimeError(located(f"jacrev(): the function must return Tensors, got {type(result).__name__}"))
            _check_smooth(outputs, "vjp(f, ...)")
            _check_real(outputs, "jacrev", "output")
            again = again and _leads_on(outputs, inputs)
            found = _mapped(lambda *weights: _derivative(outputs, inputs, list(weights), again), basis(outputs), chunk_size)
            made = []
            for blocks in zip(*(rows(each, outputs) for each in found), strict=True):
                shaped = trees.filled(nests, list(blocks))
                made.append(shaped[0] if single else tuple(shaped))
            jacobian = trees.filled(output, made)
        jacobian = _left(jacobian, inputs)
        return (jacobian, _left(aux, inputs)) if has_aux else jacobian

    return wrapped


def jacfwd(
    func: Function, argnums: int | tuple[int, ...] = 0, has_aux: bool = False, *, randomness: str = "error"
) -> Function:  # fmt: skip
    """A function that returns the Jacobian of `func` by the arguments `argnums`, of shape (*output, *input): all columns at once."""

    @override.as_a_whole("jacfwd")
    @functools.wraps(func)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        numbers, single = _chosen(args, argnums, "jacfwd()")
        _check_real(trees.leaves(args), "jacfwd", "input")
        nests = [args[n] for n in numbers]
        inputs = trees.leaves(nests)
        shape: list[Any] = []  # of what the function returns: its nest, and what goes with it

        def column(*tangents: Any) -> Any:
            def chosen(*given: Any) -> Any:
                every = list(args)
                for n, nest in zip(numbers, given, strict=True):
                    every[n] = nest
                return func(*every, **kwargs)

            output, derivative, *aux = jvp(chosen, tuple(nests), tuple(trees.filled(nests, list(tangents))), has_aux=has_aux)
            shape[:] = [output, *aux]
            _check_real(trees.leaves(output), "jacfwd", "output")
            return trees.leaves(derivative), *(trees.leaves(a) for a in aux)

        mapped_over = vmap(column, randomness=randomness, out_dims=(0, None) if has_aux else (0,))
        made, *aux = mapped_over(*basis(inputs))
        jacobian = []
        for whole in made:
            shaped = trees.filled(nests, columns(whole, whole.shape[1:], inputs))
            jacobian.append(shaped[0] if single else tuple(shaped))
        found = trees.filled(shape[0], jacobian)
        return (found, trees.filled(shape[1], aux[0])) if has_aux else found

    return wrapped


def hessian(func: Function, argnums: int | tuple[int, ...] = 0) -> Function:
    """A function that returns the second derivatives of `func` by the arguments `argnums`: the Jacobian, forward, of the reverse one."""
    return jacfwd(jacrev(func, argnums), argnums)
