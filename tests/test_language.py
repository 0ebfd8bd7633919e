"""The third reader of the one language: forwards and gradient rules record themselves as a list of NumPy calls."""

import numpy as np
import pytest

import pedigrad as torch
from pedigrad.core.op import REGISTRY


class Recorded(np.lib.mixins.NDArrayOperatorsMixin):
    """An array that writes down every NumPy call it takes part in."""

    def __init__(self, value, tape, name):
        self.value, self.tape, self.name = value, tape, name

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        return self.tape.call(ufunc if method == "__call__" else getattr(ufunc, method), inputs, kwargs)

    def __array_function__(self, function, types, args, kwargs):
        return self.tape.call(function, args, kwargs)

    def __getitem__(self, index):
        return self.tape.call(lambda a, i: a[i], (self, index), {})

    shape = property(lambda self: self.value.shape)
    ndim = property(lambda self: self.value.ndim)
    size = property(lambda self: self.value.size)
    dtype = property(lambda self: self.value.dtype)
    T = property(lambda self: np.transpose(self))


class Tape:
    """A list of calls: function, arguments by name, result."""

    def __init__(self):
        self.calls = []

    def input(self, value, name):
        return Recorded(value, self, name)

    def call(self, function, args, kwargs):
        value = function(*self.values(args), **kwargs)
        name = f"t{len(self.calls)}"
        self.calls.append((function, args, kwargs, name))
        return Recorded(np.asarray(value), self, name)

    def values(self, args):
        return tuple(a.value if isinstance(a, Recorded) else a for a in args)

    def replay(self, result, **inputs):
        known = dict(inputs)
        for function, args, kwargs, name in self.calls:
            known[name] = function(*(known[a.name] if isinstance(a, Recorded) else a for a in args), **kwargs)
        return known[result.name]


@pytest.mark.parametrize("name", ["softmax", "tanh", "native_layer_norm", "sigmoid", "gelu", "logsumexp", "mse_loss", "linear"])
def test_forward_and_gradient_rule_record_and_replay(name):
    rng = np.random.default_rng(0)
    op = REGISTRY[name]
    operands = {"linear": [(3, 4), (2, 4), (2,)], "mse_loss": [(3, 4), (3, 4)], "native_layer_norm": [(3, 4), (4,), (4,)]}.get(
        name, [(3, 4)]
    )
    attributes = {"softmax": {"dim": 1}, "logsumexp": {"dim": 1}, "native_layer_norm": {"n": 1}}.get(name, {})

    def draw():
        return [rng.standard_normal(shape) for shape in operands]

    first, second = draw(), draw()
    tape = Tape()
    traced = [tape.input(a, n) for a, n in zip(first, op.operands, strict=True)]
    out = op.forward(*traced, **attributes)
    out = out[0] if isinstance(out, tuple) else out
    assert tape.calls, "nothing was recorded"
    expected = op.forward(*second, **attributes)
    expected = expected[0] if isinstance(expected, tuple) else expected
    np.testing.assert_allclose(tape.replay(out, **dict(zip(op.operands, second, strict=True))), expected, rtol=1e-12)


def test_softmax_gradient_rule_records_and_replays():
    rng = np.random.default_rng(0)
    (rule,) = REGISTRY["softmax"].rules
    x, g = rng.standard_normal((2, 5, 7)), rng.standard_normal((2, 5, 7))
    tape = Tape()
    recorded = tape.input(x, "x")
    out = REGISTRY["softmax"].forward(recorded, dim=1)
    given = {"g": tape.input(g, "g"), "out": out, "dim": 1, "x_dtype": x.dtype}
    gradient = rule.function(**{name: given[name] for name in rule.wants})
    other, other_g = rng.standard_normal((2, 5, 7)), rng.standard_normal((2, 5, 7))
    t = torch.tensor(other, requires_grad=True)
    torch.softmax(t, 1).backward(torch.tensor(other_g))
    np.testing.assert_allclose(tape.replay(gradient, x=other, g=other_g), t.grad.numpy(), rtol=1e-12)
