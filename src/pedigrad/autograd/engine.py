"""The backward pass.

Nodes are visited in falling order of their number: every node is younger than its parents, so when the youngest that is
pending is taken, all gradients that reach it have arrived. One heap of numbers does it, at any depth, without recursion.
Leaves lead nowhere: what reaches them gathers beside the heap and is delivered at the end.

On plain arrays the gradient rules run as NumPy. With `create_graph` the same rules run on Tensors, which records them.
"""

from __future__ import annotations

import functools
import sys
import weakref
from collections.abc import Sequence
from heapq import heappop, heappush
from typing import Any

import numpy as np

from ..codegen.runtime.memory import is_whole
from ..core import graph, large, lifted, modes, watching
from ..core.arrayless import NoArrayError
from ..core.graph import Freed, Leaf, Node, Output, Remade, note_writes
from ..core.layout import lying_as
from ..core.lifted import ARRAYS, Lifted
from ..core.origin import Origin, Source, located
from ..core.precision import widened
from ..core.profiling import ended, spanned, started
from ..core.quiet import astype, is_strict
from ..core.sparse import Sparse
from ..core.sparse_tensor import SparseTensor, tensor_of
from ..core.tensor import Tensor, copied, wrap
from ..core.traces import in_gradient
from ..ops.math.arithmetic import plain_add
from ..ops.sparse.values import is_sparse, to_dense
from ..ops.xp import total
from .anomalies import Anomalies
from .saved import check_unmodified, saved_tensors, second_backward

Array = np.ndarray[Any, Any]
ndarray = np.ndarray
EVALUATE = "autograd::engine::evaluate_function: "  # how profiles call what the pass does
ACCUMULATE = EVALUATE + "torch::autograd::AccumulateGrad"


