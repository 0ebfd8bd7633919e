"""Derivatives of functions as functions: each runs its function on arguments of its own level, which outer levels see through."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..autograd.backward import grad as gradients
from ..core import modes, trees
from ..core.graph import Leaf, Node
from ..core.modes import settings
from ..core.origin import located
from ..core.tensor import Tensor
from ..ops.shape.join import stack

Function = Callable[..., Any]


def _entered(tensor: Any) -> Any:
    """`tensor` as an argument of a new level: outer levels, and the user's own graph, are reached through it."""
    if not isinstance(tensor, Tensor) or not (tensor.is_floating_point() or tensor.is_complex()):
        return tensor
    return tensor.view_as(tensor) if tensor.requires_grad else tensor.detach().requires_grad_()  # type: ignore[attr-defined]


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
        return value if settings.grad and not _leaves_behind(value) <= own else value.detach()

    return trees.mapped(left, tree)


def _chosen(args: tuple[Any, ...], argnums: Any, what: str) -> tuple[tuple[int, ...], bool]:
    """The numbers of the arguments to differentiate by, and whether there is one alone."""
    single = isinstance(argnums, int)
    numbers = (argnums,) if single else tuple(argnums)
    for n in numbers:
        if not -len(args) <= n < len(args):
            raise RuntimeError(located(f"{what}: argnums={argnums}, but the function was given {len(args)} positional arguments"))
    return tuple(n % len(args) for n in numbers), single


def _entered_at(numbers: tuple[int, ...], args: tuple[Any, ...]) -> tuple[list[Any], list[Any], list[Any]]:
    """The arguments with those of `numbers` entered into a new level, these alone, and their leaves."""
    entered = list(args)
    for n in numbers:
        entered[n] = trees.mapped(_entered, args[n])
    nests = [entered[n] for n in numbers]
    return entered, nests, trees.leaves(nests)


def _split(result: Any, has_aux: bool, what: str) -> tuple[Any, Any]:
    if not has_aux:
        return result, None
    if not isinstance(result, tuple) or len(result) != 2:
        raise RuntimeError(located(f"{what}: with has_aux=True the function returns a tuple of two, the output and what goes with it"))
    return result


def _zeros(tensor: Tensor) -> Any:
    """Zeros of a tensor's shape and dtype."""
    return tensor.detach().new_zeros(tensor.shape)  # type: ignore[attr-defined]


def _derivative(outputs: list[Tensor], inputs: list[Any], weights: list[Any] | None) -> list[Any]:
    """The gradients of outputs with respect to inputs, zeros where there is none."""
    wanted = [t for t in inputs if isinstance(t, Tensor) and t.requires_grad]
    used = [(o, w) for o, w in zip(outputs, weights or [None] * len(outputs), strict=True) if isinstance(o, Tensor) and o.requires_grad]
    if not used or not wanted:
        return [_zeros(t) if isinstance(t, Tensor) else None for t in inputs]
    roots, starts = [o for o, _ in used], [w for _, w in used]
    given = None if weights is None else starts
    found = iter(gradients(roots, wanted, given, retain_graph=True, create_graph=True, allow_unused=True, materialize_grads=True))
    return [next(found) if isinstance(t, Tensor) and t.requires_grad else _zeros(t) for t in inputs]


def grad_and_value(func: Function, argnums: int | tuple[int, ...] = 0, has_aux: bool = False) -> Function:
    """A function that returns the gradient of `func`, whose result is one number, by the arguments `argnums`, and that number.

    With `has_aux`, `func` returns a pair, and the new function `(gradient, (number, auxiliary))`.
    """

    @functools.wraps(func)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        numbers, single = _chosen(args, argnums, "grad()")
        with modes.enable_grad():
            entered, nests, inputs = _entered_at(numbers, args)
            output, aux = _split(func(*entered, **kwargs), has_aux, "grad()")
            if not isinstance(output, Tensor):
                raise RuntimeError(located(f"grad(): the function must return a Tensor, got {type(output).__name__}"))
            if output.dim() != 0:
                message = f"grad(): the function must return a number (a tensor without dimensions), got one of shape {tuple(output.shape)}"
                raise RuntimeError(located(message))
            found = _derivative([output], inputs, None)
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

    @functools.wraps(func)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        result, value = both(*args, **kwargs)
        return (result, value[1]) if has_aux else result

    return wrapped


