"""`make_fx`: graphs of functions from examples of their arguments compute what the functions do."""

import importlib

import pytest
from side_by_side import agree

import pedigrad


def make_fx_of(torch):
    return importlib.import_module(torch.__name__ + ".fx.experimental.proxy_tensor").make_fx


def functions(torch):
    """Functions, with examples of their arguments and other arguments."""
    F, func = torch.nn.functional, torch.func
    torch.manual_seed(1)
    weight, layer = (
        torch.randn(3, 3),
        torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.LayerNorm(4), torch.nn.Linear(4, 2)),
    )
    x, y, v, w = torch.randn(3, 3), torch.randn(3, 3), torch.randn(3), torch.randn(3)

    def in_place(x):
        z = x.clone()
        z.mul_(2)
        z[0] = 1.0
        return z, z.sum()

    def loss(w, b, x):
        return F.mse_loss(F.linear(x, w, b), x)

    def by_shapes(x):
        return x.reshape(x.shape[0] * x.size(1)) / x.numel() + x.dim()

    def several(x):
        values, indices = x.max(1)
        first, *rest = x.unbind(0)
        return {"values": values, "rest": [each + 1 for each in rest]}, indices, first, 3

    def loop(x):
        for _ in range(3):
            x = torch.tanh(x) @ weight
        return x.T, x.mean()

    def nested(tree):
        return tree["a"] * tree["b"][0] + tree["b"][1]

    def stepped(w, x):
        g = func.grad(lambda w: ((x @ w) ** 2).sum())(w)
        return w - 0.1 * g

    def over_batches(w, x):
        table = {"w": w}
        return func.vmap(lambda row: row @ table["w"] + func.grad(lambda r: (r * w[0]).sum())(row))(x)

    def pulled(x, t):
        out, products = func.vjp(lambda a: torch.sin(a) * x, x)
        return out, products(t)

    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx, g):
            return g * 3 * ctx.saved_tensors[0] ** 2

    def made(x):
        return torch.ones(3) + torch.arange(3, dtype=torch.float32) * x, torch.zeros_like(x), x.new_full((2,), 3.0)

    return {
        "operators": (lambda a, b: torch.sin(a) * 2 + b / (1 + abs(a)) - 1, (x, y), (y, x)),
        "in place": (in_place, (x,), (y,)),
        "losses": (loss, (weight, v, x), (x, w, y)),
        "shapes": (by_shapes, (x,), (y,)),
        "several results": (several, (x,), (y,)),
        "loops": (loop, (x,), (y,)),
        "nests": (nested, ({"a": x, "b": [y, weight]},), ({"a": y, "b": [x, x]},)),
        "modules": (lambda a: layer(a), (x,), (y,)),
        "lists": (lambda a, b: torch.cat([a, torch.stack([b[0], b[1]])]).sum(dim=0), (x, y), (y, x)),
        "gradients": (func.grad(lambda a: (a**3).sum()), (x,), (y,)),
        "batches of gradients": (func.vmap(func.grad(lambda a: torch.sin(a).sum())), (x,), (y,)),
        "gradients and values": (func.grad_and_value(lambda a: (a * a).sum()), (x,), (y,)),
        "jacobians": (func.jacrev(lambda a: torch.tanh(a) * a[0]), (v,), (w,)),
        "jacobians forward": (func.jacfwd(lambda a: torch.tanh(a) * a[0]), (v,), (w,)),
        "hessians": (func.hessian(lambda a: (a**3).sum()), (v,), (w,)),
        "a step": (stepped, (x, y), (y, x)),
        "variables of enclosing functions": (over_batches, (x, y), (y, x)),
        "vector-Jacobian products": (pulled, (x, y), (y, x)),
        "Jacobian-vector products": (lambda a, t: func.jvp(torch.sin, (a,), (t,)), (x, y), (y, x)),
        "custom functions": (lambda a: Cube.apply(a) + 1, (x,), (y,)),
        "factories": (made, (v,), (w,)),
        "softmax and indexing": (lambda a: F.softmax(a, dim=-1)[:, 1:].flatten().topk(2)[0], (x,), (y,)),
        "without gradients": (no_grad_step(torch), (x,), (y,)),
    }


def no_grad_step(torch):
    def step(x):
        with torch.no_grad():
            y = x * 2
        return y + 1

    return step


@pytest.mark.parametrize("name", list(functions(pedigrad)))
def test_a_graph_computes_what_its_function_does(name):
    """With other arguments than the examples, and as a module of which a state dict, children and nodes can be asked."""

    def program(torch, tell):
        function, examples, others = functions(torch)[name]
        drawn = make_fx_of(torch)(function)(*examples)
        tell(isinstance(drawn, torch.fx.GraphModule), drawn(*others), drawn(*examples), function(*others))
        tell([node.name for node in drawn.graph.nodes if node.op == "placeholder"] if not isinstance(examples[0], dict) else None)
        tell(drawn.graph.output_node().op, len(drawn.graph.nodes) > len(examples) + 1)

    importlib.import_module("pedigrad.fx")
    agree(program)


@pytest.mark.filterwarnings("ignore")
def test_elements_are_not_let_out_of_a_graph():
    def program(torch, tell):
        make_fx = make_fx_of(torch)
        for function in (lambda x: x if x.sum() > 0 else -x, lambda x: x * x.sum().item(), lambda x: x * float(x[0])):
            tell.error(make_fx(function), torch.ones(2))
        make_fx(lambda x: x * torch.tensor(2.0))(torch.ones(2))
        tell.error(make_fx, lambda x: x)

    agree(program)


def test_tensors_that_a_transform_cannot_be_given_are_refused():
    class Holder:
        pass

    holder, make_fx = Holder(), make_fx_of(pedigrad)

    def function(x):
        holder.x = x * 2
        return pedigrad.func.grad(lambda w: (w * holder.x).sum())(x)

    with pytest.raises(RuntimeError, match=r"in grad\(\) reaches a tensor"):
        make_fx(function)(pedigrad.ones(2))
    with pytest.raises(RuntimeError, match="decomposition_table"):
        make_fx(pedigrad.sin, decomposition_table={pedigrad.sin: pedigrad.cos})


def test_nodes_are_calls_as_they_were_written():
    """Functions, methods, operators and attributes; what is no argument is an attribute of the module."""
    constant = pedigrad.ones(2)
    drawn = make_fx_of(pedigrad)(lambda x: pedigrad.relu(x).add(constant, alpha=2).T)(pedigrad.ones(2, 2))
    assert [(node.op, node.name) for node in drawn.graph.nodes] == [
        ("placeholder", "x_1"),
        ("call_function", "relu"),
        ("get_attr", "_tensor_constant0"),
        ("call_method", "add"),
        ("call_function", "T"),
        ("output", "output"),
    ]
    assert drawn._tensor_constant0 is constant or pedigrad.equal(drawn._tensor_constant0, constant)
    assert "torch.relu(x_1)" in drawn.code and ".add(" in drawn.code and "alpha = 2" in drawn.code
