"""Autocast and `__torch_function__` where they are ours: what they cost, and what stays as it was."""

import inspect
import subprocess
import sys

import pytest

import pedigrad as torch
from pedigrad.core import modes


def in_a_new_process(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()


def test_nothing_is_asked_until_it_is_needed():
    code = """
import pedigrad as torch
from pedigrad.core import interception, modes, override
class Mine(torch.Tensor): pass
torch.nn.Linear(2, 2)(torch.ones(1, 2)).sum().backward()
print(modes.special, len(override._layer.held), len(interception._composed.held))
torch.ones(2).as_subclass(Mine)
print(modes.special, len(override._layer.held) > 1000)
"""
    assert in_a_new_process(code) == ["0", "0", "0", "0", "True"]


def test_functions_stay_the_same_objects():
    before, signature = torch.nn.functional.cross_entropy, inspect.signature(torch.nn.functional.cross_entropy)
    special = modes.special
    with torch.autocast("cpu"):
        assert modes.special == special + 1
    assert modes.special == special
    assert torch.nn.functional.cross_entropy is before
    assert inspect.signature(before) == signature


def test_errors_within_leave_it_as_it_was():
    with pytest.raises(ZeroDivisionError), torch.autocast("cpu"):
        1 / 0  # noqa: B018
    assert not torch.is_autocast_enabled("cpu")
    assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype is torch.float32


def test_weights_that_change_within_are_not_out_of_date():
    weight = torch.nn.Parameter(torch.ones(2, 2))
    with torch.autocast("cpu"):
        first = torch.nn.functional.linear(torch.ones(1, 2), weight)
        with torch.no_grad():
            weight.mul_(2)
        second = torch.nn.functional.linear(torch.ones(1, 2), weight)
    assert (second == 2 * first).all()


def test_compiled_functions_run_as_usual_within():
    @torch.compile
    def product(a, b):
        return a @ b

    a = torch.ones(2, 2)
    for _ in range(4):
        assert product(a, a).dtype is torch.float32
    with torch.autocast("cpu"):
        assert product(a, a).dtype is torch.bfloat16
    assert product(a, a).dtype is torch.float32


def test_a_class_that_is_no_tensor_is_asked_when_a_function_first_meets_it():
    """Nothing asks until then; the call that could not go on is told, and those after it are told as they are written."""
    code = """
import pedigrad as torch
from pedigrad.core import override
class Mine:
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return func.__name__, len(args), sorted(kwargs or {})
print(len(override._layer.held), torch.chunk(Mine(), 2), torch.sum(Mine(), dim=0), torch.nn.functional.softmax(Mine(), 0), sep="|")
print(len(override._layer.held) > 0, torch.ones(2) + Mine(), sep="|")
"""
    lines = " ".join(in_a_new_process(code)).split("|")
    assert lines[0] == "0" and lines[1:4] == [
        "('chunk', 2, [])",
        "('sum', 1, ['dim'])",
        "('softmax', 1, ['_stacklevel', 'dim', 'dtype']) True",
    ]
    assert lines[4] == "('add', 2, [])"
