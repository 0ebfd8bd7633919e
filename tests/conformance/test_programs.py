"""Small programs as tutorials have them print the same with both libraries."""

import pathlib

import pytest
from printed import differing_lines, printed

PROGRAMS = sorted((pathlib.Path(__file__).parent / "programs").glob("*.py"))
TOLERANCE = 1e-4  # float32 has 7 digits, and tens of training steps lose two or three of them


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_a_program_prints_the_same(program, tmp_path):
    folders = [tmp_path / library for library in ("torch", "pedigrad")]
    for folder in folders:
        folder.mkdir()
    expected, got = (printed(folder.name, program, folder=folder) for folder in folders)
    differing = differing_lines(expected, got, TOLERANCE)
    assert not differing, "\n".join(differing[:10])
