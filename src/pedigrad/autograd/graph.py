"""torch.autograd.graph: what nodes save, and hooks on the graph."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core import modes
from ..core.graph import Handle, Leaf, Node, note_write
from ..core.history import refresh
from ..core.modes import settings
from ..core.origin import located
from ..core.tensor import Tensor, wrap


class GradientEdge(NamedTuple):
    """Where a tensor's gradient arrives: a node, and which of its outputs is meant. `autograd.grad` takes it in the place of the tensor."""

    node: Node
    output_nr: int
    ownership_token: Node | None = None  # of a node with several outputs, what gradients of this one gather at

    def stand_in(self) -> Tensor:
        """What has the shape, the dtype and the history of the tensor that is meant; of a leaf that itself."""
        edge = self.node if self.ownership_token is None else self.ownership_token
        if isinstance(edge, Leaf) and edge.variable is not None:
            return edge.variable
        tensor = wrap(np.broadcast_to(np.zeros((), edge.dtype), edge.shape))
        tensor._node = edge
        return tensor


def get_gradient_edge(tensor: Tensor) -> GradientEdge:
    """Where the gradient of `tensor` arrives; RuntimeError if it needs none."""
    refresh(tensor)
    if tensor._node is None:
        raise RuntimeError(located("It is not possible to get the gradient edge for a Tensor that does not require gradients"))
    node, index = tensor._node.edge()
    return GradientEdge(node, index, None if node is tensor._node else tensor._node)


def increment_version(tensor: Any) -> None:
    """Note that the memory of a tensor, or of several, was written to."""
    for each in (tensor,) if isinstance(tensor, Tensor) else tensor:
        note_write(each._array, "increment_version")


class saved_tensors_hooks:
    """Within it, what operations save for backward goes through `pack_hook` (tensor -> anything), and back through `unpack_hook`.

    >>> import pedigrad as torch
    >>> x = torch.ones(2, requires_grad=True)
    >>> with torch.autograd.graph.saved_tensors_hooks(lambda t: t.tolist(), torch.tensor):
    ...     y = (x * x).sum()
    >>> y.backward()
    >>> x.grad
    tensor([2., 2.])
    """

    def __init__(self, pack_hook: Callable[[Tensor], Any], unpack_hook: Callable[[Any], Tensor]):
        self.hooks = pack_hook, unpack_hook

    def __enter__(self) -> None:
        if settings.saved_hooks and isinstance(settings.saved_hooks[-1], str):
            raise RuntimeError(located(settings.saved_hooks[-1]))
        settings.saved_hooks.append(self.hooks)
        modes.need_long_way(+1)

    def __exit__(self, *exc: object) -> None:
        modes.need_long_way(-1)
        settings.saved_hooks.pop()


class save_on_cpu(saved_tensors_hooks):
    """Within it saved tensors are kept on the CPU, where they are anyway."""

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda"):
        super().__init__(lambda tensor: tensor, lambda tensor: tensor)


class disable_saved_tensors_hooks:
    """Within it setting hooks on saved tensors is an error with this message."""

    def __init__(self, error_message: str):
        self.message = error_message

    def __enter__(self) -> None:
        settings.saved_hooks.append(self.message)

    def __exit__(self, *exc: object) -> None:
        settings.saved_hooks.pop()

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def within(*args: Any, **kwargs: Any) -> Any:
            with type(self)(self.message):
                return function(*args, **kwargs)

        return within


class allow_mutation_on_saved_tensors(saved_tensors_hooks):
    """Within it what was saved may be written to: operations save copies."""

    def __init__(self) -> None:
        super().__init__(lambda tensor: tensor.clone(), lambda tensor: tensor)  # type: ignore[attr-defined]


class _Handles:
    """The handles of one hook on several tensors."""

    def __init__(self, handles: Sequence[Handle]):
        self.handles = handles

    def remove(self) -> None:
        """Take the hook off."""
        for handle in self.handles:
            handle.remove()


def register_multi_grad_hook(tensors: Sequence[Tensor], fn: Callable[..., Any], *, mode: str = "all") -> Any:
    """Call `fn` once a backward pass: with all gradients (None for those that do not come) when the last of those that come is there,
    or with the first of them for `mode="any"`; returns a handle."""
    if mode not in ("all", "any"):
        raise ValueError(located(f"Expects mode to be one of ('all', 'any') but got {mode}"))
    lock = threading.Lock()
    state: dict[str, Any] = {"pass": None, "grads": [None] * len(tensors), "count": 0, "due": 0}

    def on_gradient(index: int, gradient: Any) -> None:
        with lock:
            current = settings.backward
            if state["pass"] is not current:
                reached = current.reached() if current is not None else None
                due = sum(t._node is not None and (reached is None or t._node.seq in reached) for t in tensors)
                state.update({"pass": current, "grads": [None] * len(tensors), "count": 0, "due": due})
            state["count"] += 1
            state["grads"][index] = gradient
            first, last = state["count"] == 1, state["count"] == state["due"]
            grads = list(state["grads"])
        if mode == "any" and first:
            fn(gradient)
        elif mode == "all" and last:
            fn(grads)

    return _Handles([t.register_hook(functools.partial(on_gradient, i)) for i, t in enumerate(tensors)])


__all__ = [
    "GradientEdge",
    "Node",
    "allow_mutation_on_saved_tensors",
    "disable_saved_tensors_hooks",
    "get_gradient_edge",
    "increment_version",
    "register_multi_grad_hook",
    "save_on_cpu",
    "saved_tensors_hooks",
]
