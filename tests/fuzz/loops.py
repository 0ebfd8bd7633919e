"""Random training loops as people write them, run as they are and with their steps compiled without being asked.

What they print must be the same. Names are used before, within and behind the steps in all the ways that a rewriting of the loop could
get wrong: carried from turn to turn, bound under conditions, seen by other functions, left by break and continue, lost by errors.
"""

from __future__ import annotations

import math
import random
import textwrap

from fast.running import run

from fuzz import programs
from pedigrad.fast import report

KNOWN: dict[str, str] = {}
HEAD = """
import torch
from torch import nn
import torch.nn.functional as F
torch.set_default_dtype(torch.float64)
torch.manual_seed({seed})
x, y = torch.randn(24, 4), torch.randint(0, 3, (24,))
model = nn.Sequential(nn.Linear(4, 6), {layers}, nn.Linear(6, 3))
optimizer = {optimizer}
k, scale, kept, total, loss, out = 0, 1.0, [], 0.0, None, None
h = torch.zeros(4, 4)
w = torch.ones(3, requires_grad=True)
"""
OPTIMIZERS = (
    "torch.optim.SGD(model.parameters(), lr=0.05)",
    "torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)",
    "torch.optim.Adam(model.parameters(), lr=0.01)",
    "torch.optim.AdamW([*model.parameters(), w], lr=0.01)",
)
LAYERS = ("nn.Tanh()", "nn.ReLU()", "nn.Dropout(0.3)", "nn.BatchNorm1d(6), nn.Tanh()", "nn.LayerNorm(6)")
BATCHES = (
    "batch, target = x[:4], y[:4]",
    "batch, target = x[4 * (i % 6) : 4 * (i % 6) + 4], y[4 * (i % 6) : 4 * (i % 6) + 4]",
    "index = torch.randint(0, 24, (4,))\nbatch, target = x[index], y[index]",
    "batch, target = x[i % 3 :: 3], y[i % 3 :: 3]",
    "batch, target = x.split(4)[i % 6], y.split(4)[i % 6]",
    "batch, target = x, y",
)
BEFORE = (
    "k += 1",
    "scale = 1.0 + i % 2",
    "scale = scale * 0.5",
    "model.train()",
    "h = h.detach() + 0.1",
    "noise = torch.randn(3)",
    "last = loss",
    "if i % 3 == 1:\n    extra = 0.5\nelse:\n    extra = 0.0",
    "if i == 5:\n    continue",
    "previous = [p.clone() for p in model.parameters()]",
    "if k > 1:\n    scale = 0.25",
    "with torch.no_grad():\n    offset = model(x).mean()",
    "def inner():\n    return scale * 2",
    "optimizer.zero_grad()",
)
FORWARD = (
    "out = model(batch)\nloss = F.cross_entropy(out, target)",
    "loss = F.cross_entropy(model(batch) * scale, target)",
    "out = model(batch + h[:1])\nloss = (out - w).pow(2).mean()",
    "loss = loss_of(batch, target)",
    "out = model(batch)\nloss = out.logsumexp(1).mean() - out[:, 0].mean()\nout = out.detach()",
    "loss = sum(F.cross_entropy(model(b[None]), t[None]) for b, t in zip(batch[:2], target[:2]))",
    "parts = [model(batch), torch.randn(3)]\nloss = (parts[0] * parts[1]).mean()",
    "out = model(batch)\nif out.shape[0] > 4:\n    out = out[:4]\nloss = out.pow(2).sum() * scale",
)
BACKWARD = (
    "loss.backward()",
    "(loss * 2).backward()",
    "(loss + w.pow(2).sum()).backward()",
    "loss.backward(retain_graph=True)\nloss.backward()",
)
BETWEEN = (
    "nn.utils.clip_grad_norm_(model.parameters(), 0.5)",
    "total += loss.item()",
    "norm = model[0].weight.grad.norm()",
    "k = k + 1",
    *(
        "for p in model.parameters():\n    p.grad.mul_(0.5)",
        "kept.append(loss.detach())",
        "loss = loss.detach()",
        "assert loss is not None",
    ),
)
STEP = (
    "optimizer.step()",
    "optimizer.step()\noptimizer.zero_grad()",
    "if i % 2:\n    optimizer.step()\n    optimizer.zero_grad()",
    "with torch.no_grad():\n    for p in model.parameters():\n        p -= 0.01 * p.grad\noptimizer.zero_grad()",
    "optimizer.step()\nif k > 7:\n    break",
)
AFTER = (
    "print(i, loss.item())",
    "total += float(loss)",
    "kept.append(loss.item())",
    "print(loss.grad_fn is not None, loss.requires_grad)",
    "k += 1",
    "print(model[0].weight.sum().item(), k, scale)",
    "out = None",
    "del loss\nloss = None",
    "print(None if out is None else out.sum().item())",
)
END = "print(k, scale, total, len(kept), [p.abs().sum().item() for p in model.parameters()], w.sum().item(), torch.rand(1).item())"
SHAPES = ("module", "function", "closure", "method", "steps")
NAMES = "k, scale, kept, total, loss, out, h, w"


