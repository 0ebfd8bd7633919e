"""torch.autograd.functional: Jacobians and Hessians of functions, and their products with vectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core import modes
from ..core.origin import located
from ..core.tensor import Tensor
from ..ops.shape.join import stack
from .backward import grad

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
        x.view_as(x) if create_graph and x.requires_grad else x.detach().requires_grad_(x.is_floating_point() or x.is_complex())  # type: ignore[attr-defined]
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
    return tuple(x.detach().new_zeros(x.shape) if g is None else g for x, g in zip(inputs, found, strict=True))


def _left(values: Any, create_graph: bool) -> Any:
    return values if create_graph else tuple(v.detach() for v in values)


def _alone(several: bool, values: tuple[Any, ...]) -> Any:
    return values if several else values[0]


def vjp(func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple[Any, Any]:
    """The result of `func`, and the product of `v` (of the result's structure) with the Jacobian: of the inputs' structure."""
    with modes.enable_grad():
        several, given = _as_tuple(inputs, "inputs", "The inputs given to vjp")
        entered = _entered(given, create_graph)
        many, outputs = _as_tuple(func(*entered), "the result", "The result of the function given to vjp")
        vector = _given_vector(v, outputs, "output of the user-provided function")
        found = _gradients(outputs, entered, vector, create_graph, strict, "vjp")
    return _alone(many, _left(outputs, create_graph)), _alone(several, _left(found, create_graph))


def jvp(func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple[Any, Any]:
    """The result of `func`, and the product of the Jacobian with `v` (of the inputs' structure): of the result's structure.

    It is the derivative of a vector-Jacobian product by its vector.
    """
    with modes.enable_grad():
        _, given = _as_tuple(inputs, "inputs", "The inputs given to jvp")
        vector = _given_vector(v, given, "input")
        entered = _entered(given, create_graph)
        many, outputs = _as_tuple(func(*entered), "the result", "The result of the function given to jvp")
        probes = tuple(o.detach().new_zeros(o.shape).requires_grad_() for o in outputs)  # type: ignore[attr-defined]
        products = _gradients(outputs, entered, probes, True, strict, "jvp")
        found = _gradients(products, probes, vector, create_graph, False, "jvp")
    return _alone(many, _left(outputs, create_graph)), _alone(many, _left(found, create_graph))


def jacobian(
    func: Function, inputs: Any, create_graph: bool = False, strict: bool = False, vectorize: bool = False, strategy: str = "reverse-mode"
) -> Any:
    """The Jacobian of `func`: for each output and input (a tuple of tuples where there are several) of shape (*output, *input).

    `vectorize` and `strategy` choose nothing: the rows come one after the other.
    """
    if strategy not in ("reverse-mode", "forward-mode"):
        raise AssertionError(located(f"Expected strategy to be either 'forward-mode' or 'reverse-mode', got {strategy!r}"))
    if strategy == "forward-mode" and not vectorize:
        message = "Computing Jacobian using forward-AD or forward-over-reverse Hessian is only implemented for"
        raise NotImplementedError(located(f"{message} `vectorize=True`."))
    with modes.enable_grad():
        several, given = _as_tuple(inputs, "inputs", "The inputs given to jacobian")
        entered = _entered(given, create_graph)
        many, outputs = _as_tuple(func(*entered), "the result", "The result of the function given to jacobian")
        blocks = []
        for output in outputs:
            elements = output.reshape(-1).unbind(0)  # type: ignore[attr-defined]
            ones = [e.detach().new_ones(()) for e in elements]
            rows = [_gradients((e,), entered, (one,), create_graph, strict, "Jacobian") for e, one in zip(elements, ones, strict=True)]
            shapes = [(*output.shape, *x.shape) for x in entered]
            columns = zip(*rows, strict=True) if rows else ((),) * len(entered)
            made = [stack(c).reshape(s) if c else x.new_zeros(s) for c, x, s in zip(columns, entered, shapes, strict=True)]
            blocks.append(_alone(several, _left(tuple(made), create_graph)))
    return _alone(many, tuple(blocks))


def _scalar(func: Function, what: str) -> Function:
    def checked(*args: Any) -> Any:
        result = func(*args)
        _as_tuple(result, "the result", f"The result of the function given to {what}")
        if isinstance(result, tuple) or result.numel() != 1:
            raise RuntimeError(located(f"The function given to {what} should return a single Tensor with a single element."))
        return result.reshape(())

    return checked


def hessian(
    func: Function, inputs: Any, create_graph: bool = False, strict: bool = False, vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:  # fmt: skip
    """The second derivatives of `func`, whose result is one number: for each pair of inputs of shape (*input, *input)."""
    several = isinstance(inputs, tuple)
    scalar = _scalar(func, "hessian")

    def slope(*args: Any) -> Any:
        found = jacobian(scalar, args, create_graph=True, strict=strict)
        return found if several else found[0]

    return jacobian(slope, inputs, create_graph, strict, vectorize, outer_jacobian_strategy)


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


def hvp(func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple[Any, Any]:
    """The result of `func`, one number, and the product of its Hessian, which is symmetric, with `v`, of the inputs' structure."""
    return vhp(func, inputs, v, create_graph, strict)
