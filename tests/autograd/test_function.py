"""Functions of users: what their context may hold."""

import pytest

import pedigrad as torch

FREE = ["function", "arguments", "constant", "dirty", "node", "stamp", "materialize", "output_kinds"]


@pytest.mark.parametrize("name", FREE)
def test_a_context_takes_any_attribute(name):
    class Scale(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, factor):
            setattr(ctx, name, factor)
            return x * factor

        @staticmethod
        def backward(ctx, g):
            return g * getattr(ctx, name), None

    x = torch.ones(2, requires_grad=True)
    Scale.apply(x, 3.0).sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]


def test_a_node_has_what_its_context_holds():
    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            ctx.power = 3
            return x**3

        @staticmethod
        def backward(ctx, g):
            return 3 * ctx.saved_tensors[0] ** 2 * g

    x = torch.ones(2, requires_grad=True)
    node = Cube.apply(x).grad_fn
    assert node.power == 3 and node.saved_tensors[0] is x and node.needs_input_grad == (True,)
    with pytest.raises(AttributeError, match="lower"):
        _ = node.lower
