"""Hooks on the gradients that flow through a module: identity operations at its inputs and outputs."""

from typing import Any

import numpy as np

from ..core import modes
from ..core.declare import composite
from ..core.origin import warn
from ..core.tensor import Tensor, wrap
from .hooks import WithModule


@composite(wide=False, name="backward_hook", places="", outputs=None, node="BackwardHookFunctionBackward", samples=[([(2, 3), (4,)],)])
def pass_through(*xs):
    """The operands themselves: their gradients meet in one node."""
    return tuple(x[...] for x in xs)


@pass_through.grad("xs")
def _(g):
    return g


class BackwardHooks:
    """The backward hooks of one call of a module: gradients of outputs arrive first, then those of inputs."""

    def __init__(self, module, hooks, pre_hooks):
        self.module, self.hooks, self.pre_hooks = module, hooks, pre_hooks
        self.grad_outputs = None
        self.n_inputs = self.n_outputs = -1
        self.input_places: Any = None  # of the tensors among the arguments
        self.output_places: Any = None

    def inputs(self, args):
        """The positional arguments, with their gradients watched."""
        self.n_inputs = len(args)
        args, self.input_places = _watch(self._inputs_due, args)
        return args

    def outputs(self, result):
        """The tuple of results, with their gradients watched."""
        self.n_outputs = len(result)
        result, self.output_places = _watch(self._outputs_due, result)
        return result

    def _outputs_due(self, grads, filled):
        self.grad_outputs = _spread(grads, self.output_places, self.n_outputs)
        for hook in self.pre_hooks:
            out = hook(self.module, self.grad_outputs)
            if out is not None:
                self.grad_outputs = _checked(out, self.grad_outputs, "Backward pre hook", "grad_output")
        given = self.grad_outputs
        if self.input_places is None and self.hooks:
            self._run_without_inputs()
        if self.input_places is None:
            self.grad_outputs = None
        return [zeros if given[i] is None else given[i] for i, zeros in zip(self.output_places, filled, strict=True)]

    def _run_without_inputs(self):
        warn(
            "Full backward hook is firing when gradients are computed with respect to module outputs since no"
            " inputs require gradients. See https://docs.pytorch.org/docs/main/generated/torch.nn.Module.html"
            "#torch.nn.Module.register_full_backward_hook for more details."
        )
        for hook in self.hooks:
            out = hook(self.module, (None,) * self.n_inputs, self.grad_outputs)
            if out is not None and not (isinstance(out, tuple) and all(each is None for each in out)):
                raise RuntimeError(
                    "Backward hook for Modules where no input requires gradient should always return None or None for all gradients."
                )

    def _inputs_due(self, grads, filled):
        if self.grad_outputs is None:  # the gradient did not come through the outputs, as in a second derivative
            return filled
        grad_inputs = _spread(filled, self.input_places, self.n_inputs)
        for hook in self.hooks:
            out = hook(self.module, grad_inputs, self.grad_outputs)
            if out is not None:
                grad_inputs = _checked(out, grad_inputs, "Backward hook", "grad_input")
        self.grad_outputs = None
        return [grad_inputs[i] for i in self.input_places]


def _watch(on_gradients, values):
    """`values` with tensors passed through an identity, and their places (None if none needs a gradient)."""
    places = [i for i, value in enumerate(values) if isinstance(value, Tensor)]
    if not modes.grad_enabled() or not any(values[i].requires_grad for i in places):
        return values, None
    tensors = [values[i] for i in places]
    through = pass_through(tensors)
    for tensor, out in zip(tensors, through, strict=True):
        if not tensor.requires_grad:
            out._node = None
    node = next(out.grad_fn for out in through if out.requires_grad)
    node.register_prehook(_filling(on_gradients, tensors))
    watched = list(values)
    for i, out in zip(places, through, strict=True):
        watched[i] = out
    if hasattr(values, "_fields"):
        return values._make(watched), places
    return tuple(watched), places


def _filling(on_gradients, tensors):
    """The hook that calls `on_gradients` with a node's gradients, and with zeros in place of those that are None."""
    like = [(tensor._array.shape, tensor._array.dtype) for tensor in tensors]

    def hook(grads):
        filled = [wrap(np.zeros(*of)) if g is None else g for g, of in zip(grads, like, strict=True)]
        return tuple(on_gradients(grads, filled))

    return hook


def _spread(grads, places, n):
    out = [None] * n
    for i, grad in zip(places, grads, strict=True):
        out[i] = grad
    return tuple(out)


def _checked(out, expected, what, name):
    out = (out,) if isinstance(out, Tensor) and len(expected) == 1 else out
    if len(out) != len(expected):
        raise RuntimeError(f"{what} returned an invalid number of {name}, got {len(out)}, but expected {len(expected)}")
    return out


# --- Hooks of the old kind

_OLD = (
    "Using {} is deprecated and will be removed in future versions. This hook will be missing some {}. "
    "Please use register_full_backward_hook to get the documented behavior."
)


def attach_old_hooks(module, hooks, args, result):
    """Put backward hooks of the old kind on the node that made the first tensor in `result`."""
    tensor = result
    while not isinstance(tensor, Tensor):
        if isinstance(tensor, dict):
            tensor = next(value for value in tensor.values() if isinstance(value, Tensor))
        else:
            tensor = tensor[0]
    node = tensor.grad_fn
    if node is None:
        return
    for hook in hooks:
        node.register_hook(WithModule(hook, module))
    message = _what_old_hooks_miss(args, result, node)
    if message is not None:
        warn(_OLD.format(*message), FutureWarning)


def _what_old_hooks_miss(args, result, node):
    args = args if isinstance(args, tuple) else (args,)
    results = result if isinstance(result, tuple) else (result,)
    on = "non-full backward hooks on a Module that does not "
    if not all(isinstance(each, Tensor) for each in results):
        return on + "return a single Tensor or a tuple of Tensors", "of the grad_output"
    if not all(isinstance(each, Tensor) for each in args):
        return on + "take as input a single Tensor or a tuple of Tensors", "of the grad_input"
    if any(each.grad_fn is not node for each in results):
        return (
            "a non-full backward hook when outputs are generated by different autograd Nodes",
            "grad_output",
        )
    if {each.grad_fn for each in args} != {parent for parent, _ in node.next_functions}:
        return "a non-full backward hook when the forward contains multiple autograd Nodes", "grad_input"
    return None
