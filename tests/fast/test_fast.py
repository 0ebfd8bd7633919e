"""`pedigrad run --fast`: programs do what they do as usual, their steps compiled."""

import subprocess
import sys
import textwrap

import pytest

from fast.running import run
from pedigrad.fast import importing, part, report

BEGIN = """
import torch
from torch import nn
import torch.nn.functional as F
torch.manual_seed(3)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 3))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
x, y = torch.randn(32, 4), torch.randint(0, 3, (32,))
"""
LOOPS = {
    "at the top": """
for i in range(12):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    print(i, loss)
""",
    "in a function": """
def train(epochs):
    for i in range(epochs):
        for start in range(0, 32, 8):
            batch = x[start : start + 8]
            out = model(batch)
            loss = F.cross_entropy(out, y[start : start + 8])
            optimizer.zero_grad(); loss.backward(); optimizer.step()
            print(i, loss.item(), out.argmax(1))
train(4)
""",
    "accumulated": """
for i in range(24):
    loss = F.cross_entropy(model(x), y) / 3
    loss.backward()
    if i % 3 == 2:
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
        optimizer.zero_grad()
    print(loss.item())
""",
    "in a class": """
class Trainer:
    def __init__(self, model):
        self.model, self.steps, self.__hidden = model, 0, 1
    def step(self, x, y):
        self.model.train()
        loss = F.cross_entropy(self.model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        self.steps += self.__hidden
        return loss.item()
trainer = Trainer(model)
for i in range(12):
    print(trainer.step(x, y), trainer.steps)
""",
    "a last batch that is smaller": """
for epoch in range(6):
    for batch, target in zip(x.split(12), y.split(12)):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(batch), target)
        loss.backward()
        optimizer.step()
        print(loss.item(), len(batch))
""",
    "parameters in variables": """
def fit(steps):
    w = torch.zeros(4, 3, requires_grad=True)
    for i in range(steps):
        w.grad = None
        loss = F.cross_entropy(x @ w, y)
        loss.backward()
        with torch.no_grad():
            w -= 0.1 * w.grad
        print(loss.item(), w.abs().sum().item())
fit(12)
""",
    "noise and a schedule": """
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 5, 0.5)
for i in range(14):
    optimizer.zero_grad()
    noisy = x + 0.1 * torch.randn(32, 4)
    loss = F.cross_entropy(model(noisy), y)
    loss.backward()
    optimizer.step()
    scheduler.step()
    print(loss.item(), scheduler.get_last_lr(), noisy.mean().item())
""",
}


def numbers(text):
    """A text's words, numbers as such."""
    found = []
    for word in text.replace("(", " ").replace(")", " ").replace("[", " ").replace("]", " ").replace(",", " ").split():
        try:
            found.append(float(word))
        except ValueError:
            found.append(word)
    return found


@pytest.mark.parametrize("loop", LOOPS.values(), ids=LOOPS)
def test_a_program_prints_what_it_prints_as_usual_and_its_steps_run_compiled(loop):
    usual, _, _ = run(BEGIN + loop, fast=False)
    printed, _, windows = run(BEGIN + loop, fast=True)
    assert numbers(printed) == [pytest.approx(each, rel=2e-4, abs=1e-5) if isinstance(each, float) else each for each in numbers(usual)]
    assert windows
    assert any(report.ran(each) for window in windows for each in window.parts.values())


def test_random_numbers_of_compiled_steps_are_the_usual_ones():
    loop = "for i in range(9):\n    loss = (torch.rand(5) * w + torch.randn(5)).sum()\n    loss.backward()\n    print(loss.item())\n"
    loop += "print(torch.rand(1))\n"
    source = f"import torch\ntorch.manual_seed(0)\nw = torch.ones(5, requires_grad=True)\n{loop}"
    assert numbers(run(source, fast=True)[0]) == pytest.approx(numbers(run(source, fast=False)[0]), abs=1e-5)


def test_first_lines_that_cannot_be_compiled_run_as_usual():
    loop = "for i in range(12):\n    k = torch.tensor([j for j in x[:, 0].tolist()])\n    chosen = x * k.view(-1, 1)\n"
    loop += "    loss = F.cross_entropy(model(chosen), y)\n    loss.backward()\n    optimizer.step()\n"
    _, _, (window,) = run(BEGIN + loop, fast=True)
    assert window.start == 0 and len(window.parts[0].function.__code__.co_varnames[:1]) == 1  # what follows tolist()


def test_an_argument_that_is_another_in_each_call_makes_the_window_begin_later():
    loop = (
        "for i in range(12):\n    batch = x * i\n    loss = F.cross_entropy(model(batch), y)\n    loss.backward()\n    optimizer.step()\n"
    )
    _, _, (window,) = run(BEGIN + loop, fast=True)
    assert window.start == 1 and "i is another in each call" in window.reasons[0]
    assert report.ran(window.parts[1])


