"""What the tests of `compile` have in common: functions are called compiled and as usual, and must give the same."""

import numpy as np

import pedigrad as torch
from pedigrad import nn


def tensor(*shape, seed=0, grad=False):
    x = torch.from_numpy(np.asarray(np.random.default_rng(seed).standard_normal(shape), np.float32))
    return x.requires_grad_() if grad else x


def same(one, other):
    """Equal in kind and, beyond rounding, in value."""
    assert type(one) is type(other)
    if isinstance(one, torch.Tensor):
        assert one.dtype == other.dtype and one.shape == other.shape and one.requires_grad == other.requires_grad
        np.testing.assert_allclose(one.detach().numpy(), other.detach().numpy(), rtol=1e-5, atol=1e-6)
    elif isinstance(one, dict):
        assert list(one) == list(other)
        for key in one:
            same(one[key], other[key])
    elif isinstance(one, (list, tuple)):
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            same(a, b)
    else:
        assert one == other or one != one


def check(function, *changes, args=(), calls=4):
    """Call a function compiled and as usual, after each of `changes`; returns the compiled one."""
    compiled = torch.compile(function)
    for change in (lambda: None, *changes):
        change()
        for _ in range(calls):
            same(function(*args), compiled(*args))
    return compiled


def runs(compiled):
    return sum(variant.runs for variant in compiled.compiled.variants)


def a_model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))


class Thing:
    """What has attributes."""


def holder(**attributes):
    thing = Thing()
    thing.__dict__.update(attributes)
    return thing


def watched(function, *changes, args=()):
    """Checks that a function is compiled, and is right after each change."""
    compiled = check(function, *changes, args=args)
    assert runs(compiled) > 0
    return compiled
