"""What nodes saved: given back to the rules, with histories for second derivatives, and errors where it is gone or was written to."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import graph
from ..core.dispatch import output
from ..core.graph import Node, Output
from ..core.lifted import ARRAYS
from ..core.origin import located
from ..core.precision import widened
from ..core.shapes import Size
from ..core.sparse import Sparse
from ..core.sparse_tensor import tensor_of
from ..core.tensor import Tensor, wrap

Array = Any  # or a sparse array
KEPT: Any = (*ARRAYS, Sparse)


def saved_tensors(node: Node, saved: tuple[Any, ...], again: bool = True) -> tuple[Any, ...]:
    """What a node saved, as Tensors with their own history, so that the rules' operations are recorded.

    Hidden outputs are computed `again` for that, unless they need none.
    """
    op = node.op
    if op is None:  # a user's Function keeps Tensors itself
        return saved
    parents = dict(zip(op.differentiable, node.parents, strict=True)) if not op.variadic else {}
    outputs = op.outputs or ()
    hidden = outputs[len(outputs) - op.hidden :] if op.hidden else ()
    recomputed: dict[str, Any] = {}

    def revive(name: str, value: Any) -> Any:
        if isinstance(value, np.generic):  # of a 0-d operand NumPy gives scalars
            value = np.asarray(value)
        if not isinstance(value, KEPT):
            if op.variadic and name in op.operands:
                return tuple(None if a is None else with_node(a, p) for a, p in zip(value, node.parents, strict=True))
            return value
        if name in parents:
            return with_node(value, parents[name])
        if name in hidden and value.dtype.kind in "fcV":
            if not again:
                return wrap(value)
            if not recomputed:
                recomputed.update(recompute(node, parents, saved))
            return recomputed[name]
        if name in outputs and value.dtype.kind in "fcV":
            alone = len(outputs) - op.hidden == 1
            return with_node(value, node if alone else edge_to(node, name, value))
        return value

    return tuple(map(revive, op.saves, saved))


def edge_to(node: Node, name: str, array: Array) -> Output:
    """A new edge to the output `name` of a node with several."""
    outputs = node.op.outputs or ()
    among = [wrap(array)] * (len(outputs) - node.op.hidden)
    return output(node, outputs.index(name), among)


def recompute(node: Node, parents: dict[str, Node | None], kept: tuple[Any, ...]) -> dict[str, Any]:
    """Hidden outputs depend on the operands too: run the forward again, on Tensors, to get them with their history."""
    op = node.op
    saved = dict(zip(op.saves, kept, strict=True))
    operands = [with_node(saved[n], parents.get(n)) if isinstance(saved.get(n), ARRAYS) else None for n in op.operands]
    operands = widened(operands) if node.wide else operands
    named = {name: saved[name] for name in op.attributes if name in saved}
    return dict(zip(op.outputs or (), op.forward(*operands, **named), strict=True))


def with_node(array: Array, node: Node | None) -> Tensor:
    """A Tensor on `array` with that history."""
    tensor = tensor_of(array)
    tensor._node = node
    return tensor


def second_backward(node: Node) -> RuntimeError:
    """The error for a graph whose saved arrays were released by an earlier backward."""
    first = node.saved.origin
    return RuntimeError(
        located(
            "Trying to backward through the graph a second time: what "
            f"{node.name()} saved (made {node.place}) was freed by the first backward, which ran at {first}. "
            "Specify retain_graph=True there if you need to go through it again."
        )
    )


def check_unmodified(node: Node) -> None:
    """RuntimeError if an array that `node` saved has been written to since, unless its op makes it again."""
    if node.saved.__class__ is not tuple:  # a Function complains where it asks for what it saved
        return
    op, remake = node.op, False
    names, outputs = ((), ()) if op is None else (op.saves, op.outputs or ())
    for name, value in zip(names, node.saved, strict=False):
        for array in value if isinstance(value, tuple) else (value,):
            if isinstance(array, Sparse):
                array = array.values
            if not isinstance(array, ARRAYS) or not array.size:
                continue
            write = graph.write_to(array)
            if write is not None and write.stamp > node.seq:
                if name in outputs and op.remade:
                    remake = True
                    continue
                raise modified(node, name, array, write)
    if remake:
        values = dict(zip(names, node.saved, strict=True))
        results = op.forward(*(values[n] for n in op.operands), **{n: values[n] for n in op.attributes})
        values |= zip(outputs, results if len(outputs) > 1 else (results,), strict=True)
        node.saved = tuple(values[n] for n in names)


def modified(node: Node, name: str, array: Array, write: graph.Write) -> RuntimeError:
    """The error for what a node saved and was written to since."""
    message = (
        "one of the variables needed for gradient computation has been modified by an inplace operation: "
        f"{node.name()} (made {node.place}) saved its {name!r} of shape {Size(array.shape)}, which "
        f"{write.what}() wrote to at {write.origin}"
    )
    return RuntimeError(located(message))
