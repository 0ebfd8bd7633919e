"""`torch.fx` on both libraries: graphs drawn of modules, edited, run, and the code that is generated of them."""

import copy
import math
import operator
import pickle
import re

import pytest
import torch as reference
from side_by_side import agree

import pedigrad

LIBRARIES = {"PyTorch": reference, "pedigrad": pedigrad}


def fx_of(torch):
    return __import__(f"{torch.__name__}.fx", fromlist=["fx"])


# Modules


def perceptron(torch):
    nn = torch.nn
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Sequential(nn.Linear(4, 4), nn.Tanh()), nn.Linear(4, 2)), (torch.randn(5, 3),)


def convolutions(torch):
    nn = torch.nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1, self.bn, self.pool = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.MaxPool2d(2)
            self.fc = nn.Linear(36, 3)

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            x = self.pool(self.bn(self.conv1(image)).relu())
            return self.fc(x.view(x.size(0), -1))

    return Net().eval(), (torch.randn(2, 1, 8, 8),)


def residual(torch):
    nn, F = torch.nn, torch.nn.functional

    class Block(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.norm, self.up, self.down = nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

        def forward(self, x):
            return x + self.down(F.gelu(self.up(self.norm(x))))

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.blocks = nn.ModuleList([Block(4), Block(4)])

        def forward(self, x):
            for block in self.blocks:
                x = block(x)
            return x.mean(-1)

    return Net(), (torch.randn(2, 4),)


def parameters_and_buffers(torch):
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.randn(4, 4))
            self.register_buffer("shift", torch.randn(4))
            self.constant = torch.randn(4)

        def forward(self, x):
            y = x @ self.weight.t() + self.shift
            return (self.shift + y) * self.constant - self.weight.sum()

    return Net(), (torch.randn(3, 4),)


def operators(torch):
    def net(x, y):
        z = 2**x + y * 3 - 1 / (abs(y) + 1)
        z += x // 2
        return -z % 5, x > y, ~(x < y), (x >= 0) & (y != 0), z[..., 0, None], z[:, 1:][x[:, 0] > 0]

    return net, (torch.randn(3, 2), torch.randn(3, 2))


