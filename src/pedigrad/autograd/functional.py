"""torch.autograd.functional: Jacobians and Hessians of functions, and their products with vectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core import modes, override
from ..core.origin import located
from ..core.tensor import Tensor, wrap
from ..ops.shape.join import stack
from .backward import grad
from .levels.dual import Derivative
from .levels.edges import primal_of, tangent_of
from .levels.mapping import basis, columns, dual, over, rows

Function = Callable[..., Any]
NOT_STRICT = "this is not allowed in strict mode"


def _as_tuple(values: Any, what: str, where: str) -> tuple[bool, tuple[Tensor, ...]]:
    """Whether there were several, and they as a tuple; TypeError for what is no tensor."""
    several = isinstance(values, tuple)
    found = values if several else (values,)
    for i, value in enumerate(found):
        if not isinstance(value, Tensor):
            at = f"the value at index {i}" if several else "it"
            raise TypeError(located(f"{where} must be a Tensor or a tuple of Tensors, but {at} of {what} is a {type(value).__name__}"))
    return several, found


def _entered(inputs: tuple[Tensor, ...], create_graph: bool) -> tuple[Any, ...]:
    """The inputs as the function is given them: parts of the user's graph only if that is to be differentiated further."""
    return tuple(
        x.view_as(x) if create_graph and x.requires_grad else wrap(x._array).requires_grad_(x.is_floating_point() or x.is_complex())  # type: ignore[attr-defined]
        for x in inputs
    )


def _given_vector(v: Any, like: tuple[Tensor, ...], what: str) -> tuple[Tensor, ...]:
    """The vector of a product, which has the structure of `like`; ones where it was left out for a single number."""
    if v is None:
        if len(like) != 1 or like[0].numel() != 1:
            raise RuntimeError(located(f"The vector v can only be None if the {what} is a single number"))
        return (like[0].detach().new_ones(like[0].shape),)  # type: ignore[attr-defined]
    _, found = _as_tuple(v, "v", "v")
    if len(found) != len(like):
        raise RuntimeError(located(f"v is a tuple of invalid length: should be {len(like)} but got {len(found)}."))
    for i, (a, b) in enumerate(zip(found, like, strict=True)):
        if a.shape != b.shape:
            raise RuntimeError(located(f"Entry {i} in v has invalid size: should be {b.shape} but got {a.shape}."))
    return found


def _gradients(outputs: Any, inputs: Any, weights: Any, create_graph: bool, strict: bool, what: str) -> tuple[Tensor, ...]:
    """The gradients, zeros where there are none; with `strict` a RuntimeError there."""
    used = [(o, w) for o, w in zip(outputs, weights, strict=True) if o.requires_grad]
    if strict and len(used) < len(outputs):
        raise RuntimeError(located(f"An output of the user-provided function is independent of all inputs: {NOT_STRICT}."))
    found: Any = (None,) * len(inputs)
    if used:
        roots, starts = zip(*used, strict=True)
        found = grad(roots, inputs, starts, retain_graph=True, create_graph=create_graph, allow_unused=True)
    for i, g in enumerate(found) if strict else ():
        if g is None:
            raise RuntimeError(located(f"Output of the user-provided function is independent of input {i}: {NOT_STRICT}."))
        if create_graph and not g.requires_grad:
            raise RuntimeError(located(f"The {what} is independent of input {i}: {NOT_STRICT} with create_graph=True."))
    return tuple(x.new_zeros(x.shape) if g is None else g for x, g in zip(inputs, found, strict=True))


def _left(values: Any, create_graph: bool) -> Any:
    return values if create_graph else tuple(wrap(v._array) for v in values)


def _alone(several: bool, values: tuple[Any, ...]) -> Any:
    return values if several else values[0]


