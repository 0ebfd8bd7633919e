"""Random training runs give compiled what they give as usual: fixed seeds."""

import dataclasses
import os

import pytest

pytest.importorskip("llvmlite")
if not hasattr(os, "fork"):
    pytest.skip("programs are run in forks", allow_module_level=True)

from fuzz import apart, compiled, programs, training
from fuzz.batches import batches

BATCHES = batches(2, 6)
DIFFER: set[int] = set()  # seeds of runs that are known to differ still


@pytest.mark.parametrize("seeds", BATCHES, ids=lambda seeds: f"from {seeds[0]}")
def test_random_training(seeds):
    training.tally.__init__()
    found = {}
    with apart.sharing(len(seeds)):  # a process for all of them: to fork one takes as long as most comparisons
        for seed in seeds:
            difference = training.compare(training.generate(seed))
            if difference is not None:
                found[seed] = difference
    lines = [f"seed {seed}: {text}" for seed, text in found.items() if seed not in DIFFER]
    assert not lines, "\n".join(lines)
    assert training.tally.compiled >= 0.5 * training.tally.programs, str(training.tally)


def test_runs_are_the_same_for_a_seed():
    assert training.generate(3) == training.generate(3) != training.generate(4)


NOISE = """torch.set_default_dtype(torch.float64)
torch.manual_seed(1)
net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Tanh(), nn.Linear(3, 1))
opt = torch.optim.Adam(net.parameters(), lr=0.1, eps=1e-30)
x = torch.randn(4, 2)
def f():
    loss = net(x).pow(2).sum()
    opt.zero_grad()
    loss.backward()
    opt.step()
    return loss
f = torch.compile(f)
r = f()
r = f()
r = f()
"""


def wrong_by(change, where):
    """How a run differs from itself with a parameter changed after the last step."""
    program = programs.parse(NOISE)
    library = training.functions.library()
    right = compiled.follow(compiled.uncompiled(program), library)
    moved = compiled.shaken(compiled.uncompiled(program), library)
    seen = right.steps[-1][1]["net"]
    array = dataclasses.replace(seen[where], array=seen[where].array + change)
    last = right.steps[-1][1] | {"net": seen | {where: array}}
    given = dataclasses.replace(right, steps=[*right.steps[:-1], (right.steps[-1][0], last)])
    assert compiled.differ(given, right)
    return compiled.beyond_rounding(given, right, [(right, moved)], compiled.Tally())


def test_what_is_nothing_but_rounding_may_differ_and_nothing_else():
    assert wrong_by(0.1, "0.bias") is None  # its gradient is zero, but for rounding, and a step of Adam is 0.1
    assert "0.bias" in wrong_by(10.0, "0.bias")
    assert "3.weight" in wrong_by(1e-4, "3.weight")
