"""torch.utils.checkpoint: parts of a program whose saved arrays are let go and computed again in the backward pass.

The part is run as usual, with its history. Then each of its nodes gets, in the place of what it saved, a mark that knows its
number among them. The first that a backward pass comes to has the part run again, and each node of the new history has what the
node of the same number lacks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from .. import amp as _amp
from ..core import graph, modes
from ..core.graph import Freed, Leaf, Node, Remade
from ..core.history import refresh
from ..core.origin import located, warn
from ..core.tensor import Tensor
from ..rng.generator import default_generator
from ._pytree import tree_leaves

__all__ = [
    "CheckpointError", "check_backward_validity", "checkpoint", "checkpoint_sequential", "detach_variable", "get_device_states",
    "noop_context_fn", "set_checkpoint_early_stop", "set_device_states",
]  # fmt: skip


amp: Any = _amp


class CheckpointError(RuntimeError):
    """Run again, a part of a program did something else than before."""


def detach_variable(inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arguments, tensors among them without their history but with `requires_grad` as it was; RuntimeError for no tuple."""
    if not isinstance(inputs, tuple):
        raise RuntimeError("Only tuple of tensors is supported. Got Unsupported input type: ", type(inputs).__name__)
    return tuple(each.detach().requires_grad_(each.requires_grad) if isinstance(each, Tensor) else each for each in inputs)  # type: ignore[attr-defined]


def check_backward_validity(inputs: Any) -> None:
    """A warning if none of the tensors needs a gradient: nothing will get one then."""
    if not any(each.requires_grad for each in inputs if isinstance(each, Tensor)):
        warn("None of the inputs have requires_grad=True. Gradients will be None")


def get_device_states(*args: Any) -> tuple[list[Any], list[Any]]:
    """The devices of the arguments that have random numbers of their own, and the states of their generators: there are none."""
    return [], []


def set_device_states(devices: Any, states: Any, *, device_type: str | None = None) -> None:
    """Nothing: there are no such devices."""


def noop_context_fn() -> tuple[AbstractContextManager[Any], AbstractContextManager[Any]]:
    """Two contexts that do nothing."""
    return nullcontext(), nullcontext()


@contextmanager
def set_checkpoint_early_stop(enable: bool) -> Iterator[None]:
    """Does nothing: a part is always run again to its end."""
    yield


def _autocast() -> AbstractContextManager[Any]:
    """A context with the autocast that is on, or off, now."""
    if not hasattr(amp, "autocast"):
        return nullcontext()
    mode = amp.autocast_mode
    return amp.autocast("cpu", dtype=mode.get_autocast_dtype("cpu"), enabled=mode.is_autocast_enabled("cpu"))


def _nodes(values: Any, begin: int) -> list[Node]:
    """The nodes younger than `begin` that lead to the tensors in `values`, oldest first."""
    found: dict[int, Node] = {}
    tensors = [each for each in tree_leaves(values) if isinstance(each, Tensor)]
    for each in tensors:
        refresh(each)
    stack = [each._node for each in tensors]
    while stack:
        node = stack.pop()
        if node is not None and node.seq > begin and not isinstance(node, Leaf) and node.seq not in found:
            found[node.seq] = node
            stack.extend(node.parents)
    return [found[seq] for seq in sorted(found)]


class Part:
    """A part of a program that can be run again: the function, what it was given, the state of the generator."""

    def __init__(self, function: Callable[..., Any], args: Any, kwargs: Any, context: Any, state: Any, check: bool) -> None:
        self.function = function
        self.args = args
        self.kwargs = kwargs
        self.context = context
        self.state = state
        self.check = check
        self.autocast = _autocast()
        self.begin = next(modes.clock)
        self.kinds: list[tuple[Any, ...]] = []
        self.again: list[Node] | None = None

    def let_go(self, out: Any) -> None:
        """Take from the nodes that lead to `out` what they saved."""
        nodes = _nodes(out, self.begin)
        self.kinds = [_kind(node) for node in nodes]
        for i, node in enumerate(nodes):
            if isinstance(node.saved, (tuple, Remade)) and node.saved != ():
                node.saved = Left(self, i)

    def node(self, index: int) -> Node:
        """The node of this number, run again."""
        if self.again is None or self.again[index].saved.__class__ is Freed:  # by a pass that went through the second run itself
            self.again = self._run_again()
        return self.again[index]

    def _run_again(self) -> list[Node]:
        for each in tree_leaves((self.args, self.kwargs)):
            write = graph.write_to(each._array) if isinstance(each, Tensor) else None
            if write is not None and write.stamp > self.begin:
                message = f"a tensor that it was given, of shape {tuple(each.shape)}, was written to by {write.what}() at {write.origin}"
                raise CheckpointError(located(f"torch.utils.checkpoint: the part cannot be run again: {message}"))
        begin, kept = next(modes.clock), default_generator.state_array()
        try:
            if self.state is not None:
                default_generator.set_state(self.state)
            with modes.set_grad_enabled(True), self.autocast, self.context:
                nodes = _nodes(self.function(*self.args, **self.kwargs), begin)
        finally:
            if self.state is not None:
                default_generator.set_state(kept)
        kinds = [_kind(node) for node in nodes]
        if len(kinds) != len(self.kinds) or (self.check and kinds != self.kinds):
            raise CheckpointError(located(_difference(self.kinds, kinds)))
        return nodes