def vjp(func: Function, *primals: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """The result of `func`, and a function of cotangents (a nest as the result) that gives each primal's product with the Jacobian."""
    with modes.enable_grad():
        entered = trees.mapped(_entered, primals)
        inputs = trees.leaves(entered)
        output, aux = _split(func(*entered), has_aux, "vjp()")
        outputs = trees.leaves(output)
    if not outputs or not all(isinstance(o, Tensor) for o in outputs):
        raise RuntimeError(located("vjp(): the function must return Tensors, alone or nested in tuples, lists and dicts"))

    def products(*cotangents: Any, retain_graph: bool = True, create_graph: bool | None = None) -> Any:
        given = cotangents[0] if len(cotangents) == 1 and not (isinstance(output, tuple) and len(output) == 1) else cotangents
        weights = trees.leaves(given)
        if len(weights) != len(outputs):
            raise RuntimeError(located(f"vjp(): the function returned {len(outputs)} tensors, and {len(weights)} cotangents were given"))
        with modes.enable_grad():
            found = _derivative(outputs, inputs, weights)
        return _left(trees.filled(entered, found), inputs)

    result = _left(output, inputs)
    return (result, products, _left(aux, inputs)) if has_aux else (result, products)


def jvp(func: Function, primals: Any, tangents: Any, *, strict: bool = False, has_aux: bool = False) -> tuple[Any, ...]:
    """The result of `func` at `primals` (a tuple), and its derivative along `tangents`.

    The derivative is that of the product of cotangents and Jacobian, which is linear in the cotangents (Townsend 2017, "A new trick
    for calculating Jacobian vector products").
    """
    if not isinstance(primals, tuple) or not isinstance(tangents, tuple):
        raise RuntimeError(located("jvp(): primals and tangents must be tuples"))
    if len(primals) != len(tangents) or not primals:
        raise RuntimeError(located(f"jvp(): {len(primals)} primals and {len(tangents)} tangents were given"))
    for p, t in zip(trees.leaves(primals), trees.leaves(tangents), strict=True):
        if isinstance(p, Tensor) and p.shape != t.shape:
            raise RuntimeError(located(f"jvp(): a primal of shape {tuple(p.shape)} has a tangent of shape {tuple(t.shape)}"))
    with modes.enable_grad():
        entered = trees.mapped(_entered, primals)
        inputs = trees.leaves(entered)
        output, aux = _split(func(*entered), has_aux, "jvp()")
        outputs = trees.leaves(output)
        probes = [_zeros(o).requires_grad_() for o in outputs]
        products = _derivative(outputs, inputs, probes)
        found = _derivative(products, probes, trees.leaves(tangents))
    mine = [*inputs, *probes]
    result, derivative = _left(output, mine), _left(trees.filled(output, found), mine)
    return (result, derivative, _left(aux, mine)) if has_aux else (result, derivative)


def linearize(func: Function, *primals: Any) -> tuple[Any, Function]:
    """The result of `func` at `primals`, and its derivative there as a function of tangents."""
    return func(*primals), lambda *tangents: jvp(func, primals, tangents)[1]


def jacrev(
    func: Function, argnums: int | tuple[int, ...] = 0, *, has_aux: bool = False, chunk_size: int | None = None, _preallocate: bool = False
) -> Function:  # fmt: skip
    """A function that returns the Jacobian of `func` by the arguments `argnums`, of shape (*output, *input), row by row."""

    @functools.wraps(func)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        numbers, single = _chosen(args, argnums, "jacrev()")
        with modes.enable_grad():
            entered, nests, inputs = _entered_at(numbers, args)
            output, aux = _split(func(*entered, **kwargs), has_aux, "jacrev()")

            def rows(result: Any) -> Any:
                if not isinstance(result, Tensor):
                    raise RuntimeError(located(f"jacrev(): the function must return Tensors, got {type(result).__name__}"))
                blocks = _rows(result, inputs)
                shaped = trees.filled(nests, blocks)
                return shaped[0] if single else tuple(shaped)

            jacobian = trees.mapped(rows, output)
        jacobian = _left(jacobian, inputs)
        return (jacobian, _left(aux, inputs)) if has_aux else jacobian

    return wrapped


def _rows(output: Tensor, inputs: list[Any]) -> list[Tensor]:
    """The Jacobian of a tensor by each input."""
    found: list[list[Any]] = [[] for _ in inputs]
    for element in output.reshape(-1).unbind(0) if output.dim() else (output,):  # type: ignore[attr-defined]
        for column, gradient in zip(found, _derivative([element], inputs, None), strict=True):
            column.append(gradient)
    shapes = [tuple(output.shape) + tuple(x.shape) for x in inputs]
    made = zip(found, inputs, shapes, strict=True)
    return [stack(c).reshape(s) if c else x.new_zeros(s) for c, x, s in made]


def jacfwd(
    func: Function, argnums: int | tuple[int, ...] = 0, has_aux: bool = False, *, randomness: str = "error"
) -> Function:  # fmt: skip
    """A function that returns the Jacobian of `func` by the arguments `argnums`, of shape (*output, *input)."""
    return jacrev(func, argnums, has_aux=has_aux)


def hessian(func: Function, argnums: int | tuple[int, ...] = 0) -> Function:
    """A function that returns the second derivatives of `func` by the arguments `argnums`."""
    return jacfwd(jacrev(func, argnums), argnums)