def attributes_and_methods(torch):
    def net(x):
        first, second = x.chunk(2, dim=1)
        n, m = x.shape[0], x.size(1)
        return first.reshape(n, m // 2, 1).squeeze(-1).transpose(0, 1).float(), second.T, x.new_zeros(2) + x.shape[1]

    return net, (torch.randn(3, 4),)


def structures(torch):
    def net(x, other):
        return {"sum": x + other, "both": [x, (other, 2.5)], "none": None, "kind": torch.float32, "far": float("inf")}

    return net, (torch.randn(2), torch.randn(2))


def functional_calls(torch):
    F = torch.nn.functional

    def net(x, weight, bias):
        x = F.relu(F.linear(x, weight, bias))
        x = F.dropout(x, 0.5, False)
        return F.softmax(F.layer_norm(x, (4,)), dim=-1) + torch.sigmoid(x) + torch.relu(x)

    return net, (torch.randn(2, 3), torch.randn(4, 3), torch.randn(4))


def defaults_and_stars(torch):
    class Net(torch.nn.Module):
        def forward(self, input, scale=2, *rest, extra=1, **more):
            return input * scale + extra

    return Net(), (torch.randn(2),)


def numbers_of_math(torch):
    def net(x):
        return x * math.sqrt(2.0) + x.dim()

    return net, (torch.randn(2),)


def a_shared_layer(torch):
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.one = self.two = torch.nn.Linear(2, 2)

        def forward(self, x):
            return self.two(self.one(x))

    return Net(), (torch.randn(2, 2),)


def attention(torch):
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.qkv = torch.nn.Linear(4, 12)

        def forward(self, x):
            q, k, v = self.qkv(x).split(4, -1)
            return torch.softmax(q @ k.transpose(-2, -1) / math.sqrt(4), -1) @ v

    return Net(), (torch.randn(2, 3, 4),)


MODULES = [perceptron, convolutions, residual, parameters_and_buffers, operators, attributes_and_methods, structures, functional_calls,
           defaults_and_stars, numbers_of_math, a_shared_layer, attention]  # fmt: skip
BY_NAME = {attention}  # what operations are given by position is written by name in their code


def written(node):
    """A node as text, in which functions go by their names."""
    target = node.target if isinstance(node.target, str) else node.target.__name__
    return [node.op, node.name, target, [each.name for each in node.all_input_nodes], [each.name for each in node.users]]


@pytest.mark.parametrize("build", MODULES)
def test_a_module_has_the_same_graph(build):
    def program(torch, tell):
        module, args = build(torch)
        drawn = fx_of(torch).symbolic_trace(module)
        tell([written(node) for node in drawn.graph.nodes])
        drawn.graph.lint()
        if build not in BY_NAME:
            tell(*(re.sub(r"torch\._C\._nn\.", "torch.nn.functional.", text) for text in (drawn.code, str(drawn.graph))))
        tell(module(*args), drawn(*args), fx_of(torch).Interpreter(drawn).run(*args))
        tell(fx_of(torch).Transformer(drawn).transform()(*args), copy.deepcopy(drawn)(*args))
        tell(len(list(drawn.parameters())), sorted(drawn.state_dict()))

    agree(program)


def test_a_graph_has_gradients():
    def program(torch, tell):
        module, args = convolutions(torch)
        drawn = fx_of(torch).symbolic_trace(module)
        drawn(*args).sum().backward()
        tell([p.grad for p in module.parameters()])

    agree(program)


REFUSED = {
    "a branch": lambda x: x if x.sum() > 0 else -x,
    "a loop": lambda x: [each for each in x],
    "not": lambda x: not x,
    "starred": lambda x: max(*x),
    "len": lambda x: len(x),
    "float": lambda x: float(x),
    "range": lambda x: range(x),
    "contains": lambda x: 3 in x,
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_graph_can_hold_is_refused(name):
    def program(torch, tell):
        try:
            fx_of(torch).symbolic_trace(REFUSED[name])
        except Exception as error:
            tell(type(error).__name__, str(error)[:70])
        else:
            tell("no error")
        tell(torch.ones(2) + 1, torch.nn.Linear(1, 1).weight.shape[0])  # nothing is left of it

    agree(program)


def test_a_branch_on_a_proxy_shows_the_users_line():
    with pytest.raises(pedigrad.fx.proxy.TraceError, match=r"control flow\n  at .*test_fx.py:\d+: .*a branch"):
        pedigrad.fx.symbolic_trace(REFUSED["a branch"])


def test_concrete_arguments_are_checked_by_the_graph():
    def program(torch, tell):
        def net(x, flag, none=None):
            return x + 1 if flag and none is None else x

        drawn = fx_of(torch).symbolic_trace(net, concrete_args={"flag": True, "none": None})
        tell(drawn.code, drawn(torch.ones(1), True), drawn(torch.ones(1), True, None))
        tell.error(lambda: drawn(torch.ones(1), False))
        tell.error(lambda: drawn(torch.ones(1), True, 3))

    agree(program)


def test_a_graph_written_by_hand():
    def program(torch, tell):
        fx = fx_of(torch)
        graph = fx.Graph()
        x = graph.placeholder("x")
        two = graph.placeholder("y", default_value=2)
        weight = graph.get_attr("weight")
        total = graph.call_function(operator.add, (x, two))
        total = graph.call_function(torch.mul, (total, weight))
        method = graph.call_method("clamp", (total,), {"min": 0.5})
        out = graph.call_module("inner.layer", (method,))
        graph.output((out, total))
        module = fx.GraphModule({"weight": torch.nn.Parameter(torch.ones(2)), "inner.layer": torch.nn.Linear(2, 2)}, graph, "Written")
        tell(module.code, str(graph), type(module).__name__, module(torch.ones(2))[1], sorted(module.state_dict()))
        tell([n.name for n in graph.nodes], [n.name for n in reversed(graph.nodes)], len(graph.nodes))
        tell([n.name for n in graph.find_nodes(op="call_function", target=torch.mul)], graph.output_node().name)
        tell.error(fx.GraphModule, {}, graph)
        tell.error(graph.erase_node, total)
        tell.error(graph.create_node, "call_function", "text")

    agree(program)


def test_names_of_values():
    def program(torch, tell):
        graph = fx_of(torch).Graph()
        wanted = ["x", "x", "x_1", "x_7", "x_7", "0.weight", "Layer.norm", "class", "sum", "torch", "inf", "HTTPServer", "__call__", "ReLU"]
        tell([graph.create_node("get_attr", name).name for name in wanted])
        tell(graph.create_node("get_attr", "a", name="given").name, graph.create_node("get_attr", "a", name="given").name)

    agree(program)


def test_nodes_are_edited():
    def program(torch, tell):
        fx = fx_of(torch)
        module = fx.symbolic_trace(lambda x, y: torch.relu(x + y) * 2)
        for node in list(module.graph.nodes):
            if node.target is torch.relu:
                with module.graph.inserting_after(node):
                    new = module.graph.call_function(torch.tanh, node.args)
                tell([user.name for user in node.replace_all_uses_with(new)])
                module.graph.erase_node(node)
            elif node.target is operator.add:
                node.update_arg(1, 5)
        module.recompile()
        module.graph.lint()
        tell(module.code, module(torch.ones(2), None))
        nodes = {node.name: node for node in module.graph.nodes}
        tell(sorted(nodes), [n.name for n in nodes["x"].users], nodes["mul"].all_input_nodes[0].name, len(nodes["y"].users))
        nodes["mul"].args = (nodes["y"], nodes["tanh"])
        nodes["mul"].prepend(nodes["y"])
        tell([node.name for node in module.graph.nodes], str(nodes["mul"].args), nodes["mul"].next.name, nodes["mul"].prev.name)
        nodes["tanh"].kwargs = {"out": None}
        nodes["add"].insert_arg(0, 3)
        tell(str(module.graph))
        nodes["tanh"].append(nodes["add"])
        tell.error(module.graph.lint)
        tell.error(lambda: nodes["x"].args.append(1))

    agree(program)


def test_dead_code_goes():
    def program(torch, tell):
        def net(x):
            x.exp()
            torch.sin(x)
            y = x.clone()
            y.add_(1)
            return y

        module = fx_of(torch).symbolic_trace(net)
        tell(module.graph.eliminate_dead_code(), module.graph.eliminate_dead_code())
        tell([node.name for node in module.graph.nodes])

    agree(program)


def test_patterns_are_replaced():
    def program(torch, tell):
        fx = fx_of(torch)

        def net(a, b, c):
            first = torch.relu(a + b)
            second = torch.relu(first + c)
            kept = a - c
            return torch.relu(kept) + second.sum() + torch.relu(c + a)

        module = fx.symbolic_trace(net)
        matches = fx.replace_pattern(module, lambda x, y: torch.relu(x + y), lambda x, y: torch.sigmoid(x) * y)
        tell(
            [
                [m.anchor.name, {k.name: v.name for k, v in m.nodes_map.items() if k.op != "output"} and len(m.nodes_map) > 2]
                for m in matches
            ]
        )
        module.graph.lint()
        tell(module.code, module(torch.ones(2), torch.ones(2) * 2, torch.ones(2) * 3))

    agree(program)


def test_shapes_are_noted():
    def program(torch, tell):
        module, args = convolutions(torch)
        drawn = fx_of(torch).symbolic_trace(module)
        shapes = __import__(f"{torch.__name__}.fx.passes.shape_prop", fromlist=["ShapeProp"])
        tell(shapes.ShapeProp(drawn).propagate(*args))
        for node in drawn.graph.nodes:
            meta = node.meta.get("tensor_meta")
            tell(node.name, meta and [tuple(meta.shape), str(meta.dtype), meta.requires_grad, tuple(meta.stride), str(meta.memory_format)])
            tell(node.meta["type"].__name__)

    agree(program)


def test_tracers_and_interpreters_of_users():
    def program(torch, tell):
        fx = fx_of(torch)
        module, args = residual(torch)

        class Whole(fx.Tracer):
            def is_leaf_module(self, m, module_qualified_name):
                return type(m).__name__ == "Block" or super().is_leaf_module(m, module_qualified_name)

        graph = Whole().trace(module)
        tell([written(node) for node in graph.nodes], fx.GraphModule(module, graph)(*args))

        class Times(fx.Interpreter):
            def call_function(self, target, args, kwargs):
                return torch.tanh(*args, **kwargs) if target is torch.sigmoid else super().call_function(target, args, kwargs)

        class Negative(fx.Transformer):
            def call_function(self, target, args, kwargs):
                return super().call_function(torch.neg if target is torch.sigmoid else target, args, kwargs)

            def call_method(self, target, args, kwargs):
                return super().call_method({"sigmoid": "neg"}.get(target, target), args, kwargs)

        drawn = fx.symbolic_trace(lambda x: torch.sigmoid(x) + x.sigmoid())
        x = torch.ones(2)
        tell(Times(drawn).run(x), Negative(drawn).transform()(x), Negative(drawn).transform().code)
        node = next(iter(drawn.graph.nodes))
        tell(fx.Interpreter(drawn).run(initial_env={node: x}))
        tell.error(fx.Interpreter(drawn).run)

    agree(program)


def test_proxies_edit_a_graph():
    def program(torch, tell):
        fx = fx_of(torch)
        module = fx.symbolic_trace(lambda x: torch.relu(x) + 1)
        new, known = fx.Graph(), {}
        for node in module.graph.nodes:
            if node.target is torch.relu:
                x = fx.Proxy(known[node.args[0]])
                known[node] = torch.where(x > 0, x, x * 0).node
            else:
                known[node] = new.node_copy(node, lambda n: known[n])
        made = fx.GraphModule(module, new)
        new.lint()
        tell([written(node) for node in new.nodes], made.code, made(torch.tensor([-1.0, 2.0])))

    agree(program)


def test_modules_are_added_and_deleted():
    def program(torch, tell):
        fx, nn = fx_of(torch), torch.nn
        module = fx.symbolic_trace(perceptron(torch)[0])
        tell(module.add_submodule("extra.deep", nn.ReLU()), hasattr(module.extra, "deep"), module.delete_submodule("none"))
        module.delete_all_unused_submodules()
        tell(hasattr(module, "extra") and hasattr(module.extra, "deep"), [name for name, _ in module.named_modules()])
        tell(module.delete_submodule("3"), [name for name, _ in module.named_children()])
        tell.error(module.graph.lint)

    agree(program)


def test_copies_and_pickles():
    module, args = perceptron(pedigrad)
    drawn = pedigrad.fx.symbolic_trace(module)
    copied, loaded = copy.deepcopy(drawn), pickle.loads(pickle.dumps(drawn))
    with pedigrad.no_grad():
        drawn.get_parameter("0.weight").zero_()
    for each in (copied, loaded):
        assert each.code == drawn.code and not pedigrad.equal(each(*args), drawn(*args))
    assert pedigrad.equal(copied(*args), loaded(*args)) and type(loaded).__name__ == type(drawn).__name__


def test_a_wrapped_function_stays_one_node():
    def program(torch, tell):
        scope = {"torch": torch, "wrap": fx_of(torch).wrap, "__name__": "user"}
        source = "@wrap\ndef halved(x):\n    return x / 2 if x.sum() > 0 else x\nwrap('len')\ndef net(x):\n    return halved(x) * len(x)\n"
        exec(compile(source, "<user>", "exec"), scope)
        drawn = fx_of(torch).symbolic_trace(scope["net"])
        tell([written(node) for node in drawn.graph.nodes], drawn(torch.ones(3)), scope["net"](torch.ones(2)))
        tell.error(lambda: fx_of(torch).wrap("len"))
        tell.error(fx_of(torch).wrap, 3)

    agree(program)


def test_operations_ask_nobody_after_a_graph_was_drawn():
    before = len(pedigrad.core.override._layer.held), pedigrad.core.modes.special
    pedigrad.fx.symbolic_trace(perceptron(pedigrad)[0])
    with pytest.raises(ValueError, match="control flow"):
        pedigrad.fx.symbolic_trace(REFUSED["a branch"])
    assert (len(pedigrad.core.override._layer.held), pedigrad.core.modes.special) == before
    assert "__getattribute__" not in vars(pedigrad.nn.Module)


def test_the_table_has_a_row_for_each_node(capsys):
    pedigrad.fx.symbolic_trace(lambda x: pedigrad.relu(x) + 1).graph.print_tabular()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["opcode", "name", "target", "args", "kwargs"] and set(lines[1]) == {"-", " "}
    assert [line.split()[:3] for line in lines[2:]] == [
        ["placeholder", "x", "x"],
        ["call_function", "relu", "torch.relu"],
        ["call_function", "add", "operator.add"],
        ["output", "output", "output"],
    ]


@pytest.mark.parametrize("library", LIBRARIES)
def test_features_are_taken_out_of_the_middle(library):
    """The usual recipe for features: cut the graph behind a layer, drop the rest, run."""
    torch = LIBRARIES[library]
    module, args = perceptron(torch)
    drawn = fx_of(torch).symbolic_trace(module)
    wanted = next(node for node in drawn.graph.nodes if node.target == "2.1")
    output = next(node for node in drawn.graph.nodes if node.op == "output")
    output.args = (wanted,)
    drawn.graph.eliminate_dead_code()
    drawn.recompile()
    drawn.delete_all_unused_submodules()
    assert torch.equal(drawn(*args), module[:3](*args)) and not hasattr(drawn, "3")
