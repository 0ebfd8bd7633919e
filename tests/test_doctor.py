"""`pedigrad doctor`: what a program uses of torch, from its text."""

import subprocess
import sys

import pytest

from pedigrad.doctor import names, report, sources

PROGRAM = """
import os, numpy as np
import torch, torch.nn.functional as F
from torch import nn
from torch.nn.fonctional import relu
from library.layers import Layer
try:
    from torch.nothing import here
except (ImportError, OSError):
    here = None
G = torch.nn.functional

def train(x):
    torch.backends.cudnn.benchmark = True
    torch._dynamo.config.some_switch = 3
    if hasattr(torch, "a_name_of_later"):
        torch.a_name_of_later()
    G.sofmax(x)
    getattr(torch, "no_such_thing")
    return torch.jit.trace(F.softmax(x), 1), nn.Linear.forward, torch.float32.whatever, torch.Tensor.no_method
"""


@pytest.fixture
def program(tmp_path):
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / "__init__.py").write_text("from . import other\nfrom ..above import nothing\n")
    (tmp_path / "library" / "layers.py").write_text("import pedigrad as torch\nclass Layer(torch.nn.Modul):\n    pass\n")
    (tmp_path / "library" / "other.py").write_text("raise SystemExit('it must not be run')\nimport torch\ntorch.missing_here\n")
    (tmp_path / "library" / "unused.py").write_text("import torch\ntorch.not_imported_by_anyone\n")
    (tmp_path / "program.py").write_text(PROGRAM)
    return tmp_path / "program.py"


def section(text, title):
    """The names under a title."""
    block = text.partition(title)[2].partition("\n\n")[0]
    return [line.split()[0] for line in block.splitlines() if line.startswith("  torch")]


def test_report(program):
    text, complete = report(str(program))
    assert not complete
    assert section(text, "Not there:") == [
        "torch.Tensor.no_method",
        "torch.missing_here",
        "torch.nn.Modul",
        "torch.nn.fonctional",
        "torch.nn.functional.sofmax",
        "torch.no_such_thing",
    ]
    assert section(text, "Not there, where the program is prepared") == ["torch.a_name_of_later", "torch.nothing"]
    assert section(text, "There to be imported") == ["torch.jit.trace"]
    assert "the nearest it has is torch.nn.functional.softmax" in text and "and 3 files that it imports" in text
    assert "not_imported_by_anyone" not in text


def test_limit_and_faults(program):
    (program.parent / "library" / "layers.py").write_text("def (:\n")
    text, _ = report(str(program))
    assert "not read" in text and "layers.py: SyntaxError" in text
    text, _ = report(str(program), limit=1)
    assert "more files were not looked at (--limit 1)" in text and "missing_here" not in text


def test_the_command(program, tmp_path):
    def run(name, *options):
        return subprocess.run([sys.executable, "-m", "pedigrad", "doctor", name, *options], cwd=tmp_path, capture_output=True, text=True)

    assert run("program.py").returncode == 1
    (tmp_path / "fine.py").write_text("import torch\nprint(torch.ones(2))\n")
    done = run("fine.py", "--verbose")
    assert done.returncode == 0 and section(done.stdout, "There:") == ["torch.ones"]
    assert run("none.py").returncode == 2


@pytest.mark.parametrize(
    "name, kind, decided",
    [
        ("torch.nn.functional.relu", "there", "torch.nn.functional.relu"),
        ("torch.nn.functional.rellu.x", "missing", "torch.nn.functional.rellu"),
        ("torch.distributed.fsdp.FullyShardedDataParallel.state_dict_type", "refused", "torch.distributed.fsdp.FullyShardedDataParallel"),
        ("torch._dynamo.config.anything", "there", "torch._dynamo.config.anything"),
        ("torch.float32.is_floating_point.x", "there", "torch.float32.is_floating_point.x"),
    ],
)
def test_names(name, kind, decided):
    assert names.look_up(name)[:2] == (kind, decided)


def test_relative_imports(tmp_path):
    (tmp_path / "module.py").write_text("from .. import a\nfrom ..b import c\nfrom .d import *\nimport e.f\n")
    found = sources.read(str(tmp_path / "module.py"), "top.inner.module")
    assert found.imports == ["top", "top.a", "top.b", "top.b.c", "top.inner.d", "top.inner.d.*", "e.f"]
