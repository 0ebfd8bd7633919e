"""The stubs are those of the registry, and type checkers find in them what users write."""

import os
import pathlib
import subprocess
import sys

import pedigrad

ROOT = pathlib.Path(__file__).parents[1]
TYPED = ROOT / "tests" / "typed"
PACKAGE = pathlib.Path(pedigrad.__file__).parent


def mypy(*paths, cache):
    """What `mypy --strict` says of files; the package's own lines are not its matter here."""
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--follow-imports=silent",
        "--config-file=",
        f"--cache-dir={cache}",
        *map(str, paths),
    ]
    environment = {**os.environ, "MYPYPATH": str(PACKAGE.parent)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=TYPED, timeout=600)
    return done.stdout + done.stderr


def test_stubs_are_current():
    done = subprocess.run([sys.executable, ROOT / "scripts" / "stubs.py", "--check"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"run python scripts/stubs.py:\n{done.stdout}{done.stderr}"


def test_a_typed_program_passes_a_strict_checker(tmp_path):
    assert "Success" in mypy(TYPED / "program.py", cache=ROOT / ".mypy_cache" / "typed")


def test_a_checker_finds_mistakes(tmp_path):
    (tmp_path / "wrong.py").write_text(
        "import pedigrad as torch\nx = torch.ones(2)\nx.sofmax(0)\ntorch.cat(3)\n"
        "torch.sofmax(x, 0)\ntorch.nn.Linaer(1, 1)\nx.sum(kepdim=True)\n"
    )
    said = mypy(tmp_path / "wrong.py", cache=ROOT / ".mypy_cache" / "typed")
    assert [f"wrong.py:{line}:" in said for line in range(3, 8)] == [True] * 5, said


def test_the_typed_program_runs():
    done = subprocess.run([sys.executable, TYPED / "program.py"], capture_output=True, text=True, timeout=120)
    assert done.stdout.startswith("True "), done.stderr
