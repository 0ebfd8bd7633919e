"""The machinery of random programs: they are the same for a seed, differences are seen, failing programs get small."""

import pytest

import fuzz.eager
import pedigrad
from fuzz import programs

FIRST = """import pedigrad as torch
a = torch.arange(6.).reshape(2, 3).requires_grad_()
b = torch.ones(3)
with torch.no_grad():
    c = b * 2
d = (a * 2 + torch.sin(b)) * 3
d.sum().backward()
"""


def test_the_same_seed_gives_the_same_program():
    assert str(fuzz.eager.generate(7)) == str(fuzz.eager.generate(7)) != str(fuzz.eager.generate(8))


def test_a_program_survives_being_printed_and_read():
    program = programs.parse(FIRST)
    assert programs.parse(str(program)) == program and len(program.statements) == 5


@pytest.mark.parametrize(
    "old, new, kind",
    [
        ("* 2 +", "* 2 + 0.5 *", "value"),
        ("d.sum()", "(d.sum() + a.sum())", "grad value"),
        ("b * 2", "b[:2] * 2", "shape"),
        ("ones(3)", "ones(3, dtype=torch.float64)", "dtype"),
        ("d.sum()", "d", "raises"),
        ("a * 2", "a.detach() * 2", "raises"),
    ],
)
def test_differences_are_told_by_kind(old, new, kind):
    right, given = (programs.run(programs.parse(text), pedigrad) for text in (FIRST, FIRST.replace(old, new)))
    assert programs.differ(right, right) is None
    assert programs.kind(programs.differ(given, right)) == kind


def test_a_failing_program_gets_small():
    def fails(program):
        return any("sin" in text for text in program.statements) and programs.run(program, pedigrad).raised is None

    small = programs.shrink(programs.parse(FIRST), fails)
    assert len(small.statements) <= 2 and len(str(small)) < len(programs.HEAD) + 40


def test_what_a_program_prints_and_raises_is_seen():
    seen = programs.run(programs.parse("print(torch.ones(2).sum().item())\ntorch.ones(2) @ torch.ones(3)\nx = 1"), pedigrad)
    assert seen.prints == "2.0\n" and seen.raised.statement == 1 and seen.raised.names[0] == "RuntimeError" and "x" not in seen.values