def test_errors_are_the_users_and_name_the_line():
    loop = "def step(x):\n    loss = model(x).sum()\n    loss.backward()\nfor i in range(8):\n    step(x)\nstep(torch.ones(2, 7))\n"
    with pytest.raises(RuntimeError) as usual:
        run(BEGIN + loop, fast=False)
    with pytest.raises(RuntimeError) as caught:
        run(BEGIN + loop, fast=True)
    assert str(caught.value) == str(usual.value)


def test_histories_show_as_usual():
    loop = "for i in range(8):\n    loss = model(x).sum()\n    loss.backward()\nprint(loss.grad_fn.name(), loss.grad_fn.origin)\n"
    assert run(BEGIN + loop, fast=True)[0] == run(BEGIN + loop, fast=False)[0]


def test_a_program_that_is_slower_than_usual_is_not_used(monkeypatch):
    window = part.Window("f", 1, 2, {0: ("x",)}, "f.py")
    made = window.part(0)(lambda x: x)
    made.usual, made.fast = [1.0], [2.0] * part.RUNS
    made.judge()
    assert window.start == 0 and made.call == made.as_usual  # it is measured once more
    made.usual, made.fast = [1.0], [2.0] * part.RUNS
    made.judge()
    assert window.start == part.ASIDE and "as usual 1e+03 ms" in window.reasons[0]


def test_the_users_modules_are_rewritten_and_installed_ones_are_not(tmp_path):
    assert importing.is_own(str(tmp_path / "trainer.py"))
    assert not importing.is_own(str(tmp_path / "site-packages" / "trainer.py"))
    assert not importing.is_own(importing.__file__)
    assert not importing.is_own(textwrap.__file__)


AT_ANY_SPEED = "from pedigrad.fast import part\npart.SLOWER = float('inf')\n"  # machines on which tests run have other things to do


def program(folder, *options):
    (folder / "steps.py").write_text(
        "def step(model, optimizer, x):\n    optimizer.zero_grad()\n    loss = model(x).pow(2).mean()\n    loss.backward()\n"
        "    optimizer.step()\n    return loss\n"
    )
    (folder / "main.py").write_text(
        f"{AT_ANY_SPEED}import sys, torch\nfrom steps import step\ntorch.manual_seed(0)\nmodel = torch.nn.Linear(64, 64)\n"
        "optimizer = torch.optim.SGD(model.parameters(), lr=0.1)\n"
        "for i in range(200):\n    loss = step(model, optimizer, torch.ones(64, 64))\n"
        "print(f'{loss.item():.5f}', sys.argv[1:], __name__)\n"
    )
    command = [sys.executable, "-m", "pedigrad", "run", *options, "main.py", "--epochs", "3"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)


def test_run_fast_compiles_what_a_module_of_the_program_does_and_reports_it(tmp_path):
    usual, fast = program(tmp_path), program(tmp_path, "--fast", "--report")
    assert fast.stdout == usual.stdout
    assert "1 of 1 training steps are compiled" in fast.stderr
    assert "steps.py:2-5 in step: 1 programs" in fast.stderr


def test_auto_compiles_functions_of_the_module_that_calls_it(tmp_path):
    (tmp_path / "main.py").write_text(
        f"{AT_ANY_SPEED}import torch\nmodel = torch.nn.Linear(64, 64)\noptimizer = torch.optim.SGD(model.parameters(), lr=0.1)\n"
        "class Trainer:\n    def step(self, x):\n        optimizer.zero_grad()\n        loss = model(x).pow(2).mean()\n"
        "        loss.backward()\n"
        "        optimizer.step()\n        return loss.item()\n"
        "torch.compiler.auto()\nfor i in range(200):\n    last = Trainer().step(torch.ones(64, 64))\n"
        "from pedigrad.fast import report\nprint(report.text())\ntorch.compiler.auto(False)\n"
        "Trainer().step(torch.ones(64, 64))\nprint(report.text())\n"
    )
    command = [sys.executable, "-m", "pedigrad", "run", "main.py"]
    printed = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert "1 of 1 training steps are compiled" in printed
    assert "main.py:8-11 in Trainer.step: 1 programs" in printed
    assert "runs as usual" in printed.rpartition("compile without asking")[2]


def test_a_traceback_is_that_of_the_program_as_it_is_written(tmp_path):
    source = (
        f"{AT_ANY_SPEED}import torch\nmodel = torch.nn.Linear(8, 8)\n\ndef step(x):\n    loss = model(x).sum()\n    loss.backward()\n"
        "\nfor i in range(99):\n    step(torch.ones(2, 8))\nstep(torch.ones(2, 7))\n"
    )
    (tmp_path / "main.py").write_text(source)
    usual, fast = (
        subprocess.run([sys.executable, "-m", "pedigrad", "run", *options, "main.py"], cwd=tmp_path, capture_output=True, text=True).stderr
        for options in ([], ["--fast"])
    )
    assert "mat1 and mat2" in usual
    assert [line for line in fast.splitlines() if "^" not in line] == [line for line in usual.splitlines() if "^" not in line]