def fitted(g: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """The gradient of an operand that was broadcast or converted: summed back to its shape, in its dtype."""
    if g.shape != shape:
        g = summed(g, shape)
    if isinstance(g, Tensor):
        if g._held.dtype == dtype:
            return g
        return astype(np.real(g) if g.is_complex() and dtype.kind != "c" else g, dtype)  # type: ignore[call-overload]
    if g.dtype == dtype:
        return g
    return (g.real if g.dtype.kind == "c" and dtype.kind != "c" else g).astype(dtype)


def summed(g: Any, shape: tuple[int, ...]) -> Any:
    """A gradient summed to the shape of an operand that was broadcast; RuntimeError where it could not have been."""
    g = to_dense(g) if is_sparse(g) else g
    extra = g.ndim - len(shape)
    if extra == 1 and g.shape[1:] == shape:  # as a rule a bias
        return total(widened(g), 0)
    if extra < 0 or any(n != 1 and n != m for n, m in zip(shape, g.shape[extra:], strict=True)):
        sizes = f"got {list(g.shape)} but expected shape compatible with {list(shape)}"
        why = "its backward() gives another shape, or that of its operand was changed in place"
        raise RuntimeError(located(f"a function returned an invalid gradient - {sizes}: {why}"))
    dims = tuple(range(extra)) + tuple(i + extra for i, n in enumerate(shape) if n == 1 and g.shape[i + extra] != 1)
    return np.reshape(total(widened(g), dims) if dims else g, shape)


def added(before: Any, g: Any) -> Any:
    """The sum of two gradients of one node; of a node with several outputs, output by output."""
    if before.__class__ is ndarray:
        return before + g if before.size < large.LARGE or g.__class__ is not ndarray else large.forward(plain_add.op, (before, g), ())
    if before.__class__ is list:
        return [b if a is None else a if b is None else added(a, b) for a, b in zip(before, g, strict=True)]
    return g + before if before.__class__ is SparseTensor else before + g  # a sparse tensor takes no dense one


class Rules:
    """The gradient rules of an op as a function of the incoming gradient and what a node saved."""

    __slots__ = ("needs", "node_class", "op")

    def __init__(self, op: Any, needs: tuple[Any, ...], wide: bool = False):
        self.op, self.needs, self.node_class = op, needs, op.wide_node_class if wide else op.node_class

    def __call__(self, g: Any, saved: Any) -> Any:
        return self.node_class.backward(g, self.needs, saved)

    def __repr__(self) -> str:
        return f"{self.op.name}.grad{self.needs}"


def is_lifted(g: Any, saved: Any) -> bool:
    """Whether one of the gradients that reach a node, or of the arrays that it saved, is lifted."""
    values = (*(g if g.__class__ is list else (g,)), *saved)
    return any(isinstance(v, Lifted) or (v.__class__ is tuple and any(isinstance(w, Lifted) for w in v)) for v in values)


def on_lifted(node: Node, g: Any, parents: Any, saved: Any) -> Any:
    """The gradients that a node's rules give where arrays are lifted: on these, or on Tensors, as for higher derivatives."""
    if modes.settings.recorder is None and not node.op.hidden:  # type: ignore[union-attr]
        try:
            return node.backward(g, parents, saved)  # type: ignore[attr-defined]
        except Exception:  # rules may want what lifted arrays have not
            pass
    given = saved_tensors(node, saved, any(level.follows_hidden for value in saved for level in lifted.levels_of(value)))
    tensors: Any = [None if one is None else wrap(one) for one in g] if g.__class__ is list else wrap(g)
    grads, recorder = None, modes.settings.recorder
    with modes.set_grad_enabled(False):
        if recorder is not None and recorder.refused is None:
            try:  # with no array in their hands that the program computes, so what rules make is constant
                with recorder.within():
                    grads = node.backward(tensors, parents, in_tensors(given))  # type: ignore[attr-defined]
            except Exception as why:
                recorder.refuse(f"the gradient of {node.name()} within vmap or a forward derivative: {why}")
        if grads is None:
            grads = node.backward(tensors, parents, given)  # type: ignore[attr-defined]
    return tuple(d._array if isinstance(d, Tensor) else d for d in grads)


def in_tensors(value: Any) -> Any:
    """The same with Tensors in the place of arrays."""
    if isinstance(value, tuple):
        return tuple(map(in_tensors, value)) if type(value) is tuple else value
    return wrap(value) if isinstance(value, ARRAYS) else value


class Backward:
    """One backward pass: what is pending, and how gradients are computed and delivered."""

    # What is switched on while it runs; as a rule nothing is.
    inspect: Any = None  # is told of the gradients of each node
    recording: Any = None  # the recorder of a compiled function
    recorder: Any = None  # the same, where it is to follow what rules do to arrays
    profiler: Any = None
    at: Any = None  # the node that is visited, where a profiler looks
    lifting = False  # whether some arrays are of a level of vmap or of a forward derivative
    inside: frozenset[lifted.Level] = frozenset()  # the levels in which the pass is run: those of its starts
    visiting: tuple[Node, ...] = ()  # the node whose hooks run

    # Where gradients of certain nodes alone are wanted
    wanted: set[int] | None = None
    useful: frozenset[int] | set[int] = frozenset()  # what leads to them
    captured: dict[int, Any]

    def __init__(self, retain: bool, create: bool, wanted: Sequence[Node] | None = None, accumulate: bool = True):
        self.create = create
        self.accumulate = accumulate
        self.pending: dict[int, list[Any]] = {}  # by the node's number: the node and its gradient so far
        self.heap: list[int] = []  # the numbers, negated: the youngest comes first
        self.leaves: dict[Leaf, Any] = {}  # their gradients so far
        self.shown: dict[int, Any] = {}  # by the array's id, what hooks were given: a Tensor they wrote on, a reference to others
        self.freed = None if retain else Freed(Origin.here())
        if wanted is not None:
            self.wanted, self.captured = {node.seq for node in wanted}, {}

    def deposit(self, node: Node, g: Any) -> None:
        """Add `g` to what is pending for `node`."""
        if isinstance(node, Leaf):
            self.leaves[node] = added(self.leaves[node], g) if node in self.leaves else g
            return
        entry = self.pending.get(node.seq)
        if entry is not None:
            entry[1] = added(entry[1], g)
        else:
            self.pending[node.seq] = [node, g]
            heappush(self.heap, -node.seq)

    def only_towards_wanted(self, roots: Sequence[Node]) -> None:
        """Find the nodes that lie on a path to a wanted one; the others need no gradient."""
        nodes: dict[int, Node] = {}
        stack: list[Node] = list(roots)
        while stack:
            node = stack.pop()
            if node.seq not in nodes:
                nodes[node.seq] = node
                stack.extend(p for p in node.parents if p is not None)
        useful = self.useful = set(self.wanted or ())
        for seq in sorted(nodes):  # parents first
            if any(p is not None and p.seq in useful for p in nodes[seq].parents):
                useful.add(seq)

    def reached(self) -> set[int]:
        """The numbers of the nodes that the pass has yet to visit, and of those that it visits now."""
        found: set[int] = set()
        stack = [entry[0] for entry in self.pending.values()] + [*self.leaves, *self.visiting]
        while stack:
            node = stack.pop()
            if node is not None and node.seq not in found:
                found.add(node.seq)
                stack.extend(node.parents)
        return found if self.wanted is None else found & (self.useful | self.wanted)

    def run(self) -> None:
        """Visit what is pending until nothing is."""
        settings = modes.settings
        outer, settings.backward = settings.backward, self
        if modes.special or settings.anomaly or watching.watcher is not None:
            self.prepare()
        try:
            if is_strict():
                with np.errstate(all="ignore"):
                    self._run()
            else:
                self._run()
        finally:
            settings.backward = outer

    def prepare(self) -> None:
        """Note what is switched on."""
        settings, watcher = modes.settings, watching.watcher
        self.inspect = Anomalies().inspect if settings.anomaly and settings.anomaly_nan else None if watcher is None else watcher.gradients
        self.recording, self.profiler = settings.recorder, settings.profiler
        self.recorder = None if self.create else settings.recorder
        self.lifting = lifted.alive > 0

    def _run(self) -> None:
        """Visit the nodes, the youngest first: here those of which nothing is asked but gradients, the others by `visit`."""
        heap, pending, leaves, freed = self.heap, self.pending, self.leaves, self.freed
        everything, lifting, inspect = self.wanted is None, self.lifting, self.inspect
        plain = self.recording is None and self.profiler is None and not lifting
        usual = plain and everything and not self.create
        fit, add = (fitted, added) if plain else (self.observed(fitted, "aten::sum"), self.observed(added, "aten::add"))
        try:
            while heap:
                node, g = pending.pop(-heappop(heap))
                saved = node.saved
                if usual and node.hooks is None and saved.__class__ is tuple and g.__class__ is ndarray and node.__class__ is not Output:
                    if graph.last_write > node.seq:
                        check_unmodified(node)
                        saved = node.saved
                    parents = node.parents
                    grads = node.backward(g, parents, saved)  # type: ignore[attr-defined]
                    if inspect is not None:
                        inspect(node, g, grads)
                    if freed is not None and saved and node.keeps_arrays:
                        node.saved = freed
                else:
                    parents = node.parents if everything else self.useful_parents(node)
                    grads = self.visit(node, g, parents)
                for parent, d in zip(parents, grads):  # noqa: B905  (the check costs 0.1 us)
                    if parent is None or d is None:
                        continue
                    if d.dtype is not parent.dtype or d.shape != parent.shape:
                        d = fit(d, parent.shape, parent.dtype) if not isinstance(d, Lifted) else fitted(d, parent.shape, parent.dtype)
                    if lifting:
                        d = self.lowered(d, parent)
                    if parent.__class__ is Leaf:
                        leaves[parent] = add(leaves[parent], d) if parent in leaves else d
                        continue
                    seq = parent.seq
                    entry = pending.get(seq)
                    if entry is None:
                        pending[seq] = [parent, d]
                        heappush(heap, -seq)
                    else:
                        entry[1] = add(entry[1], d)
                grads = d = entry = None  # a leaf takes over what nobody else holds
        except Exception as error:
            in_gradient(error, node)
            raise
        profiler = self.profiler
        for leaf in list(leaves):
            g = leaves.pop(leaf)
            if leaf.hooks is not None:
                g = self.before(leaf, g)
            if leaf.frozen:
                self.arrived(leaf)
                continue
            event = None if profiler is None else started(profiler, ACCUMULATE, "backward")
            if everything:
                self.arrive(leaf, g)
            else:
                self.captures(leaf, g)
            if event is not None:
                ended(profiler, event)
                if profiler.alive is not None and leaf.grad is not None:
                    profiler.alive.made(None, leaf.grad)

    def observed(self, function: Any, name: str) -> Any:
        """A function on gradients that a recorder follows, or that a profiler is told of at the line of the node that is visited."""
        if self.recorder is not None:
            return lambda *args: self.recorder.run(function, args)
        if self.profiler is not None:
            return lambda *args: spanned(self.profiler, name, "backward", functools.partial(function, *args), (), self.at)
        return function

    def useful_parents(self, node: Node) -> tuple[Node | None, ...]:
        """The parents of a node, None for those that lead to nothing that is wanted."""
        return tuple(p if p is not None and p.seq in self.useful else None for p in node.parents)

    def visit(self, node: Node, g: Any, parents: Any) -> Any:
        """The gradients of the parents, with all that hooks, modes and observers have to do with it; none where the pass ends here."""
        if node.hooks is not None:
            g = self.before(node, g)
        if self.wanted is not None and self.captures(node, g):
            return ()
        if node.hooks is not None and node.hooks.before:
            g = self.node_hooks(node, g)
        if node.__class__ is Output:
            shares = [None] * node.count  # type: ignore[attr-defined]
            # the edge to an output may be younger than the node: made again for what a rule saved of it
            shares[node.index] = g if not self.lifting else self.lowered(g, node.parents[0])  # type: ignore[arg-type,attr-defined]
            self.deposit(node.parents[0], shares)  # type: ignore[arg-type]
            return ()
        source, saved = self.kept_by(node)
        if self.recording is not None and node.seq < self.recording.begin:
            self.recording.refuse("a backward pass goes on into what was computed before the call")
        grads = self.computed(node, source, g, parents, saved)
        if self.inspect is not None:
            self.inspect(node, *((g, grads) if not self.lifting else (lifted.whole(g), lifted.whole(grads))))
        if node.hooks is not None and node.hooks.after:
            grads = self.after(node, g, grads)
        if self.freed is not None and saved and node.keeps_arrays:
            node.saved = source.saved = self.freed
        return grads

    def kept_by(self, node: Node) -> tuple[Any, Any]:
        """The node whose rules are run for `node`, and what it saved; RuntimeError if that is gone or was written to since."""
        source, saved = node, node.saved
        while saved.__class__ is not tuple and isinstance(saved, Remade):
            source = saved.node()
            saved = source.saved
        if not isinstance(saved, tuple) and not source.asks_for_saved:
            if saved.__class__ is Freed:
                raise second_backward(source)
            return source, saved.unpacked()  # type: ignore[union-attr]
        if graph.last_write > source.seq:
            check_unmodified(source)
        return source, source.saved

    def computed(self, node: Node, source: Any, g: Any, parents: Any, saved: Any) -> Any:
        """What the rules of `source` give for the gradient of `node`."""
        op, create = node.op, self.create
        if self.lifting and op is not None and not create and is_lifted(g, saved):
            return on_lifted(source, g, parents, saved)
        if self.recorder is not None and op is not None:
            rules = Rules(op, tuple(None if p is None else True for p in parents), node.wide)
            return self.recorder.run(rules, (g, saved), Source(f"{op.name}.grad", node.code, node.lasti, node.scope), rules)
        given = saved_tensors(source, saved) if create else saved
        if self.profiler is not None:
            run = functools.partial(source.backward, g, parents, given)
            self.at = node
            grads = spanned(self.profiler, EVALUATE + node.name(), "backward", run, (), node)
        else:
            try:
                grads = source.backward(g, parents, given)
            except (TypeError, NotImplementedError):
                if not is_sparse(g) or op is None:
                    raise
                grads = source.backward(to_dense(g), parents, given)  # a rule that takes dense gradients alone
        if create:  # where a rule made an array of its own (zeros, say)
            grads = tuple(wrap(d) if isinstance(d, ARRAYS) else d for d in grads)
        return grads

    def enter(self, tensor: Tensor) -> None:
        """The pass starts at `tensor`, or with that gradient: it is run in the levels that this is of."""
        self.inside |= lifted.levels_of(tensor._array)

    def lowered(self, g: Any, node: Node) -> Any:
        """A gradient as it arrives at `node`, which may lie outside of the levels that the gradient is of."""
        array = g._array if isinstance(g, Tensor) else g
        if not isinstance(array, Lifted) or node.seq > array.level.begin:
            return g
        left = [level for level in lifted.levels_of(array) if node.seq < level.begin and level not in self.inside]
        for level in sorted(left, key=lambda level: -level.begin):
            g = level.lowered(g)
        return g

    def captures(self, node: Node, g: Any) -> bool:
        """Keep the gradient of a wanted node; True if nothing is to be done beyond it."""
        if node.seq in self.wanted:  # type: ignore[operator]
            self.captured[node.seq] = g
            if self.accumulate and isinstance(node, Leaf):
                self.arrive(node, g)
            return not any(p is not None and p.seq in self.useful for p in node.parents)
        return node.seq not in self.useful  # a leaf, or where the pass started, with nothing wanted behind it

    # Hooks see Tensors

    def _wrapped(self, g: Any) -> Any:
        """`g` for a hook: the Tensor that an earlier hook of this pass was given, where the gradient is the very same."""
        if g is None or isinstance(g, Tensor):
            return g
        known = self.shown.get(id(g))
        tensor = known() if isinstance(known, weakref.ref) else known
        if tensor is None or tensor._held is not g:
            tensor = tensor_of(g)
            self.shown[id(tensor._held)] = weakref.ref(tensor)
        return tensor

    def show(self, gradient: Any) -> None:
        """The user's own `gradient` is what hooks are given of it."""
        if isinstance(gradient, Tensor):
            self.shown[id(gradient._held)] = gradient

    def _seen(self, tensor: Any) -> None:
        """A hook has seen a gradient: what it wrote on it is kept for the next."""
        if tensor is not None and tensor.__dict__ and not self.create:
            self.shown[id(tensor._held)] = tensor

    def _unwrapped(self, g: Any) -> Any:
        return g._held if isinstance(g, Tensor) and not self.create else g

    def own(self, g: Any) -> Any:
        """A gradient that nobody else holds."""
        return copied(g) if isinstance(g, ARRAYS) else g.copy() if isinstance(g, Sparse) else g

    def before(self, node: Node, g: Any) -> Any:
        """Run the hooks on a tensor's gradient, and keep it where `retain_grad` asked."""
        self.visiting = (node,)
        with modes.set_grad_enabled(self.create):
            return self._before(node, g)

    def _before(self, node: Node, g: Any) -> Any:
        hooks = node.hooks
        assert hooks is not None
        if hooks.on_gradient:
            given = self._wrapped(g)
            for hook in list(hooks.on_gradient.values()):
                replaced = hook(given)
                self._seen(given)
                given = given if replaced is None else checked(hook, given, replaced)
            g = self._unwrapped(given)
            self._seen(given)
        tensor = hooks.retain() if hooks.retain is not None else None
        if tensor is not None:
            kept = tensor.grad
            total = self.own(g) if kept is None else g + (kept if self.create else kept._held)
            tensor.__dict__["_grad"] = total if isinstance(total, Tensor) else tensor_of(total)
        return g

    def node_hooks(self, node: Node, g: Any) -> Any:
        """Run a node's pre-hooks, which change what goes on from it and not what is kept for its tensor."""
        assert node.hooks is not None
        grads = tuple(map(self._wrapped, g)) if isinstance(g, list) else (self._wrapped(g),)
        with modes.set_grad_enabled(self.create):
            for hook in list(node.hooks.before.values()):
                replaced = hook(grads)
                for grad in grads:
                    self._seen(grad)
                grads = grads if replaced is None else checked_all(hook, grads, replaced, fills=True)
        return list(map(self._unwrapped, grads)) if isinstance(g, list) else self._unwrapped(grads[0])

    def after(self, node: Node, g: Any, grads: Any) -> Any:
        """Run a node's hooks on the gradients of its operands."""
        assert node.hooks is not None
        grad_outputs = tuple(map(self._wrapped, g)) if isinstance(g, list) else (self._wrapped(g),)
        parents = zip(node.parents, grads)  # noqa: B905  (a user's Function may return more)
        grads = [d if p is None or d is None else fitted(d, p.shape, p.dtype) for p, d in parents]
        grad_inputs = tuple(map(self._wrapped, grads))
        with modes.set_grad_enabled(self.create):
            for hook in list(node.hooks.after.values()):
                replaced = hook(grad_inputs, grad_outputs)
                for grad in (*grad_inputs, *grad_outputs):
                    self._seen(grad)
                grad_inputs = grad_inputs if replaced is None else checked_all(hook, grad_inputs, replaced)
        return tuple(map(self._unwrapped, grad_inputs))

    def arrive(self, leaf: Leaf, g: Any) -> None:
        """Add `g` to the leaf's `.grad`; where it is the first and nobody else holds the array, `.grad` takes it over."""
        if g.shape != leaf.shape:
            raise RuntimeError(f"internal error: a gradient of shape {tuple(g.shape)} reached a leaf of shape {leaf.shape}")
        before = leaf.grad
        fresh = before is None or leaf.zeroed
        if fresh and g.__class__ is ndarray and leaf.hooks is None and not modes.special and g.dtype is leaf.dtype:
            owner = leaf.tensor()  # as a rule
            if sys.getrefcount(g) <= 3 and g.base is None and g.flags.carray and (owner is None or owner._view is None):
                if before is None:
                    leaf.grad = wrap(g)
                else:
                    before._array, leaf.zeroed = g, False
                return
        if leaf.hooks is not None and leaf.hooks.before:
            g = self.node_hooks(leaf, g)
            before = leaf.grad
        recorder = modes.settings.recorder if modes.special else None
        leaf.touch()
        if self.create and isinstance(g, Tensor):
            if leaf.zeroed:
                leaf.read_grad()
            # others may hold g, or one number stand for all of it
            leaf.grad = g.clone() if before is None else added(before, g)  # type: ignore[attr-defined]
        else:
            if g.__class__ is not ndarray:
                if isinstance(g, Sparse):
                    return self.arrive_sparse(leaf, g)
                if not isinstance(g, ARRAYS):
                    g = np.asarray(g)
                if isinstance(g, Lifted):
                    recorder = None
            if recorder is not None:
                same = g.dtype == leaf.dtype
                g = recorder.run(np.copy if same else np.astype, (g,) if same else (g, leaf.dtype), "AccumulateGrad")
            if g.dtype is not leaf.dtype and g.dtype != leaf.dtype:
                g = g.astype(leaf.dtype)
            if before is None or leaf.zeroed:
                owner = leaf.tensor()
                if owner is not None and not (owner._view is None and g.flags.c_contiguous) and owner._held.__class__ is np.ndarray:
                    laid = g if isinstance(g, Lifted) else lying_as(owner._array, g)
                    g = laid if recorder is None else recorder.relaid(g, laid)
                # Ours alone: the caller's variable, this one and getrefcount's argument. Else somebody may write to it.
                if recorder is None and (isinstance(g, Lifted) or not is_whole(g) or sys.getrefcount(g) > 3 or not g.flags.writeable):
                    g = copied(g)
                if before is None:
                    leaf.grad = wrap(g)
                else:
                    before._array, leaf.zeroed = g, False
            elif before._node is not None:
                leaf.grad = before + wrap(g)  # type: ignore[operator]
            else:
                try:
                    so_far = before._array
                except NoArrayError:
                    return self.arrive_sparse(leaf, g)
                if so_far.shape != g.shape:
                    sizes = f"{tuple(before.shape)}, the new gradient has {tuple(g.shape)}"
                    raise RuntimeError(located(f"the shape of a leaf was changed in place: its gradient so far has the shape {sizes}"))
                both = None if recorder is None else recorder.run(np.add, (so_far, g), "AccumulateGrad")
                np.add(so_far, g, out=so_far)
                note_writes((so_far,), "backward", None if self.freed is None else self.freed.origin)
                if recorder is not None:
                    recorder.write(so_far, both)
        self.arrived(leaf)

    def arrive_sparse(self, leaf: Leaf, g: Any) -> None:
        """Add up gradients of which one is sparse: the sum is so if both are."""
        before = leaf.grad
        if before is None or leaf.zeroed:
            leaf.grad = tensor_of(self.own(g))
        else:
            leaf.grad = tensor_of(before._held + g)
        leaf.zeroed = False
        self.arrived(leaf)

    def arrived(self, leaf: Leaf) -> None:
        """Run the hooks of a leaf whose `.grad` has what arrived, or which lets that go."""
        if leaf.hooks is not None and leaf.hooks.post_accumulate:
            tensor = leaf.tensor()
            with modes.set_grad_enabled(self.create):
                for hook in list(leaf.hooks.post_accumulate.values()):
                    answer = hook(tensor)
                    if answer is not None:
                        checked(hook, answer, answer)
                        raise RuntimeError(located("Tensor post accumulate grad hooks should return None."))


def checked(hook: Any, g: Any, replaced: Any) -> Any:
    """What `hook` returned in the place of the gradient `g`; an error unless it is a tensor of its size and dtype."""
    name = getattr(hook, "__name__", type(hook).__name__)
    if not isinstance(replaced, Tensor):
        raise TypeError(located(f"expected Variable, but hook returned '{type(replaced).__name__}'"))
    if replaced._held.shape != g._held.shape:
        sizes = f"{tuple(replaced.shape)}, the gradient has {tuple(g.shape)}"
        raise RuntimeError(located(f"hook '{name}' has changed the size of value: it returned {sizes}"))
    if replaced._held.dtype != g._held.dtype:
        kinds = f"was {g.type()} got {replaced.type()}"  # type: ignore[attr-defined]
        raise RuntimeError(located(f"hook '{name}' has changed the type of value ({kinds})"))
    return replaced


def checked_all(hook: Any, grads: tuple[Any, ...], replaced: Any, fills: bool = False) -> tuple[Any, ...]:
    """What a node's hook returned in the place of its gradients: a tuple of as many, None where there was none unless it `fills`."""
    name = getattr(hook, "__name__", type(hook).__name__)
    if not isinstance(replaced, tuple):
        raise TypeError(located(f"expected tuple, but hook returned '{type(replaced).__name__}'"))
    if len(replaced) != len(grads):
        message = f"hook '{name}' has returned an incorrect number of values (got {len(replaced)}, but expected {len(grads)})"
        raise RuntimeError(located(message))
    for g, new in zip(grads, replaced, strict=True):
        if g is None and new is not None and not fills:
            raise RuntimeError(located("can't replace a None gradient with a non-None value"))
        if new is not None:
            checked(hook, new if g is None else g, new)
    return replaced