@override.as_a_whole("vjp")
def vjp(func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple[Any, Any]:
    """The result of `func`, and the product of `v` (of the result's structure) with the Jacobian: of the inputs' structure."""
    with modes.enable_grad():
        several, given = _as_tuple(inputs, "inputs", "The inputs given to vjp")
        entered = _entered(given, create_graph)
        many, outputs = _as_tuple(func(*entered), "the result", "The result of the function given to vjp")
        vector = _given_vector(v, outputs, "output of the user-provided function")
        found = _gradients(outputs, entered, vector, create_graph, strict, "vjp")
    return _alone(many, _left(outputs, create_graph)), _alone(several, _left(found, create_graph))


@override.as_a_whole("jvp")
def jvp(func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple[Any, Any]:
    """The result of `func`, and the product of the Jacobian with `v` (of the inputs' structure): of the result's structure."""
    with modes.set_grad_enabled(create_graph or strict):
        _, given = _as_tuple(inputs, "inputs", "The inputs given to jvp")
        vector = _given_vector(v, given, "input")
        entered = _entered(given, create_graph) if create_graph or strict else tuple(wrap(x._array) for x in given)
        many, outputs, products = _pushed(func, entered, vector, "jvp")
        if strict:
            _check_dependence(outputs, products, entered, create_graph)
    return _alone(many, _left(outputs, create_graph)), _alone(many, _left(products, create_graph))


def _pushed(
    func: Function, inputs: tuple[Any, ...], vector: tuple[Tensor, ...], what: str
) -> tuple[bool, tuple[Any, ...], tuple[Any, ...]]:
    """Whether there are several results, they and their derivatives along `vector`."""
    level = Derivative()
    result = func(*(dual(x, t, level) for x, t in zip(inputs, vector, strict=True)))
    many, outputs = _as_tuple(result, "the result", f"The result of the function given to {what}")
    return many, tuple(primal_of(o, level) for o in outputs), tuple(tangent_of(o, level) for o in outputs)


def _check_dependence(outputs: Any, products: Any, inputs: Any, create_graph: bool) -> None:
    """RuntimeError where a result does not depend on an input, or, if that is to be differentiated, its derivative on none."""
    weights = tuple(o.detach().new_ones(o.shape) for o in outputs)
    _gradients(outputs, inputs, weights, False, True, "jvp")
    for i, product in enumerate(products) if create_graph else ():
        if not product.requires_grad:
            raise RuntimeError(located(f"The jvp of output {i} is independent of the inputs: {NOT_STRICT} with create_graph=True."))


@override.as_a_whole("jacobian")
def jacobian(
    func: Function, inputs: Any, create_graph: bool = False, strict: bool = False, vectorize: bool = False, strategy: str = "reverse-mode"
) -> Any:
    """The Jacobian of `func`: for each output and input (a tuple of tuples where there are several) of shape (*output, *input).

    Its rows come one after the other, or with `vectorize` all at once; with the `strategy` "forward-mode" its columns do.
    """
    if strategy not in ("reverse-mode", "forward-mode"):
        raise AssertionError(located(f"Expected strategy to be either 'forward-mode' or 'reverse-mode', got {strategy!r}"))
    if strategy == "forward-mode" and not vectorize:
        message = "Computing Jacobian using forward-AD or forward-over-reverse Hessian is only implemented for"
        raise NotImplementedError(located(f"{message} `vectorize=True`."))
    if vectorize and strict:
        raise RuntimeError(located("torch.autograd.functional.jacobian: `strict=True` and `vectorize=True` are not supported together."))
    several, given = _as_tuple(inputs, "inputs", "The inputs given to jacobian")
    if strategy == "forward-mode":
        return _by_columns(func, several, given, create_graph)
    with modes.enable_grad():
        entered = _entered(given, create_graph)
        many, outputs = _as_tuple(func(*entered), "the result", "The result of the function given to jacobian")
        if vectorize:
            found = over(lambda *w: _gradients(outputs, entered, w, create_graph, False, "Jacobian"), basis(outputs))
            blocks = [_alone(several, _left(b, create_graph)) for b in zip(*(rows(each, outputs) for each in found), strict=True)]
        else:
            blocks = [_alone(several, _left(_rows(o, entered, create_graph, strict), create_graph)) for o in outputs]
    return _alone(many, tuple(blocks))


def _rows(output: Tensor, inputs: tuple[Tensor, ...], create_graph: bool, strict: bool) -> tuple[Tensor, ...]:
    """The Jacobians of one output, row by row."""
    if output.is_complex() and output.requires_grad:
        raise RuntimeError(located(f"grad can be implicitly created only for real scalar outputs but got {output.dtype}"))
    elements = output.reshape(-1).unbind(0)  # type: ignore[attr-defined]
    ones = [e.detach().new_ones(()) for e in elements]
    found = [_gradients((e,), inputs, (one,), create_graph, strict, "Jacobian") for e, one in zip(elements, ones, strict=True)]
    shapes = [(*output.shape, *x.shape) for x in inputs]
    parts = zip(*found, strict=True) if found else ((),) * len(inputs)
    return tuple(stack(c).reshape(s) if c else x.new_zeros(s) for c, x, s in zip(parts, inputs, shapes, strict=True))  # type: ignore[attr-defined]


def _by_columns(func: Function, several: bool, given: tuple[Tensor, ...], create_graph: bool) -> Any:
    """The Jacobian, all columns at once, carried forward."""
    with modes.set_grad_enabled(create_graph):
        entered = tuple(x.view_as(x) if create_graph and x.requires_grad else wrap(x._array) for x in given)  # type: ignore[attr-defined]
        many: list[bool] = []

        def column(*tangents: Tensor) -> tuple[Any, ...]:
            alone, _, products = _pushed(func, entered, tangents, "jacobian")
            many[:] = [alone]
            return products

        blocks = [tuple(columns(c, c.shape[1:], given)) for c in over(column, basis(given)) if c is not None]
        return _alone(many[0], tuple(_alone(several, _left(b, create_graph)) for b in blocks))


def _scalar(func: Function, what: str) -> Function:
    def checked(*args: Any) -> Any:
        result = func(*args)
        _as_tuple(result, "the result", f"The result of the function given to {what}")
        if isinstance(result, tuple) or result.numel() != 1:
            raise RuntimeError(located(f"The function given to {what} should return a single Tensor with a single element."))
        return result.reshape(())

    return checked


@override.as_a_whole("hessian")
def hessian(
    func: Function, inputs: Any, create_graph: bool = False, strict: bool = False, vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:  # fmt: skip
    """The second derivatives of `func`, whose result is one number: for each pair of inputs of shape (*input, *input)."""
    several = isinstance(inputs, tuple)
    scalar = _scalar(func, "hessian")

    def slope(*args: Any) -> Any:
        if outer_jacobian_strategy == "forward-mode":  # what is carried forward goes through the arguments as they are
            entered: Any = tuple(a.view_as(a) if a.requires_grad else wrap(a._array).requires_grad_() for a in args)
            with modes.enable_grad():
                found = _gradients((scalar(*entered),), entered, (entered[0].new_ones(()),), create_graph, False, "slope")
            return found if several else found[0]
        found = jacobian(scalar, args, create_graph=True, strict=strict)
        return found if several else found[0]

    return jacobian(slope, inputs, create_graph, strict, vectorize, outer_jacobian_strategy)


@override.as_a_whole("vhp")
def vhp(func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple[Any, Any]:
    """The result of `func`, one number, and the product of `v` with its Hessian, of the inputs' structure."""
    with modes.enable_grad():
        several, given = _as_tuple(inputs, "inputs", "The inputs given to vhp")
        vector = _given_vector(v, given, "input")
        entered = _entered(given, create_graph)
        output = _scalar(func, "vhp")(*entered)
        slopes = _gradients((output,), entered, (output.detach().new_ones(()),), True, strict, "slope")
        found = _gradients(slopes, entered, vector, create_graph, strict, "Hessian")
    return _left((output,), create_graph)[0], _alone(several, _left(found, create_graph))


@override.as_a_whole("hvp")
def hvp(func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple[Any, Any]:
    """The result of `func`, one number, and the product of its Hessian, which is symmetric, with `v`, of the inputs' structure."""
    return vhp(func, inputs, v, create_graph, strict)
