"""docs/explain.md says what is so: its programs print what stands there, and its table has the checks that there are."""

import pathlib
import re
import subprocess
import sys

import pedigrad as torch

TEXT = (pathlib.Path(__file__).parents[2] / "docs" / "explain.md").read_text(encoding="utf-8")


def part(name):
    """What stands between two marks: the program and what it prints."""
    between = TEXT.partition(f"<!-- {name}:begin -->")[2].partition(f"<!-- {name}:end -->")[0]
    return re.findall(r"```\w*\n(.*?)```", between, re.DOTALL)


def test_the_report_is_what_the_program_gives(tmp_path):
    program, report = part("doctor")
    (tmp_path / "program.py").write_text(program)
    command = [sys.executable, "-m", "pedigrad", "run", "--check", "program.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.stderr.replace(f"{tmp_path}/", "") == report


def test_the_reasons_are_what_the_program_prints(tmp_path):
    program, printed = part("why")
    (tmp_path / "why.py").write_text(program)
    done = subprocess.run([sys.executable, "-m", "pedigrad", "run", "why.py"], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.stdout.replace(f"{tmp_path}/", "") == printed, done.stderr


def test_the_table_has_all_checks():
    rows = TEXT.partition("<!-- checks:begin -->")[2].partition("<!-- checks:end -->")[0]
    assert re.findall(r"^\| `(.+?)` \| (.+?) \|$", rows, re.M) == list(torch.check.names().items())
