"""Mistakes in unusual guises, each beside the same program without it: both are in one file of `guises/`.

The first line says which check is to find it, what is wrong and a part of the remedy. Lines that begin with `-| ` are of the wrong program
alone, those with `+| ` of the right one; the line to be named ends in `# <-`.
"""

import contextlib
import pathlib

import pytest
from watched_programs import examine, names

import pedigrad

GUISES = sorted((pathlib.Path(__file__).parent / "guises").glob("*.txt"))
# What else is so in a wrong program.
BESIDES = {
    "wrong_key": {"gradients-accumulate"},
    "softmax_of_one": {"same-output"},
    "swapped_bce": {"gradient-not-finite"},
    "dropout_of_all": {"same-output"},
    "dies_after_some_steps": {"target-out-of-reach"},
    "sigmoid_for_prices": {"gradient-zero", "same-output"},
    "relu_for_negative_targets": {"gradient-zero", "same-output"},
}


def side(text, sign):
    """One of the two programs of a file."""
    lines = [line[3:] if line[:2] == f"{sign}|" else line for line in text.splitlines() if line[:2] not in ("+|", "-|") or line[0] == sign]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("path", GUISES, ids=lambda path: path.stem)
def test_a_mistake_is_found_in_any_guise(path):
    text = side(path.read_text(), "-")
    wanted, _, remedy = text.partition("\n")[0][2:].partition(" -> ")
    wanted = wanted.partition(":")[0]
    session = pedigrad.check(whole=True)
    with contextlib.suppress(IndexError, RuntimeError):  # some end the program
        examine(text, path.name, session=session)
    found = [finding for finding in session.findings if finding.check == wanted]
    marked = {number for number, line in enumerate(text.splitlines(), 1) if line.endswith("# <-")}
    assert found and set(names(session)) <= {wanted} | BESIDES.get(path.stem, set()), session.report()
    assert not marked or marked & {finding.line for finding in found}, session.report()
    assert remedy in found[0].remedy, session.report()


@pytest.mark.parametrize("path", GUISES, ids=lambda path: path.stem)
def test_the_same_program_without_it_has_no_findings(path):
    session = examine(side(path.read_text(), "+"), path.name)
    assert not session.findings, session.report()


def test_the_step_from_which_nothing_is_learned_is_named():
    path = pathlib.Path(__file__).parent / "guises" / "dies_after_some_steps.txt"
    session = examine(side(path.read_text(), "-"), path.name)
    found = next(finding for finding in session.findings if finding.check == "gradient-zero")
    assert "From step 4 on the gradients of model.0.weight, model.2.weight were all zeros" in found.message
    assert "(dead ReLUs)" in found.message


def test_gradients_that_are_zeroed_once_in_several_steps_are_told_from_such_as_never_are():
    text = side((pathlib.Path(__file__).parent / "guises" / "zeroed_each_epoch.txt").read_text(), "-")
    assert "had already used: they are zeroed only once in 4 steps." in examine(text).findings[0].message
    assert "had already used: nothing zeroes them." in examine(text.replace("    opt.zero_grad()\n", "")).findings[0].message
    by_hand = """
    import torch
    torch.manual_seed(0)
    X = torch.randn(64, 3)
    w = torch.zeros(3, requires_grad=True)
    for epoch in range(4):
        w.grad = None
        for r in torch.randperm(64).split(16):
            (X[r] @ w - 1).pow(2).mean().backward()
            with torch.no_grad():
                w -= 0.01 * w.grad
    """
    assert "had already used: they are zeroed only once in 4 steps." in examine(by_hand).findings[0].message
    assert "had already used: nothing zeroes them." in examine(by_hand.replace("        w.grad = None\n", "")).findings[0].message
