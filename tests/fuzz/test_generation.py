"""Random programs of inference do compiled what they do as usual: fixed seeds."""

import os

import pytest

pytest.importorskip("llvmlite")
if not hasattr(os, "fork"):
    pytest.skip("programs are run in forks", allow_module_level=True)

from fuzz import apart, compiled, generation
from fuzz.batches import batches

BATCHES = batches(1, 25)


@pytest.mark.parametrize("seeds", BATCHES, ids=lambda seeds: f"from {seeds[0]}")
def test_random_programs_of_inference(seeds):
    compiled.tally.__init__()
    with apart.sharing(len(seeds)):
        found = {seed: compiled.compare(generation.generate(seed)) for seed in seeds}
    assert not [f"seed {seed}: {text}" for seed, text in found.items() if text]
    assert compiled.tally.compiled >= 0.25 * compiled.tally.programs, str(compiled.tally)