def _kind(node: Node) -> tuple[Any, ...]:
    return node.name(), node.shape, node.dtype


def _difference(before: list[tuple[Any, ...]], after: list[tuple[Any, ...]]) -> str:
    """What to say of operations that were others when they were run again."""
    head = "torch.utils.checkpoint: Recomputed values for the following tensors have different metadata than during the forward pass: "
    for i, (a, b) in enumerate(zip(before, after, strict=False)):
        if a != b:
            return f"{head}operation {i} was {a[0]} with a result of shape {a[1]} and dtype {a[2]}, now it is {b[0]}, {b[1]}, {b[2]}"
    return f"{head}there were {len(before)} operations, now there are {len(after)}"


class Left(Remade):
    """What a node of a part saved, until the part is run again."""

    __slots__ = ("index", "part")

    def __init__(self, part: Part, index: int) -> None:
        self.part, self.index = part, index

    def node(self) -> Node:
        """The node of the operation in the second run."""
        return self.part.node(self.index)


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    context_fn: Callable[[], tuple[Any, Any]] = noop_context_fn,
    determinism_check: str = "default",
    debug: bool = False,
    early_stop: bool = True,
    preserve_rng_state: bool = True,
    **kwargs: Any,
) -> Any:
    """`function(*args, **kwargs)`, whose intermediate results are let go and computed again in the backward pass.

    Both kinds, `use_reentrant` or not, give gradients to whatever the function reaches, with `backward` and `grad`, of any order.
    With it an argument must need a gradient, and keywords are refused. `preserve_rng_state`: the second run draws the same random
    numbers. `context_fn` gives contexts for the first and the second run. CheckpointError if the second run does something else
    than the first, unless `determinism_check="none"`, or if an argument has been written to since.
    """
    if use_reentrant is None:
        message = "torch.utils.checkpoint: the use_reentrant parameter should be passed explicitly; use_reentrant=False is recommended"
        warn(message)
        use_reentrant = True
    if use_reentrant:
        if kwargs:
            raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs) + "; use_reentrant=False takes them")
        if context_fn is not noop_context_fn or debug:
            raise ValueError("Passing `context_fn` or `debug` is only supported when use_reentrant=False.")
    if determinism_check not in ("default", "none"):
        raise ValueError(f"determinism_check should be one of ['default', 'none'], but got {determinism_check}")
    first, second = context_fn()
    if not modes.settings.grad or (modes.special and modes.settings.recorder is not None):
        with first:  # nothing is recorded, or by a compiler, which sees itself to what is kept
            return function(*args, **kwargs)
    if use_reentrant and not any(isinstance(each, Tensor) and each.requires_grad for each in args):
        warn("None of the inputs have requires_grad=True. Gradients will be None")
        with modes.no_grad():
            return function(*args)
    state = default_generator.state_array() if preserve_rng_state else None
    part = Part(function, args, kwargs, second, state, determinism_check == "default" and not use_reentrant)
    with first:
        out = function(*args, **kwargs)
    part.let_go(out)
    return out


def checkpoint_sequential(functions: Any, segments: int, input: Any, use_reentrant: bool | None = None, **kwargs: Any) -> Any:
    """What functions, or the modules of a Sequential, make of `input` one after the other, in `segments` parts that are run again.

    The last part is not run again: the backward pass begins with it. ValueError for keywords but `preserve_rng_state`.
    """
    if use_reentrant is None:
        message = "torch.utils.checkpoint.checkpoint_sequential: the use_reentrant parameter should be passed explicitly"
        warn(f"{message}; use_reentrant=False is recommended")
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    functions = list(functions.children() if hasattr(functions, "children") else functions)
    size = len(functions) // segments

    def in_turn(part: list[Any]) -> Callable[[Any], Any]:
        def run(value: Any) -> Any:
            for function in part:
                value = function(value)
            return value

        return run

    for start in range(0, size * (segments - 1), size):
        part = in_turn(functions[start : start + size])
        input = checkpoint(part, input, use_reentrant=use_reentrant, preserve_rng_state=preserve)
    return in_turn(functions[size * (segments - 1) :])(input)
