"""Random training loops print the same when their steps are compiled without being asked: fixed seeds."""

import pytest

pytest.importorskip("llvmlite")

from fuzz import loops, programs
from fuzz.batches import batches

BATCHES = batches(2, 20)


@pytest.mark.parametrize("seeds", BATCHES, ids=lambda seeds: f"from {seeds[0]}")
@pytest.mark.filterwarnings("ignore:Converting a tensor")  # some print their loss as float() does
def test_random_loops(seeds):
    loops.tally.__init__()
    found = {seed: loops.compare(loops.generate(seed)) for seed in seeds}
    lines = [f"seed {seed}: {text}" for seed, text in found.items() if text is not None]
    assert not lines, "\n".join(lines)
    assert loops.tally.compiled >= 0.3 * loops.tally.programs, str(loops.tally)


def test_programs_are_the_same_for_a_seed():
    assert loops.generate(3) == loops.generate(3) != loops.generate(4)


LOOP = """for i in range(10):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    print(loss.item())"""


def test_a_step_that_is_left_out_is_found(monkeypatch):
    head = loops.HEAD.format(seed=0, layers=loops.LAYERS[0], optimizer=loops.OPTIMIZERS[0]).strip().splitlines()
    program, shorter = (programs.Program((*head, text, "print(model[0].bias.sum().item())")) for text in (LOOP, LOOP.replace("10", "9")))
    assert loops.compare(program) is None
    usual = loops.outcome
    monkeypatch.setattr(loops, "outcome", lambda given, fast: usual(shorter if fast else given, fast))
    assert loops.compare(program) is not None
