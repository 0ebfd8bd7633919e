"""Function: operations that a user defines with a forward and a backward of their own."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..core import lifted, modes, override
from ..core.dispatch import output
from ..core.graph import Freed, Node, packed_by, unpacked_by, write_to
from ..core.history import FUNCTION, SEVERAL
from ..core.inplace import check_writable, note_change, rebase
from ..core.origin import Origin, located
from ..core.scope import here
from ..core.sparse_tensor import tensor_of
from ..core.tensor import Tensor, constant, wrap
from ..ops.shape.convert import alias
from .levels.batched import Batch
from .levels.dual import Derivative, Dual
from .levels.edges import batch_of_samples, sample_of_batch
from .saved import modified, second_backward


class FunctionNode(Node):
    """The node of one call of a Function; `ctx` is what its forward and backward share."""

    __slots__ = ("ctx",)
    op: Any = None  # type: ignore[misc]  # there is none
    asks_for_saved = True
    ctx: Any

    def backward(self, g: Any, parents: Any, saved: Any) -> Any:
        """The gradients of the tensor arguments, by the user's `backward`."""
        ctx: Any = self.ctx
        call: Call = ctx._call
        given = g if isinstance(g, list) else [g]
        plain = not any(isinstance(each, Tensor) for each in given)
        arrived = (self._incoming(call, i, each) for i, each in enumerate(given))
        grads = [next(arrived) if is_tensor else None for is_tensor in call.results]
        with modes.set_grad_enabled(not plain):
            results = call.function.backward(ctx, *grads)
        results = results if isinstance(results, tuple) else (results,)
        count = len(call.arguments)
        if (len(results) > count and any(r is not None for r in results[count:])) or len(results) < count:
            message = f"function {self.name()} returned an incorrect number of gradients (expected {count}, got {len(results)})"
            raise RuntimeError(located(message))
        wanted = [r for r, is_tensor in zip(results, call.arguments, strict=False) if is_tensor]
        for r in wanted:
            if r is not None and not isinstance(r, Tensor):
                raise RuntimeError(located(f"expected Variable or None (got {type(r).__name__})"))
        return tuple(r._held if plain and isinstance(r, Tensor) else r for r in wanted)

    def __getattr__(self, name: str) -> Any:
        """What `forward` left in `ctx`, and `saved_tensors`: in PyTorch the node is that object."""
        if name.startswith("_") or name == "ctx":
            raise AttributeError(f"'{self.name()}' object has no attribute '{name}'")
        return getattr(self.ctx, name)

    @staticmethod
    def _incoming(call: Call, index: int, g: Any) -> Any:
        if g is None:
            shape, dtype = call.output_kinds[index]
            return constant(np.zeros(shape, dtype)) if call.materialize else None
        return g if isinstance(g, Tensor) else tensor_of(g)


class FunctionCtx:
    """Base of what `forward` and `backward` of a Function share."""


class Call:
    """What the library itself keeps of one call of a Function."""

    __slots__ = ("arguments", "constant", "dirty", "function", "materialize", "node", "output_kinds", "results", "stamp", "to_save")

    def __init__(self, function: type[Function], args: tuple[Any, ...]):
        self.function = function
        self.arguments = [isinstance(a, Tensor) for a in args]
        self.materialize = True
        self.output_kinds: list[tuple[tuple[int, ...], Any]] = []  # of the results that are tensors
        self.results: list[bool] = []  # which of them are
        self.to_save: tuple[Any, ...] = ()
        self.stamp = 0  # what is saved must not be written to after this time
        self.dirty: tuple[Tensor, ...] = ()
        self.constant: tuple[Tensor, ...] = ()
        self.node: weakref.ref[FunctionNode] | None = None


