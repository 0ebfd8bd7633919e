"""Compiled modules, what `pedigrad.compiler` offers, and `compile` where there is no compiler."""

import copy
import pickle
import warnings

import numpy as np
import pytest
from compile_checks import a_model, runs, same, tensor

import pedigrad as torch
from pedigrad import nn

pytestmark = pytest.mark.filterwarnings("ignore:pedigrad.compile")


def test_modules():
    model = a_model()
    compiled = torch.compile(model)
    assert isinstance(compiled, nn.Module)
    assert list(compiled.state_dict()) == ["_orig_mod." + name for name in model.state_dict()]
    assert all(a is b for a, b in zip(compiled.parameters(), model.parameters(), strict=True))
    assert compiled[0] is model[0] and len(compiled) == 3 and repr(compiled).startswith("OptimizedModule(\n  (_orig_mod): Sequential(")
    for _ in range(5):
        same(compiled(tensor(2, 3)), model(tensor(2, 3)))
    assert runs(compiled)
    compiled.eval()
    assert not model.training and not compiled.training and not model[0].training
    compiled.train()
    assert model.training
    compiled.extra = 3
    assert model.extra == 3 and compiled.extra == 3
    with pytest.raises(AttributeError):
        compiled.nothing  # noqa: B018
    compiled.load_state_dict({name: value * 0 for name, value in compiled.state_dict().items()})
    same(compiled(tensor(2, 3)), model(tensor(2, 3)))
    assert not model[0].weight.any()
    model[1].register_forward_hook(lambda m, given, out: out + 1)
    same(compiled(tensor(2, 3)), model(tensor(2, 3)))
    seen = []
    compiled.register_forward_hook(lambda *a: seen.append(1))
    compiled(tensor(2, 3))
    assert seen


def test_copies_of_modules():
    compiled = torch.compile(a_model())
    for _ in range(4):
        compiled(tensor(2, 3))
    for other in (copy.deepcopy(compiled), pickle.loads(pickle.dumps(compiled))):
        with torch.no_grad():
            other[0].weight.zero_()
        assert compiled[0].weight.any()
        for _ in range(4):
            same(other(tensor(2, 3)), other._orig_mod(tensor(2, 3)))


def test_compile_of_a_module_itself():
    model, plain = a_model(), a_model()
    model.compile()
    for _ in range(5):
        same(model(tensor(2, 3)), plain(tensor(2, 3)))
    assert list(model.state_dict()) == list(plain.state_dict()) and model.forward.compiled.variants
    other = copy.deepcopy(model)
    with torch.no_grad():
        other[2].weight.zero_()
    same(other(tensor(2, 3)), other[2].bias.expand(2, 2) + 0)


def test_training_a_compiled_module():
    losses = []
    for compile in (False, True):
        model = a_model()
        run = torch.compile(model) if compile else model
        optimizer = torch.optim.Adam(run.parameters(), lr=0.05)
        losses.append([])
        for _ in range(15):
            optimizer.zero_grad()
            loss = (run(tensor(6, 3)) ** 2).mean()
            loss.backward()
            optimizer.step()
            losses[-1].append(loss.item())
    np.testing.assert_allclose(*losses, rtol=1e-4)


def test_the_compilers_namespace():
    asked = []

    def inner(x):
        asked.append(torch.compiler.is_compiling())
        return x

    left_out = torch.compiler.disable(lambda x: x + 1)
    compiled = torch.compile(lambda x: left_out(x) * 2)
    for _ in range(5):
        same(compiled(tensor(3)), (tensor(3) + 1) * 2)
    assert not runs(compiled)
    compiled = torch.compile(lambda x: x * 2)
    for _ in range(4):
        compiled(tensor(3))
    torch.compiler.reset()
    assert not compiled.compiled.variants
    torch.compiler.cudagraph_mark_step_begin()
    assert not torch.compiler.is_compiling()
    torch.compile(inner)(tensor(3))
    assert asked == [True]


def test_without_llvmlite(monkeypatch):
    from pedigrad.capture import function as compiled_function
    from pedigrad.codegen.emit import llvm

    def missing():
        raise ImportError("No module named 'llvmlite'")

    monkeypatch.setattr(llvm, "binding", missing)
    monkeypatch.setattr(llvm, "host", missing)
    monkeypatch.setattr(llvm, "vector_bits", missing)
    compiled_function.without_compiler.cache_clear()
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        for k in range(3):
            compiled = torch.compile(lambda x, k=k: x * k)
            for i in range(6):
                same(compiled(tensor(3, seed=i)), tensor(3, seed=i) * k)
    assert len([w for w in seen if "llvmlite" in str(w.message)]) == 1
    compiled_function.without_compiler.cache_clear()
