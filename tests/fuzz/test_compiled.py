"""Random functions do compiled what they do as usual: fixed seeds, and that the comparison sees what it should."""

import os

import pytest

pytest.importorskip("llvmlite")
if not hasattr(os, "fork"):
    pytest.skip("programs are run in forks", allow_module_level=True)

from fuzz import apart, compiled, programs
from fuzz.batches import batches

BATCHES = batches(3, 20)
# Seeds that showed faults of different kinds once.
BATCHES.append((6002, 6003, 6009, 6012, 6023, 6028, 6033, 6035, 6043, 6050, 6072, 6075, 6079, 6088, 6100, 6103))
DIFFER: set[int] = set()  # seeds of programs that are known to differ still


@pytest.mark.parametrize("seeds", BATCHES, ids=lambda seeds: f"from {seeds[0]}")
def test_random_functions(seeds):
    compiled.tally.__init__()
    found = {}
    with apart.sharing(len(seeds)):  # a process for all of them: to fork one takes as long as most comparisons
        for seed in seeds:
            difference = compiled.compare(compiled.generate(seed))
            if difference is not None:
                found[seed] = difference
    lines = [f"seed {seed}: {text}" for seed, text in found.items() if seed not in DIFFER]
    assert not lines, "\n".join(lines)
    assert compiled.tally.compiled >= 0.4 * compiled.tally.programs, str(compiled.tally)


def program(text):
    return programs.parse(text)


CALLS = "f = torch.compile(f)\n" + "r = f(x)\n" * 5
WRONG = {  # compiled functions that are made wrong: each is another kind of difference
    "value": "x = torch.ones(3)\nn = [0]\ndef f(x):\n    return x * 2\nbroken(f, lambda r: r + 1)\n",
    "stride": "x = torch.ones(2, 3)\ndef f(x):\n    return (x * 2).t()\nbroken(f, lambda r: r.contiguous())\n",
    "sharing": "x = torch.ones(3)\ndef f(x):\n    return x\nbroken(f, lambda r: r.clone())\n",
    "requires_grad": "x = torch.ones(3, requires_grad=True)\ndef f(x):\n    return x * 2\nbroken(f, lambda r: r.detach())\n",
    "raises": "x = torch.ones(3)\ndef f(x):\n    return x * 2\nbroken(f, lambda r: r[5])\n",
    "crash": "import os\nx = torch.ones(3)\ndef f(x):\n    return x * 2\nbroken(f, lambda r: os.abort())\n",
}


@pytest.mark.parametrize("kind", WRONG)
def test_wrong_programs_are_found(kind, monkeypatch):
    text = WRONG[kind]
    change = text.partition("broken(f, ")[2].rpartition(")\n")[0]
    setup = text.partition("broken(f, ")[0]

    def broken(function):
        whole = compile_(function)

        def run(*args):
            return eval(change, {"os": os})(whole(*args))

        run.compiled = whole.compiled
        return run

    library = compiled.functions.library()
    compile_ = library.compile
    monkeypatch.setattr(library, "compile", broken)
    found = compiled.compare(program(setup + CALLS))
    assert found is not None and programs.kind(found) == kind, found
    monkeypatch.undo()
    assert compiled.compare(program(setup + CALLS)) is None


def test_a_function_that_never_settles_is_found(monkeypatch):
    text = "x = torch.ones(3)\ncount = [0]\ndef f(x):\n    count[0] += 1\n    return x * 2\n" + "f = torch.compile(f)\n" + "r = f(x)\n" * 12
    from pedigrad.capture import function

    monkeypatch.setattr(function, "ATTEMPTS", 100)
    monkeypatch.setattr(function, "TRIES", 100)
    assert programs.kind(compiled.compare(program(text))) == "unsettled"


def test_arguments_that_shared_memory_and_do_no_more():
    text = "x, y = torch.tensor([1.0]), torch.tensor([2.0])\ndef f(x, y):\n    return x * 10\nf = torch.compile(f)\n"
    assert compiled.compare(program(text + "r = f(x, x.detach())\n" * 3 + "r = f(x, y)\n" * 2)) is None


def test_programs_are_the_same_for_a_seed():
    assert compiled.generate(7) == compiled.generate(7) != compiled.generate(8)