class Context(FunctionCtx):
    """What `forward` keeps for `backward`; further attributes may be set freely, so what is ours lies in one."""

    def __init__(self, function: type[Function], args: tuple[Any, ...]):
        self._call = Call(function, args)
        self.needs_input_grad = tuple(isinstance(a, Tensor) and a.requires_grad for a in args)

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep tensors (arguments or results) for `backward`, which finds them in `saved_tensors`."""
        for i, tensor in enumerate(tensors):
            if tensor is not None and not isinstance(tensor, Tensor):
                message = f"save_for_backward can only save variables, but argument {i} is of type {type(tensor).__name__}"
                raise TypeError(located(message))
        self._call.to_save = tensors

    save_for_forward = save_for_backward

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What `save_for_backward` was given; RuntimeError if that was written to since, or freed by a backward pass."""
        call = self._call
        node = call.node() if call.node is not None else None
        if node is None:
            return call.to_save
        if isinstance(node.saved, Freed):
            raise second_backward(node)
        if isinstance(node.saved, _PackedTensors):
            return node.saved.unpacked(call)
        for saved in node.saved:
            write = None if saved is None else write_to(saved._written)
            if write is not None and write.stamp > call.stamp:
                raise modified(node, "tensor", saved._written, write)
        return tuple(s.revive(call) if isinstance(s, _Result) else s for s in node.saved)

    def mark_dirty(self, *args: Tensor) -> None:
        """Say which arguments `forward` wrote to in place."""
        self._call.dirty = args

    def mark_non_differentiable(self, *args: Tensor) -> None:
        """Say which results have no gradient."""
        self._call.constant = args

    def set_materialize_grads(self, value: bool) -> None:
        """Whether `backward` gets zeros, not None, for results that no gradient arrived at."""
        self._call.materialize = value


class _Result:
    """A saved result of the function itself: its array alone, since the Tensor would hold the node that holds it."""

    __slots__ = ("_held", "_written", "index")

    def __init__(self, tensor: Tensor, index: int):
        self._held, self._written, self.index = tensor._held, tensor._written, index

    def revive(self, call: Call) -> Tensor:
        tensor = tensor_of(self._held)
        node = call.node() if call.node is not None else None
        if node is not None:
            alone = len(call.output_kinds) == 1
            tensor._node = node if alone else output(node, self.index, [tensor] * len(call.output_kinds))
        return tensor


class _PackedTensors:
    """What a user's hooks have made of the tensors that a Function saved."""

    __slots__ = ("unpack", "values")

    def __init__(self, saved: tuple[Any, ...], pack: Any, unpack: Any):
        self.unpack = unpack
        with modes.no_grad():
            self.values = tuple(None if s is None else (s, packed_by(pack, tensor_of(s._held))) for s in saved)

    def unpacked(self, call: Call) -> tuple[Any, ...]:
        """The tensors that the hooks give back, with the histories of those that were saved."""
        found: list[Any] = []
        for value in self.values:
            if value is None:
                found.append(None)
                continue
            saved, packed = value
            tensor = tensor_of(unpacked_by(self.unpack, packed)._held)
            tensor._node = (saved.revive(call) if isinstance(saved, _Result) else saved)._node
            found.append(tensor)
        return tuple(found)


