"""`backward` and `grad`: the two ways to ask for gradients."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core import lifted, modes, override, watching
from ..core.declare import publish
from ..core.graph import Leaf
from ..core.history import refresh
from ..core.origin import located
from ..core.tensor import Tensor, announce, constant, wrap
from ..core.traces import trim
from .engine import Backward
from .graph import GradientEdge
from .levels.mapping import over


def _listed(value: Any) -> tuple[Any, ...]:
    """The tensors in what may be one or several; those that gradient edges stand for."""
    if value is None:
        return ()
    if isinstance(value, (Tensor, GradientEdge)):
        value = (value,)
    return tuple(each.stand_in() if isinstance(each, GradientEdge) else each for each in value)


def why_no_gradient(tensor: Tensor) -> str:
    """Why `tensor` needs no gradient, as far as it remembers."""
    cut = tensor._cut
    if cut is not None:
        return f"{cut.reason} {cut.place}"
    if not tensor.is_floating_point() and not tensor.is_complex():
        return f"its dtype is {tensor.dtype}, and only floats have gradients"
    return "nothing it was computed from has requires_grad=True"


def _first_gradient(tensor: Tensor, gradient: Any, create: bool) -> Any:
    """The gradient that a backward pass starts with."""
    if tensor._node is None:
        message = f"element 0 of tensors does not require grad and does not have a grad_fn: {why_no_gradient(tensor)}"
        raise RuntimeError(located(message))
    array = tensor._array
    if gradient is None:
        if array.size != 1:
            message = f"grad can be implicitly created only for scalar outputs, but this one has shape {tuple(array.shape)}"
            raise RuntimeError(located(message))
        if array.dtype.kind == "c":
            raise RuntimeError(located("grad can be implicitly created only for real scalar outputs"))
        start = np.empty(array.shape, array.dtype)
        start.fill(1)  # np.ones takes three times as long
        announce(start)
        return wrap(start) if create else start
    if not isinstance(gradient, Tensor):
        raise TypeError(located(f"gradients can be either Tensors or None, but got {type(gradient).__name__}"))
    if gradient._array.shape != array.shape:
        sizes = f"{tuple(gradient.shape)} for an output of shape {tuple(array.shape)}"
        raise RuntimeError(located(f"Mismatch in shape: a gradient of shape {sizes}"))
    same = gradient._array.dtype == array.dtype
    if create:
        return gradient if same else gradient.to(tensor.dtype)  # type: ignore[attr-defined]
    return gradient._array if same else gradient._array.astype(array.dtype)


def _start(run: Backward, tensors: Sequence[Tensor], gradients: Sequence[Any]) -> None:
    if modes.special:
        for tensor in tensors:
            refresh(tensor)
    if gradients and len(gradients) != len(tensors):
        raise RuntimeError(located(f"got {len(tensors)} tensors and {len(gradients)} gradients"))
    given = gradients or (None,) * len(tensors)
    for gradient in gradients:
        run.show(gradient)
    starts = [_first_gradient(t, g, run.create) for t, g in zip(tensors, given, strict=True)]
    if run.wanted is not None:
        run.only_towards_wanted([t._node for t in tensors])  # type: ignore[misc]
    for tensor in (*tensors, *gradients) if lifted.alive else ():
        if isinstance(tensor, Tensor):
            run.enter(tensor)
    for tensor, start in zip(tensors, starts, strict=True):
        run.deposit(tensor._node, start)  # type: ignore[arg-type]


def _finish(run: Backward, tensors: Sequence[Tensor]) -> None:
    """Let a pass from these tensors run."""
    if watching.watcher is None:
        _go(run)
    else:
        watching.watcher.backward(tensors, run, functools.partial(_go, run))


def _go(run: Backward) -> None:
    """Let a pass run; its operations are recorded if gradients of it may be wanted."""
    if run.create:
        with modes.enable_grad():
            run.run()
    else:  # rules run on arrays, which record nothing; hooks and Functions see to it themselves
        run.run()


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    grad_variables: Any = None,
    inputs: Any = None,
) -> None:
    """Accumulate the gradients of `tensors` in the `.grad` of the leaves they came from (of `inputs` alone if given).

    `grad_tensors` are the gradients to start with, one for each tensor that is not a single number.
    """
    try:
        _backward_from(tensors, grad_tensors if grad_tensors is not None else grad_variables, retain_graph, create_graph, inputs)
    except Exception as error:
        trim(error)
        raise


def _backward_from(tensors: Any, gradients: Any, retain_graph: bool | None, create_graph: bool, inputs: Any) -> None:
    retain = create_graph if retain_graph is None else retain_graph
    wanted = _listed(inputs) if inputs is not None else None
    if wanted is not None and not wanted:
        raise RuntimeError(located("'inputs' argument to backward() cannot be empty."))
    for tensor in (wanted or ()) if modes.special else ():
        refresh(tensor)
    if wanted is not None and any(t._node is None for t in wanted):
        raise RuntimeError(located("One of the differentiated Tensors does not require grad"))
    run = Backward(retain, create_graph, None if wanted is None else [t._node for t in wanted])
    for tensor in wanted or ():
        if not isinstance(tensor._node, Leaf):
            tensor.retain_grad()  # type: ignore[attr-defined]
    roots = _listed(tensors)
    _start(run, roots, _listed(gradients))
    _finish(run, roots)
    for tensor in wanted or ():
        if not isinstance(tensor._node, Leaf) and tensor._node.seq in run.captured and not tensor.retains_grad:
            g = run._wrapped(run.captured[tensor._node.seq])
            tensor.grad = g if tensor.grad is None else tensor.grad + g


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Tensor | None, ...]:
    """The gradients of the sum of `outputs` with respect to each of `inputs`; no `.grad` is touched.

    With `create_graph=True` they have a history themselves. RuntimeError if an input was not used, unless `allow_unused`. With
    `is_grads_batched` the gradients to start with have a first dimension of as many passes, as then the results have.

    Args:
        outputs: a tensor or several; they need not be scalars if `grad_outputs` is given.
        inputs: the tensors whose gradients are returned, or their edges (`autograd.graph.get_gradient_edge`).
        grad_outputs: the gradient of each output to begin with; ones for scalars.
        retain_graph: whether the graph can be used again; as `create_graph` if it is left out.
        create_graph: whether the gradients have a history of their own.
        only_inputs: True; False is an old form that is no longer there.
        allow_unused: whether inputs that do not count get None.
        is_grads_batched: whether `grad_outputs` are many in one.
        materialize_grads: whether inputs that do not count get zeros.

    Shape: each gradient has that of its input.

    >>> x = torch.tensor(3.0, requires_grad=True)
    >>> torch.autograd.grad(x * x, x)
    (tensor(6.),)
    """
    if is_grads_batched:
        kept: dict[str, Any] = {"create_graph": create_graph, "allow_unused": allow_unused, "materialize_grads": materialize_grads}
        return tuple(over(lambda *given: grad(outputs, inputs, given, retain_graph, **kept), list(_listed(grad_outputs))))
    try:
        retain = create_graph if retain_graph is None else retain_graph
        return _grad(outputs, inputs, grad_outputs, retain, create_graph, allow_unused, materialize_grads)
    except Exception as error:
        trim(error)
        raise


def _grad(
    outputs: Any, inputs: Any, grad_outputs: Any, retain: bool, create_graph: bool, allow_unused: bool | None, materialize_grads: bool
) -> tuple[Tensor | None, ...]:  # fmt: skip
    wanted = _listed(inputs)
    if modes.special:
        for tensor in wanted:
            if isinstance(tensor, Tensor):
                refresh(tensor)
    if any(t._node is None for t in wanted):
        at = next(i for i, t in enumerate(wanted) if t._node is None)
        message = f"One of the differentiated Tensors does not require grad: input {at}: {why_no_gradient(wanted[at])}"
        raise RuntimeError(located(message))
    run = Backward(retain, create_graph, [t._node for t in wanted], accumulate=False)
    roots = _listed(outputs)
    _start(run, roots, _listed(grad_outputs))
    _finish(run, roots)
    results: list[Tensor | None] = []
    for i, tensor in enumerate(wanted):
        g = run.captured.get(tensor._node.seq)
        if g is None and not (allow_unused or materialize_grads):
            message = f"One of the differentiated Tensors appears to not have been used in the graph: input {i}. "
            raise RuntimeError(located(message + "Set allow_unused=True if this is the desired behavior."))
        if g is None and materialize_grads:
            results.append(constant(np.zeros(tensor._node.shape, tensor._node.dtype)).requires_grad_(create_graph))  # type: ignore[attr-defined]
        else:
            results.append(run._wrapped(g))
    return tuple(results)


def _backward(self: Tensor, gradient: Any = None, retain_graph: bool | None = None, create_graph: bool = False, inputs: Any = None) -> None:
    """Accumulate the gradients of this tensor in the `.grad` of the leaves it came from."""
    try:
        if inputs is not None or modes.special:
            backward(self, None if gradient is None else (gradient,), retain_graph, create_graph, inputs=inputs)
            return
        run = Backward(create_graph if retain_graph is None else retain_graph, create_graph)
        start = _first_gradient(self, gradient, create_graph)
        if gradient is not None:
            run.show(gradient)
        run.deposit(self._node, start)  # type: ignore[arg-type]
        _finish(run, (self,))
    except Exception as error:
        trim(error)
        raise


publish(_backward, "backward", ["Tensor"])


override.tell_also(grad)
