"""The programs that pedigrad exists for, each run as a user would run it: in a process of its own."""

import os
import pathlib
import re
import subprocess
import sys
from itertools import pairwise

import pytest

ROOT = pathlib.Path(__file__).parents[1]
FOUNDING = ROOT / "examples" / "founding.py"


def python(*args, cwd, status=0):
    """What a Python process says: standard output, or standard error where it has to fail."""
    done = subprocess.run([sys.executable, *map(str, args)], cwd=cwd, capture_output=True, text=True, encoding="utf-8", timeout=600)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stderr if status else done.stdout


def script(folder, text):
    path = folder / "program.py"
    path.write_text(text)
    return path


def losses(out):
    return [float(line.rpartition("loss ")[2]) for line in out.splitlines() if line.startswith("epoch")]


def gradient(out, when):
    """The number in `before zero grad :  tensor([[-166.2]])`."""
    return re.search(rf"{when} zero grad :\s+tensor\(\[\[(.+?)\.?\]\]", out).group(1)


def test_the_founding_program_learns(tmp_path):
    out = python("-m", "pedigrad", "run", FOUNDING, cwd=tmp_path)
    assert "After zero grad :  tensor([[0.]])" in out
    assert gradient(out, "before") != "0"
    found = losses(out)
    assert len(found) == 50
    assert all(later <= earlier for earlier, later in pairwise(found))
    assert found[-1] < 1e-3 < found[0]


def test_without_zero_grad_gradients_accumulate(tmp_path):
    careless = script(tmp_path, FOUNDING.read_text().replace("optimizer.zero_grad()", "pass"))
    out = python("-m", "pedigrad", "run", careless, cwd=tmp_path)
    assert gradient(out, "After") == gradient(out, "before")
    found = losses(out)
    assert any(later > earlier for earlier, later in pairwise(found))


def test_a_second_backward_adds_to_the_first():
    import pedigrad as torch

    model = torch.nn.Linear(1, 1, bias=False)
    x = torch.arange(11.0).reshape(-1, 1)
    grads = []
    for _ in range(2):
        torch.nn.functional.mse_loss(model(x), 2 * x).backward()
        grads.append(model.weight.grad.item())
    assert grads[1] == 2 * grads[0] != 0


def test_digits_are_classified(tmp_path):
    pytest.importorskip("sklearn")
    out = python("-m", "pedigrad", "run", ROOT / "examples" / "digits.py", cwd=tmp_path)
    assert float(out.split()[-1]) >= 0.9


def test_the_demo_tells_of_ancestors_and_learns(tmp_path):
    pytest.importorskip("sklearn")
    pytest.importorskip("matplotlib")
    out = python("-m", "pedigrad", "demo", "--epochs", 15, "--plot", "curve.png", cwd=tmp_path)
    assert re.search(r"← .*weight \(1, 1\)", out)
    assert re.search(r"mse_loss \(\) .*demo\.py:\d+  loss = criterion", out)
    assert "after zero_grad:  tensor([[0.]])" in out
    assert float(re.search(r"test accuracy ([\d.]+)%", out).group(1)) >= 96
    assert (tmp_path / "curve.png").read_bytes()[:4] == b"\x89PNG"


def test_submodules_stand_in_too(tmp_path):
    text = """
import sys, torch, torch.nn.functional as F
from torch.optim import SGD
from torch import nn, Tensor
import pedigrad
assert torch is pedigrad and F is pedigrad.nn.functional and SGD is pedigrad.optim.SGD and sys.argv[1:] == ["--lr", "1"]
print(__name__)
"""
    assert python("-m", "pedigrad", "run", script(tmp_path, text), "--lr", 1, cwd=tmp_path) == "__main__\n"


def test_a_module_can_be_run(tmp_path):
    script(tmp_path, "import torch; print(torch.ones(2))")
    assert python("-m", "pedigrad", "run", "-m", "program", cwd=tmp_path) == "tensor([1., 1.])\n"


def test_the_real_torch_is_not_replaced(tmp_path):
    text = """
import sys, types, pedigrad.alias
sys.modules["torch"] = types.ModuleType("torch")
try:
    pedigrad.alias.install_as_torch()
except RuntimeError as error:
    print(error)
"""
    assert "the real torch is imported already" in python(script(tmp_path, text), cwd=tmp_path)


@pytest.mark.parametrize(
    "line, nearest",
    [
        ("torch.nn.Linaer(1, 1)", "torch.nn.Linear"),
        ("from torch.nn import Linaer", "torch.nn.Linear"),
        ("torch.arrange(3)", "torch.arange"),
        ("import torch.nn.functionals", "torch.nn.functional"),
    ],
)
def test_a_missing_name_is_told_with_the_nearest(tmp_path, line, nearest):
    said = python("-m", "pedigrad", "run", script(tmp_path, f"import torch, torch.nn\n{line}\n"), cwd=tmp_path, status=1)
    assert re.search(rf"the nearest it has is {re.escape(nearest)}\b", said), said
    assert line in said


def test_import_is_cheap(tmp_path):
    text = "import sys, pedigrad; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    loaded = set(python("-c", text, cwd=tmp_path).split())
    assert "numpy" in loaded
    assert not loaded & {"llvmlite", "scipy", "ml_dtypes", "torch", "matplotlib", "sklearn"}


def with_a_torch(folder):
    """An environment in which `import torch` gives an empty module."""
    (folder / "stand_in").mkdir()
    (folder / "stand_in" / "torch.py").write_text("")
    return {**os.environ, "PYTHONPATH": str(folder / "stand_in")}


@pytest.mark.parametrize("options", [(), ("--check",), ("--profile", "profile.html")])
def test_an_error_of_a_program_is_shown_as_python_shows_it(tmp_path, options):
    path = script(tmp_path, "import torch\n\n\ndef f():\n    raise ValueError('no')\n\n\nf()\n")
    plain = subprocess.run([sys.executable, path], capture_output=True, text=True, cwd=tmp_path, env=with_a_torch(tmp_path))
    command = [sys.executable, "-m", "pedigrad", "run", *options, path]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == plain.returncode == 1
    assert plain.stderr.startswith("Traceback") and done.stderr.endswith(plain.stderr)
    assert "runpy" not in done.stderr and "cli.py" not in done.stderr


def test_a_mistake_in_a_programs_text_is_shown_as_python_shows_it(tmp_path):
    path = script(tmp_path, "x = (\n")
    plain = subprocess.run([sys.executable, path], capture_output=True, text=True, cwd=tmp_path)
    done = subprocess.run([sys.executable, "-m", "pedigrad", "run", path], capture_output=True, text=True, cwd=tmp_path)
    assert done.stderr == plain.stderr and done.returncode == 1


def test_a_programs_own_hook_shows_its_errors(tmp_path):
    path = script(
        tmp_path, "import sys\nsys.excepthook = lambda kind, error, trace: print(kind.__name__, trace.tb_lineno)\nraise KeyError(1)\n"
    )
    done = subprocess.run([sys.executable, "-m", "pedigrad", "run", path], capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout == "KeyError 3\n" and done.returncode == 1