class Function:
    """Base of operations with their own gradient: static methods `forward(ctx, ...)` and `backward(ctx, *grads)`.

    `forward(...)` may leave `ctx` to `setup_context(ctx, inputs, output)`. They are run by `apply`.
    """

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """The result, computed without recording history."""
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    if TYPE_CHECKING:  # what subclasses write has other parameters

        @staticmethod
        def backward(*args: Any, **kwargs: Any) -> Any: ...
    else:

        @staticmethod
        def backward(ctx: Any, *grad_outputs: Any) -> Any:
            """The gradient of each argument, None for those that have none."""
            message = (
                "You must implement either the backward or vjp method for your custom autograd.Function to use it with backward mode AD."
            )
            raise NotImplementedError(located(message))

    vjp = backward
    generate_vmap_rule = False  # a Function without `vmap` is run on batched tensors, whatever this says

    @staticmethod
    def jvp(ctx: Any, *grad_inputs: Any) -> Any:
        """The tangent of each result, given those of the arguments."""
        message = "You must implement the jvp function for custom autograd.Function to use it with forward mode AD."
        raise NotImplementedError(located(message))

    @staticmethod
    def vmap(info: Any, in_dims: Any, *args: Any) -> Any:
        """The results for a batch, and the dimensions along which they have the samples; `in_dims` are those of the arguments."""
        raise NotImplementedError(located("vmap() of this custom autograd.Function is not implemented"))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Keep what backward needs, where `forward` takes no `ctx`."""
        raise NotImplementedError

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Run the forward and record it as one node."""
        if (drawing := override.what_draws()) is not None:
            return drawing.draw_whole(cls.apply, cls.__name__, args, kwargs)
        if lifted.alive and cls.vmap is not Function.vmap and (batch := _batch_of(args)) is not None:
            return mapped(cls, batch, args)
        ctx = Context(cls, args)
        call = ctx._call
        with modes.no_grad():
            result = cls._run(ctx, args, kwargs)
        results = result if isinstance(result, tuple) else (result,)
        tensors = [r for r in results if isinstance(r, Tensor)]
        for changed in call.dirty:
            note_change(changed, cls.__name__)
        if not {id(t) for t in call.dirty} <= {id(t) for t in tensors}:
            message = "Some elements marked as dirty during the forward method were not returned as output. The inputs that are modified"
            raise RuntimeError(located(f"{message} inplace must all be outputs of the Function."))
        call.results = [isinstance(r, Tensor) for r in results]
        node = cls._node(ctx, args, tensors) if modes.settings.grad and any(ctx.needs_input_grad) and tensors else None
        results = cls._with_history(call, node, args, results, tensors)
        return results if isinstance(result, tuple) else results[0]

    @classmethod
    def _run(cls, ctx: Context, args: Any, kwargs: dict[str, Any]) -> Any:
        """What the forward gives; of arguments with tangents it is given the primals, and `jvp` the tangents."""
        level = lifted.highest(a._array for a in args if isinstance(a, Tensor)) if lifted.alive else None
        if isinstance(level, Derivative):
            return pushed(cls, level, ctx, args, kwargs)
        if cls.setup_context is Function.setup_context:
            return cls.forward(ctx, *args, **kwargs)
        result = cls.forward(*args, **kwargs)
        cls.setup_context(ctx, args, result)
        return result

    @classmethod
    def _node(cls, ctx: Context, args: Any, tensors: list[Tensor]) -> FunctionNode:
        node = object.__new__(_node_class(cls))  # type: ignore[arg-type]
        node.parents = tuple(a._node for a in args if isinstance(a, Tensor))
        node.hooks, node.ctx, node.seq = None, ctx, next(modes.clock)
        origin = Origin.here()
        node.code, node.lasti, node.scope = origin.code, origin.lasti, here.get().scope
        node.shape, node.dtype = tensors[0]._held.shape, tensors[0]._held.dtype
        ctx._call.node = weakref.ref(node)
        ctx._call.output_kinds = [(t._held.shape, t._held.dtype) for t in tensors]
        return node

    @classmethod
    def _with_history(cls, call: Call, node: FunctionNode | None, args: Any, results: Any, tensors: list[Tensor]) -> tuple[Any, ...]:
        """The results with their history: arguments that are returned unchanged get a tensor of their own."""
        given = {id(a) for a in args if isinstance(a, Tensor)}
        dirty, constant = {id(t) for t in call.dirty}, {id(t) for t in call.constant}
        final, index, several = [], 0, sum(id(t) not in constant and t._held.dtype.kind in "fcV" for t in tensors) > 1
        for r in results:
            if isinstance(r, Tensor):
                smooth = node is not None and id(r) not in constant and r._held.dtype.kind in "fcV"
                edge = None if not smooth else node if len(tensors) == 1 else output(node, index, tensors)  # type: ignore[arg-type]
                index += 1
                own = cls._result(r, edge, id(r) in given, id(r) in dirty, len(results))
                view = own._view
                if view is not None and view.base is not None and not (id(r) in given and id(r) in dirty and own is r):
                    view.made = SEVERAL if several and node is not None else FUNCTION
                r = own
            final.append(r)
        places = {id(t): i for i, t in enumerate(t for t in final if isinstance(t, Tensor))}
        if node is not None:
            node.saved = tuple(_Result(t, places[id(t)]) if id(t) in places else t for t in call.to_save)
            hooks = modes.settings.saved_hooks
            if hooks and not isinstance(hooks[-1], str):
                node.saved = _PackedTensors(node.saved, *hooks[-1])
            call.to_save, call.stamp = (), next(modes.clock)
        return tuple(final)

    @classmethod
    def _result(cls, r: Tensor, edge: Any, is_input: bool, is_dirty: bool, count: int) -> Tensor:
        """One result, with the history `edge` if it has one; an input that was written to goes on with it, as after any write in place."""
        view = r._view
        if edge is None:
            if r.requires_grad:
                return r.detach() if is_input or (view is not None and view.base is not None) else r.detach_()
            return alias(r) if is_input and not is_dirty else r
        if is_dirty:
            if view is not None and view.base is not None and count > 1:
                message = "If your Function modifies inplace an input that is a view of another Tensor, your Function cannot return more"
                raise RuntimeError(located(f"{message} than one Tensor: split it, or give it a clone()."))
            check_writable(r)
            rebase(r, edge)
            return r
        if is_input:
            with modes.no_grad():
                r = alias(r)
        r._node, r._cut = edge, None
        return r

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(located("Legacy autograd function with non-static forward method is deprecated: call its `apply`"))