def generate(seed: int, avoid: frozenset[str] = frozenset()) -> programs.Program:
    """The program of a seed."""
    r = programs.source(seed, "loops")
    head = HEAD.format(seed=seed % 1000, layers=r.choice(LAYERS), optimizer=r.choice(OPTIMIZERS)).strip()
    return programs.Program(
        (*head.splitlines(), "def loss_of(batch, target):\n    return F.cross_entropy(model(batch) * scale, target)", loop(r), END)
    )


def loop(r: random.Random) -> str:
    """A loop of some turns, at the top or in a function."""
    before = [r.choice(BATCHES), *some(r, BEFORE, 3)]
    r.shuffle(before)
    zero = ["optimizer.zero_grad()"] if r.random() < 0.8 else []
    core = (
        [*zero, r.choice(FORWARD), *some(r, BETWEEN, 1), r.choice(BACKWARD)]
        if r.random() < 0.5
        else [r.choice(FORWARD), *zero, r.choice(BACKWARD)]
    )
    step = [*some(r, BETWEEN, 1), r.choice(STEP)]
    after = some(r, AFTER, 3)
    shape = r.choice(SHAPES)
    if shape == "steps" and not any("continue" in s or "break" in s for s in (*before, *step)):
        body = "\n".join([f"global {NAMES}", *before, *core, *step])
        return f"def step(i):\n{indented(body)}\nfor i in range(10):\n    step(i)\n{indented(lines(after))}"
    if r.random() < 0.2:
        core = ["try:\n" + indented(lines(core)) + "\nexcept ValueError:\n    print('never')"]
    turn = f"for i in range(10):\n{indented(lines([*before, *core, *step, *after]))}"
    if shape == "closure":
        turn = f"def show():\n    return None if loss is None else loss.item()\n{turn}\nprint(show())"
    if shape == "method":
        return f"class Trainer:\n    def train(self):\n        global {NAMES}\n{indented(turn, 2)}\nTrainer().train()"
    if shape in ("function", "closure"):
        given = "k=0, scale=1.0, kept=kept, total=0.0, loss=None, out=None, h=h"
        return f"def train({given}):\n{indented(turn)}\n    {END}\ntrain()"
    return turn


def some(r: random.Random, things: tuple[str, ...], most: int) -> list[str]:
    """A few of them."""
    return r.sample(things, r.randint(0, most))


def lines(parts: list[str]) -> str:
    return "\n".join(parts) or "pass"


def indented(text: str, by: int = 1) -> str:
    return textwrap.indent(text, "    " * by)


class Tally:
    """How much of what was compared ran compiled."""

    def __init__(self) -> None:
        self.programs = self.compiled = 0

    def add(self, other: Tally) -> None:
        self.programs += other.programs
        self.compiled += other.compiled

    def __str__(self) -> str:
        return f"{self.programs} programs, steps of {self.compiled} ran compiled"


tally = Tally()


def outcome(program: programs.Program, fast: bool) -> list[str]:
    """What a program prints, word by word, an error at its end."""
    source = "\n".join(program.statements)
    try:
        text, _, windows = run(source, fast)
    except Exception as error:
        return [f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"]
    if fast:
        tally.programs += 1
        tally.compiled += any(report.ran(part) for window in windows for part in window.parts.values())
    for mark in "()[],":
        text = text.replace(mark, " ")
    return text.split()


def compare(program: programs.Program) -> str | None:
    """How what it prints with compiled steps differs from what it prints as it is."""
    usual, fast = outcome(program, False), outcome(program, True)
    if len(usual) != len(fast):
        return f"prints: {' '.join(fast)[-80:]}, right is {' '.join(usual)[-80:]}"
    for number, (right, found) in enumerate(zip(usual, fast, strict=True)):
        if right != found and not near(right, found):
            return f"prints: word {number} is {found}, right is {right}"
    return None


def near(one: str, other: str) -> bool:
    """Whether two words are numbers that differ by rounding."""
    try:
        return math.isclose(float(one), float(other), rel_tol=1e-6, abs_tol=1e-9)
    except ValueError:
        return False
