"""Wanted differences: each is in docs/differences.md, and only programs that show one are taken for it."""

import pathlib

import pytest

from fuzz import on_purpose, programs

ROWS = (pathlib.Path(__file__).parents[2] / "docs" / "differences.md").read_text().splitlines()
PROGRAM = programs.parse("x = torch.ones(2, requires_grad=True)\ny = x * 2\ny.sum().backward()\n")


@pytest.mark.parametrize("row", sorted({each.row for each in (*on_purpose.PURPOSES, *on_purpose.COMPILED)}))
def test_a_wanted_difference_is_documented(row):
    assert any(line.startswith("| ") and row in line.split(" | ")[0] for line in ROWS), row


@pytest.mark.parametrize(
    "difference",
    [
        "value: y[0] is 2.0, right is 3.0 (1 of 2 differ)",
        "grad value: x.grad[0] is 2.0, right is 1.0 (2 of 2 differ)",
        "refusal: statement 2 raised nothing, right is RuntimeError: a leaf Variable that requires grad is being used",
        "raises: statement 2 raised RuntimeError: one of the variables needed for gradient computation has been modified",
        "shape: y's is (2,), right is (2, 1)",
    ],
)
def test_an_ordinary_difference_is_not_wanted(difference):
    assert on_purpose.purpose_of(PROGRAM, difference) is None


def test_a_wanted_refusal_is_recognized():
    difference = "refusal: statement 2 raised nothing, right is RuntimeError: Inplace update to inference tensor outside InferenceMode"
    assert on_purpose.purpose_of(PROGRAM, difference).row == "`inference_mode`"
