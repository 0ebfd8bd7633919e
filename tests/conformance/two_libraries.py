"""One program run on PyTorch's modules and on ours; what it tells of each must be the same."""

import difflib
import re
import types
import warnings
from collections import OrderedDict

import torch as reference

import pedigrad
from pedigrad.nn import containers, hooks, init, module, parameter

CONTAINERS = ("Sequential", "ModuleList", "ModuleDict", "ParameterList", "ParameterDict")
REGISTER = [name for name in dir(hooks) if name.startswith("register_module_")]


def theirs():
    nn = types.SimpleNamespace(**{name: getattr(reference.nn, name) for name in CONTAINERS})
    nn.Module, nn.Parameter, nn.Buffer = reference.nn.Module, reference.nn.Parameter, reference.nn.Buffer
    nn.init, nn.zero = reference.nn.init, {"set_to_none": False}
    for name in REGISTER:
        setattr(nn, name, getattr(reference.nn.modules.module, name))
    return with_layers(reference, nn)


def ours():
    nn = types.SimpleNamespace(**{name: getattr(containers, name) for name in CONTAINERS})
    nn.Module, nn.Parameter, nn.Buffer = module.Module, parameter.Parameter, parameter.Buffer
    nn.init, nn.zero = init, {}
    for name in REGISTER:
        setattr(nn, name, getattr(hooks, name))
    return with_layers(pedigrad, nn)


def with_layers(torch, nn):
    """The library with a few layers made on its own Module, the same text for both."""

    class Linear(nn.Module):
        def __init__(self, n_in, n_out, bias=True):
            super().__init__()
            self.n_in, self.n_out = n_in, n_out
            self.weight = nn.Parameter(torch.arange(float(n_in * n_out)).reshape(n_out, n_in) / 10)
            self.register_parameter("bias", nn.Parameter(torch.ones(n_out)) if bias else None)

        def forward(self, x):
            y = x @ self.weight.T
            return y if self.bias is None else y + self.bias

        def extra_repr(self):
            return f"n_in={self.n_in}, n_out={self.n_out}"

    class Tanh(nn.Module):
        def forward(self, x):
            return torch.tanh(x)

    class Scale(nn.Module):
        def forward(self, x, by=2):
            return x * by

    class Norm(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("mean", torch.zeros(2))
            self.register_buffer("scratch", torch.zeros(3), persistent=False)
            self.register_buffer("none", None)
            self.count = nn.Buffer(torch.tensor(0))

        def forward(self, x):
            return x - self.mean

    class Two(nn.Module):
        def forward(self, x, y, by=3):
            return x * 2, y * by, "text"

    nn.Linear, nn.Tanh, nn.Scale, nn.Norm, nn.Two = Linear, Tanh, Scale, Norm, Two
    return torch, nn


def normal(text):
    """A text without what may differ: the paths of classes, addresses, and the user's line and the operation under an error."""
    text = re.sub(r"<class '[\w.<>]*\.(\w+)'>", r"<class '\1'>", text)
    text = re.sub(r"0x[0-9a-f]+", "0x", text)
    text = re.sub(r"\n  in \S+ \(\w+\)(?=\n  at |$)|\n  at \S+:\d+: .*|\n  in the gradient of .*", "", text)
    return re.sub(r"[\w.]*<locals>\.", "", text)


class Log(list):
    def tell(self, *values):
        self.append(normal(" ".join(v if isinstance(v, str) else repr(v) for v in values)))

    def attempt(self, function, *args, **kwargs):
        try:
            self.tell("gave", function(*args, **kwargs))
        except Exception as error:
            self.tell(type(error).__name__, str(error))

    def attempts(self, *functions):
        for function in functions:
            self.attempt(function)


def run(function, library):
    torch, nn = library
    log = Log()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        function(torch, nn, log)
    return log + [normal(f"{w.category.__name__} {w.message}") for w in caught]


def agree(program):
    """Assert that the program tells the same of both libraries."""
    expected, got = run(program, theirs()), run(program, ours())
    assert got == expected, "\n".join(difflib.unified_diff(expected, got, "torch", "pedigrad", lineterm="", n=1))


def net(nn):
    return nn.Sequential(OrderedDict(first=nn.Linear(2, 3), act=nn.Tanh(), inner=nn.Sequential(nn.Linear(3, 2, bias=False), nn.Norm())))