class InplaceFunction(Function):
    """A Function whose forward may write to its argument; `inplace` is kept for whoever asks."""

    def __init__(self, inplace: bool = False):
        super().__init__()
        self.inplace = inplace


def _batch_of(args: Any) -> Batch | None:
    """The innermost run of vmap that an argument is a sample of, if it decides."""
    level = lifted.highest(a._array for a in args if isinstance(a, Tensor))
    return level if isinstance(level, Batch) else None


class VmapInfo(NamedTuple):
    """What the `vmap` of a Function is told of the run."""

    batch_size: int
    randomness: str


def mapped(cls: type[Function], batch: Batch, args: Any) -> Any:
    """What the `vmap` of a Function gives for the whole batch, as one sample."""
    if cls.generate_vmap_rule:
        message = f"You tried to vmap over {cls.__name__}, but it has both generate_vmap_rule=True and an overridden vmap staticmethod."
        raise RuntimeError(located(f"{message} Please set generate_vmap_rule=False or delete the overridden vmap staticmethod."))
    in_dims = tuple(0 if isinstance(a, Tensor) and batch.holds(a._array) else None for a in args)
    values = [a if d is None else batch_of_samples(a, batch, 0) for a, d in zip(args, in_dims, strict=True)]
    found = cls.vmap(VmapInfo(batch.size, batch.randomness), in_dims, *values)
    if not isinstance(found, tuple) or len(found) != 2:
        message = "Expected the vmap staticmethod to have two returns, an output and the dimensions of the samples in it"
        raise RuntimeError(located(f"{cls.__name__}: {message}"))
    results, dims = found

    def sample(value: Any, dim: Any) -> Any:
        return value if dim is None else sample_of_batch(value, batch, dim % value.dim())

    if not isinstance(results, tuple):
        return sample(results, dims)
    dims = dims if isinstance(dims, tuple) else (dims,) * len(results)
    return tuple(map(sample, results, dims))


def pushed(cls: type[Function], level: Derivative, ctx: Context, args: Any, kwargs: dict[str, Any]) -> Any:
    """What a Function gives for dual numbers: its forward of the primals, with the tangents that its `jvp` gives.

    What it saves of arguments and results are the dual numbers themselves, so its backward has derivatives too.
    """
    call = ctx._call
    primals = [wrap(level.primal(a._array)) if isinstance(a, Tensor) else a for a in args]
    result = cls._run(ctx, tuple(primals), kwargs)
    given = []
    for arg, primal in zip(args, primals, strict=True):
        tangent = level.tangent(arg._array) if isinstance(arg, Tensor) else None
        zeros = isinstance(arg, Tensor) and tangent is None and call.materialize and primal._array.dtype.kind in "fcV"
        given.append(constant(np.zeros(primal.shape, primal._array.dtype)) if zeros else None if tangent is None else wrap(tangent))
    tangents = cls.jvp(ctx, *given)
    results = result if isinstance(result, tuple) else (result,)
    tangents = tangents if isinstance(tangents, tuple) else (tangents,)
    if len(tangents) != len(results):
        raise RuntimeError(located(f"{cls.__name__}: jvp() returned {len(tangents)} tangents for {len(results)} results"))
    final = [r if t is None else wrap(Dual(level, r._array, t._array)) for r, t in zip(results, tangents, strict=True)]
    whole = {id(p): a for p, a in zip(primals, args, strict=True)} | {id(r): f for r, f in zip(results, final, strict=True)}
    call.to_save = tuple(whole.get(id(t), t) for t in call.to_save)
    call.dirty, call.constant = (tuple(whole.get(id(t), t) for t in each) for each in (call.dirty, call.constant))
    return tuple(final) if isinstance(result, tuple) else final[0]


@functools.cache
def _node_class(function: type[Function]) -> Any:
    return type(function.__name__ + "Backward", (FunctionNode,), {"__slots__": (), "__module__": FunctionNode.__module__})


def once_differentiable(backward: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a Function's backward as one that cannot be differentiated again."""

    @functools.wraps(backward)
    def once(ctx: Any, *grads: Any) -> Any:
        with modes.no_grad():
            return backward(ctx, *grads)

    return once
