"""CONTRIBUTING.md: what its diffs add works, and each of them touches one place."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

import pedigrad

ROOT = pathlib.Path(__file__).parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
DIFFS = {
    title: diff
    for title, section in re.findall(r"^### (.*?)\n(.*?)(?=^##)", TEXT, re.MULTILINE | re.DOTALL)
    for diff in re.findall(r"```diff\n(.*?)```", section, re.DOTALL)
}


def parts_of(diff):
    """For each file of a unified diff its name and hunks: what stood there, and what stands there after it."""
    for part in re.split(r"^--- ", diff, flags=re.MULTILINE)[1:]:
        _, name, *lines = part.splitlines()
        hunks = []
        for line in lines:
            if line.startswith("@@"):
                hunks.append(([], []))
            else:
                for kept, side in zip(("-", "+"), hunks[-1], strict=True):
                    if line[:1] in (" ", "", kept):
                        side.append(line[1:])
        yield name.removeprefix("+++ b/"), [("".join(f"{x}\n" for x in old), "".join(f"{x}\n" for x in new)) for old, new in hunks]


def apply(diff, root):
    """Change the files under `root`; AssertionError for a hunk that does not fit in exactly one place."""
    for name, hunks in parts_of(diff):
        path = root / name
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        for old, new in hunks:
            assert text.count(old) == 1 or not (text or old), f"{name} has this {text.count(old)} times:\n{old}"
            text = text.replace(old, new, 1) if old else new
        path.write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def changed(tmp_path_factory):
    """The folder of sources to which all diffs were applied."""
    root = tmp_path_factory.mktemp("changed")
    package = pathlib.Path(pedigrad.__file__).parent
    shutil.copytree(package, root / "src" / "pedigrad", ignore=shutil.ignore_patterns("__pycache__", "*.pyi"))
    for diff in DIFFS.values():
        apply(diff, root)
    return root / "src"


OPERATION = """
import torch
x = torch.tensor([-2.0, 0.3, 1.0], dtype=torch.float64, requires_grad=True)
assert torch.autograd.gradcheck(torch.gudermann, x) and torch.autograd.gradgradcheck(torch.gudermann, x)
assert torch.equal(x.detach().clone().gudermann_(), x.gudermann())
assert torch.allclose(torch.tan(torch.gudermann(x)), torch.sinh(x))
function = torch.compile(lambda x: torch.gudermann(x).sum())
for _ in range(4):
    x.grad = None
    y = function(x)
    y.backward()
    assert torch.allclose(y, torch.gudermann(x).sum()) and torch.allclose(x.grad, 1 / torch.cosh(x))
program = function.explain().variants[0].forward
assert program.of("kernel") and not program.of("call"), function.explain()
"""

OPTIMIZER = """
import torch

def trained(compiled):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))
    optimizer, x = torch.optim.Signum(model.parameters(), lr=0.01), torch.randn(8, 3)

    def step(x):
        optimizer.zero_grad()
        loss = (model(x) ** 2).mean()
        loss.backward()
        optimizer.step()
        return loss

    run = torch.compile(step) if compiled else step
    losses = [run(x).item() for _ in range(8)]
    if compiled:
        program = run.explain().variants[0].forward
        assert program.of("kernel") and not program.of("call"), run.explain()
    assert len(optimizer.state) == 4 and all(set(s) == {"step", "momentum"} for s in optimizer.state.values())
    return losses, [p.detach() for p in model.parameters()]

(losses, plain), (again, compiled) = trained(False), trained(True)
assert losses[-1] < losses[0] and max(abs(a - b) for a, b in zip(losses, again)) < 1e-5
assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(plain, compiled))
"""

INSTRUCTION = """
import numpy as np
from pedigrad.codegen.frontend import rules
from pedigrad.codegen.frontend.trace import Trace
from pedigrad.codegen.ir.interpreter import interpreted
from pedigrad.codegen.runtime.executable import Executable

for dtype in (np.float32, np.float64):
    array, trace = np.array([-90, 0, 45, 180], dtype), Trace()
    x = trace.input(array)
    program = trace.program
    program.outputs = [np.deg2rad(x).value, np.radians(x).value]
    assert [each.operation for each in program.instructions] == ["deg2rad", "deg2rad"]
    compiled = Executable(program, {})
    assert compiled.functions == {("deg2rad", "f32" if dtype is np.float32 else "f64")}
    known = interpreted(program, {x.value: array})
    for value, result in zip(program.outputs, compiled.run([array])):
        assert np.array_equal(known[value], np.deg2rad(array)) and result.dtype == dtype
        assert np.allclose(result, np.deg2rad(array), rtol=1e-6 if dtype is np.float32 else 1e-15)
"""

PASS = """
import numpy as np
from pedigrad.codegen.ir.interpreter import interpreted
from pedigrad.codegen.ir.program import Program, verify
from pedigrad.codegen.passes import simplified

p = Program()
x = p.input((3,), np.float32)
once = p.emit("neg", (x,), (3,), np.float32)
twice = p.emit("neg", (once,), (3,), np.float32)
p.outputs = [p.emit("exp", (twice,), (3,), np.float32), p.emit("neg", (twice,), (3,), np.float32)]
after = simplified(p)
verify(after)
assert [each.operation for each in after.instructions] == ["neg", "exp"]
given = {x: np.array([1, -2, 3], np.float32)}
before, found = interpreted(p, given), interpreted(after, given)
assert all(np.array_equal(before[a], found[b]) for a, b in zip(p.outputs, after.outputs))
"""

SHOWN = {"An operation": OPERATION, "An optimizer": OPTIMIZER, "An instruction of compiled programs": INSTRUCTION, "A pass": PASS}


def run(program, source):
    """Run a program in which the package under `source` is both pedigrad and torch."""
    begin = "import sys, pedigrad; pedigrad.install_as_torch()\n"
    environment = {**os.environ, "PYTHONPATH": str(source), "PYTHONDONTWRITEBYTECODE": ""}
    return subprocess.run([sys.executable, "-c", begin + program], env=environment, cwd=source, capture_output=True, text=True)


def test_the_diffs_are_those_that_are_shown_to_work():
    assert set(DIFFS) == set(SHOWN)


@pytest.mark.parametrize("title", SHOWN)
def test_what_a_diff_adds_works(changed, title):
    done = run(SHOWN[title], changed)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("title", SHOWN)
def test_without_its_diff_it_does_not_work(title):
    assert run(SHOWN[title], pathlib.Path(pedigrad.__file__).parents[1]).returncode != 0


@pytest.mark.parametrize("title", DIFFS)
def test_a_diff_touches_one_place(title):
    names = [name for name, _ in parts_of(DIFFS[title])]
    assert len(names) == 1
    added = [line for line in DIFFS[title].splitlines() if line.startswith("+") and line[1:].strip() and not line.startswith("+++")]
    assert len(added) <= 15
