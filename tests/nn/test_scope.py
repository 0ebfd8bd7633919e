"""Nodes know the module that ran them, by its path from the outermost module called."""

import asyncio
import copy
import gc
import pickle
import threading
import weakref

import pytest

import pedigrad as torch
from pedigrad import nn
from pedigrad.core.scope import here


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.attn = nn.Linear(3, 3)

    def forward(self, x):
        return x + self.attn(x).tanh()


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([Block(), Block()])

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


def test_nodes_know_their_module_by_its_path():
    out = Model()(torch.ones(2, 3))
    scopes = [(node.name(), str(node.scope)) for node in out.family() if node.parents]
    assert scopes[:3] == [
        ("AddBackward0", "layers.1 (Block)"),
        ("TanhBackward0", "layers.1 (Block)"),
        ("AddmmBackward0", "layers.1.attn (Linear)"),
    ]
    assert scopes[3:] == [(name, scope.replace("1", "0")) for name, scope in scopes[:3]]


def test_the_outermost_module_goes_by_its_class_and_code_outside_has_no_scope():
    x = torch.ones(3, requires_grad=True)
    assert str(nn.Tanh()(x)._node.scope) == "Tanh"
    assert (x * 2)._node.scope is None


def test_an_output_of_several_has_the_scope_of_its_node():
    class Split(nn.Module):
        def forward(self, x):
            return x.split(1)

    assert [str(t._node.scope) for t in Split()(torch.ones(2, requires_grad=True))] == ["Split", "Split"]


def test_a_function_of_the_users_own_has_a_scope():
    class Double(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2

    class Layer(nn.Module):
        def forward(self, x):
            return Double.apply(x)

    assert str(Layer()(torch.ones(2, requires_grad=True))._node.scope) == "Layer"


def test_a_module_that_is_no_child_goes_by_its_class():
    class Maker(nn.Module):
        def forward(self, x):
            return nn.Tanh()(x)

    assert str(Maker()(torch.ones(2, requires_grad=True))._node.scope) == "Tanh() (Tanh)"


def test_a_shared_module_has_the_path_of_the_call():
    shared = nn.Linear(2, 2)
    model = nn.ModuleDict({"a": nn.Sequential(shared), "b": nn.Sequential(nn.Tanh(), shared)})

    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.parts = model

        def forward(self, x):
            return self.parts["a"](x), self.parts["b"](x)

    both = Both()
    for _ in range(2):
        first, second = both(torch.ones(1, 2))
        assert (first._node.scope.path, second._node.scope.path) == ("parts.a.0", "parts.b.1")
    assert shared(torch.ones(1, 2))._node.scope.path == ""


def test_an_error_leaves_the_scope():
    class Fails(nn.Module):
        def forward(self, x):
            raise KeyError

    with pytest.raises(KeyError):
        nn.Sequential(Fails())(1)
    assert here.get().scope is None


def test_calls_with_hooks_have_the_scope():
    model = nn.Sequential(nn.Tanh())
    model[0].register_forward_hook(lambda module, args, out: out * 2)
    assert model(torch.ones(2, requires_grad=True))._node.scope.path == "0"


def test_threads_and_tasks_have_scopes_of_their_own():
    """Each is within its module while the other one is, and none is left in the other's."""
    barrier, found = threading.Barrier(2, timeout=20), {}

    class Waits(nn.Module):
        def __init__(self, name):
            super().__init__()
            self.name = name

        def forward(self, x):
            barrier.wait()
            found[self.name] = (x * 2)._node.scope.module().name
            barrier.wait()
            return x

    async def both():
        nn.Tanh()(torch.ones(1))  # this thread has a scope, which the threads below are given a copy of
        x = torch.ones(1, requires_grad=True)
        await asyncio.gather(asyncio.to_thread(Waits("a"), x), asyncio.to_thread(Waits("b"), x))

    asyncio.run(both())
    assert found == {"a": "a", "b": "b"}
    assert here.get().scope is None


def test_a_graph_keeps_no_module_alive_and_still_knows_its_path():
    model = Model()
    out, gone = model(torch.ones(2, 3)), weakref.ref(model)
    del model
    assert gone() is None  # by reference counts alone
    assert out._node.scope.path == "layers.1"


def test_a_module_that_keeps_its_output_makes_no_cycle():
    class Keeps(nn.Module):
        def forward(self, x):
            self.last = x * 2
            return self.last

    gc.disable()
    try:
        model = Keeps()
        model(torch.ones(2, requires_grad=True))
        gone = weakref.ref(model)
        del model
        assert gone() is None
    finally:
        gc.enable()


def test_modules_made_in_each_call_leave_nothing_behind():
    class Maker(nn.Module):
        def forward(self, x):
            return nn.Tanh()(x)

    model = Maker()
    for _ in range(5):
        out = model(torch.ones(1, requires_grad=True))
    assert len(out._node.scope.outer.inner) == 0


def test_copies_and_pickles_of_a_model_that_was_called_have_their_own_scopes():
    model = nn.Sequential(nn.Tanh())
    x = torch.ones(1, requires_grad=True)
    model(x)
    for other in (copy.deepcopy(model), copy.copy(model), pickle.loads(pickle.dumps(model))):
        scope = other(x)._node.scope
        assert scope.path == "0" and scope.outer.module() is other
    assert "scope" not in vars(model)
