"""Each check finds its mistake, planted in a small program, in the right line, and is silent once the mistake is mended.

A line that ends in `# <-` is the one that the finding has to name. What mends the program are pairs of texts.
"""

import contextlib
import pathlib
import textwrap

import pytest
from watched_programs import examine, names

import pedigrad
from pedigrad.doctor import checks  # noqa: F401
from pedigrad.doctor.findings import CHECKS, EVENTS, Check

DATA = """
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
X = torch.randn(128, 6)
Y = (X[:, :1] - X[:, 1:2] + 0.1 * torch.randn(128, 1))
labels = (X[:, 0] > 0).long()
"""

REGRESSION = """
model = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
loader = DataLoader(TensorDataset(X, Y), batch_size=16, shuffle=True)
for epoch in range(3):
    for x, y in loader:
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
"""

CLASSIFIER = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Dropout(0.2))
        self.head = nn.Linear(16, 2)

    def forward(self, x):
        return self.head(self.body(x))


net = Net()
optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
criterion = nn.CrossEntropyLoss()
train = DataLoader(TensorDataset(X, labels), batch_size=16, shuffle=True)
test = DataLoader(TensorDataset(X[:64], labels[:64]), batch_size=16)
for epoch in range(3):
    net.train()
    for x, y in train:
        optimizer.zero_grad()
        loss = criterion(net(x), y)
        loss.backward()
        optimizer.step()
    net.eval()
    right = 0
    with torch.no_grad():
        for x, y in test:
            right += (net(x).argmax(1) == y).sum().item()
"""


def planted(program, *changes):
    """A program with mistakes planted: pairs of what is right and what stands there instead."""
    for right, wrong in changes:
        assert program.count(right) >= 1, right
        program = program.replace(right, wrong)
    return program


def case(base, *changes):
    """The mended program, and the one with the mistake."""
    return base, planted(base, *changes)


SCALED = planted(
    REGRESSION,
    ("loader =", "scaler = torch.amp.GradScaler('cpu')\nloader ="),
    ("        loss.backward()\n", "        scaler.scale(loss).backward()\n        scaler.unscale_(optimizer)\n"),
    (
        "        optimizer.step()\n",
        "        nn.utils.clip_grad_norm_(model.parameters(), 0.1)\n        scaler.step(optimizer)\n        scaler.update()\n",
    ),
)
SCHEDULED = planted(
    REGRESSION,
    ("loader =", "scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.9)\nloader ="),
    ("        optimizer.step()\n", "        optimizer.step()\n    scheduler.step()\n"),
)
BY_HAND = """
w = torch.randn(6, 1, requires_grad=True)
b = torch.zeros(1, requires_grad=True)
for step in range(12):
    batch = torch.randperm(128)[:32]
    loss = ((X[batch] @ w + b - Y[batch]) ** 2).mean()
    loss.backward()
    with torch.no_grad():
        w -= 0.1 * w.grad
        b -= 0.1 * b.grad
    w.grad = None
    b.grad = None
"""
DEEP = """
layers = []
for _ in range(12):
    layers += [nn.Linear(16, 16), nn.Tanh()]
model = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), *layers, nn.Linear(16, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for step in range(8):
    rows = torch.randperm(128)[:32]
    optimizer.zero_grad()
    F.mse_loss(model(X[rows]), Y[rows]).backward()
    optimizer.step()
"""
NORMED = """
model = nn.Sequential(nn.Conv1d(1, 4, 3), nn.BatchNorm1d(4), nn.ReLU(), nn.Flatten(), nn.Linear(16, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for step in range(8):
    rows = torch.randperm(128)[:8]
    optimizer.zero_grad()
    F.mse_loss(model(X[rows].unsqueeze(1)), Y[rows]).backward()
    optimizer.step()
"""
BINARY = planted(REGRESSION, ("F.mse_loss(model(x), y)", "F.binary_cross_entropy(torch.sigmoid(model(x)), (y > 0).float())"))
ENCODER = """
class Both(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Linear(6, 8)
        self.decoder = nn.Linear(8, 1)
        self.scale = nn.Parameter(torch.ones(8))

    def forward(self, x, mask):
        h = torch.relu(self.encoder(x)) * self.scale
        h = h * mask
        return self.decoder(h)


model = Both()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
for step in range(12):
    rows = torch.randperm(128)[:16]
    mask = (torch.rand(16, 8) > 0.1).float()
    optimizer.zero_grad()
    F.mse_loss(model(X[rows], mask), Y[rows]).backward()
    optimizer.step()
"""
LISTED = """
class Deep(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(6, 6) for _ in range(3)])
        self.out = nn.Linear(6, 1)

    def forward(self, x):
        for layer in self.layers:
            x = torch.relu(layer(x)) + x
        return self.out(x)


model = Deep()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
for step in range(8):
    rows = torch.randperm(128)[:16]
    optimizer.zero_grad()
    F.mse_loss(model(X[rows]), Y[rows]).backward()
    optimizer.step()
"""

TOKENS = """
tokens = torch.randint(0, 10, (128, 5))
embedding, head = nn.Embedding(10, 16), nn.Linear(16, 10)
optimizer = torch.optim.Adam([*embedding.parameters(), *head.parameters()], lr=0.01)
for epoch in range(3):
    for rows in torch.randperm(128).split(16):
        scores = head(embedding(tokens[rows]))
        scores = scores.transpose(1, 2)
        loss = F.cross_entropy(scores, (tokens[rows] + 3) % 10)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""


def averaged(write):
    """An average of parameters is kept by `write`, and lies in their own memory."""
    loop = f"        with torch.no_grad():\n            for k, v in net.state_dict().items():\n                ema[k].{write}\n"
    base = planted(
        CLASSIFIER,
        ("optimizer =", "ema = {k: v.clone() for k, v in net.state_dict().items()}\noptimizer ="),
        ("        optimizer.step()\n", "        optimizer.step()\n" + loop),
    )
    return case(base, ("v.clone()", "v"), ("0.1)\n", "0.1)  # <-\n"))


CASES = {
    "gradients-accumulate": [
        case(REGRESSION, ("        optimizer.zero_grad()\n", ""), ("loss.backward()", "loss.backward()  # <-")),
        case(BY_HAND, ("    w.grad = None\n", ""), ("    loss.backward()", "    loss.backward()  # <-")),
    ],
    "zeroed-before-step": [
        case(
            REGRESSION,
            ("        optimizer.zero_grad()\n", ""),
            ("        optimizer.step()", "        optimizer.zero_grad()\n        optimizer.step()  # <-"),
        )
    ],
    "step-without-backward": [case(REGRESSION, ("        loss.backward()\n        optimizer.step()", "        optimizer.step()  # <-"))],
    "step-never-called": [case(REGRESSION, ("        loss.backward()\n        optimizer.step()", "        loss.backward()  # <-"))],
    "backward-without-step": [
        case(
            REGRESSION,
            (
                "        loss.backward()\n        optimizer.step()",
                "        loss.backward()  # <-\n        if epoch == 0:\n            optimizer.step()",
            ),
        )
    ],
    "learning-rate-zero": [
        case(
            REGRESSION,
            ("optimizer = torch.optim.SGD(model.parameters(), lr=0.05)", "optimizer = torch.optim.SGD(model.parameters(), lr=0.0)  # <-"),
        ),
        case(SCHEDULED, ("StepLR(optimizer, 1, gamma=0.9)", "LambdaLR(optimizer, lambda e: e // 4)  # <-")),
    ],
    "scheduler-before-optimizer": [
        case(
            SCHEDULED,
            ("    scheduler.step()\n", ""),
            ("for epoch in range(3):\n", "for epoch in range(3):\n    scheduler.step()  # <-\n"),
        )
    ],
    "scheduler-never-steps": [case(SCHEDULED, ("    scheduler.step()\n", ""), ("gamma=0.9)", "gamma=0.9)  # <-"))],
    "parameter-replaced": [
        case(
            CLASSIFIER,
            ("criterion = nn.CrossEntropyLoss()\n", "criterion = nn.CrossEntropyLoss()\nnet.head = nn.Linear(16, 2)  # <-\n"),
        )
    ],
    "not-optimized": [
        case(
            CLASSIFIER,
            (
                "optimizer = torch.optim.Adam(net.parameters(), lr=0.01)",
                "optimizer = torch.optim.Adam(net.head.parameters(), lr=0.01)  # <-",
            ),
        )
    ],
    "no-gradient": [
        case(ENCODER, ("h = h * mask", "h = h.detach() * mask  # <-")),
        case(ENCODER, (" * self.scale", ""), ("nn.Parameter(torch.ones(8))", "nn.Parameter(torch.ones(8))  # <-")),
        case(
            ENCODER,
            (
                "        h = torch.relu(self.encoder(x)) * self.scale\n",
                "        h = torch.tensor((torch.relu(self.encoder(x)) * self.scale).detach().numpy())  # <-\n",
            ),
        ),
    ],
    "gradient-zero": [
        case(
            LISTED,
            ("        return self.out(x)", "        return self.out(torch.relu(-x.abs()) * x)"),
            ("self.layers = nn", "self.layers = nn"),
        ),
        case(ENCODER, ("> 0.1).float()", "> 2).float()"), ("h = h * mask", "h = h * mask  # <-")),
    ],
    "gradients-explode": [
        case(
            DEEP,
            ("model = nn.Seq", "for p in layers[::2]:\n    nn.init.normal_(p.weight)\nmodel = nn.Seq"),
            ("nn.Tanh()", "nn.Identity()"),
            ("    optimizer.step()", "    optimizer.step()  # <-"),
            ("lr=0.01", "lr=1e-20"),
        )
    ],
    "gradients-vanish": [case(DEEP, ("nn.Tanh()]", "nn.Sigmoid()]  # <-"))],
    "loss-not-finite": [case(REGRESSION, ("F.mse_loss(model(x), y)", "torch.log(model(x) - y).mean()  # <-"))],
    "gradient-not-finite": [
        case(REGRESSION, ("F.mse_loss(model(x), y)", "(model(x) - y).pow(2).mean() + torch.sqrt(0 * model(x)).sum()  # <-")),
        case(SCALED, ("F.mse_loss(model(x), y)", "(model(x) - y).pow(2).mean() + torch.sqrt(0 * model(x)).sum()  # <-")),
        case(
            SCALED,
            ("F.mse_loss(model(x), y)", "F.mse_loss(model(x), y) + torch.sqrt(0 * model(x)).sum()  # <-"),
            ("scaler.step(optimizer)", "optimizer.step()"),
        ),
    ],
    "loss-broadcasts": [
        case(REGRESSION, ("F.mse_loss(model(x), y)", "F.mse_loss(model(x), y.squeeze(1))  # <-")),
        case(REGRESSION, ("F.mse_loss(model(x), y)", "((model(x) - y.squeeze(1)) ** 2).mean()  # <-")),
        case(
            REGRESSION,
            ("loss = F.mse_loss(model(x), y)", "out = model(x)\n        loss = F.mse_loss(out, y)"),
            ("optimizer.step()\n", "optimizer.step()\n        right = ((out > 0).float() == (y.squeeze(1) > 0)).sum()  # <-\n"),
        ),
    ],
    "softmax-twice": [
        case(
            CLASSIFIER,
            ("return self.head(self.body(x))", "return F.softmax(self.head(self.body(x)), dim=1)"),
            ("loss = criterion(net(x), y)", "loss = criterion(net(x), y)  # <-"),
        ),
        case(
            CLASSIFIER,
            ("return self.head(self.body(x))", "return F.log_softmax(self.head(self.body(x)), dim=-1)"),
            ("loss = criterion(net(x), y)", "loss = criterion(net(x), y)  # <-"),
        ),
        case(
            BINARY,
            ("F.binary_cross_entropy(torch", "F.binary_cross_entropy_with_logits(torch"),
            ("(y > 0).float())", "(y > 0).float())  # <-"),
        ),
    ],
    "not-log-probabilities": [
        case(CLASSIFIER, ("nn.CrossEntropyLoss()", "nn.NLLLoss()"), ("loss = criterion(net(x), y)", "loss = criterion(net(x), y)  # <-"))
    ],
    "reshape-for-transpose": [
        case(TOKENS, ("scores.transpose(1, 2)", "scores.view(len(rows), 10, 5)  # <-")),
        case(
            planted(TOKENS, ("F.cross_entropy(scores,", "F.nll_loss(scores.log_softmax(1),")),
            ("scores.transpose(1, 2)", "scores.reshape(len(rows), 10, 5)  # <-"),
        ),
    ],
    "target-range": [
        case(CLASSIFIER, ("loss = criterion(net(x), y)", "loss = criterion(F.one_hot(y, 2).float(), net(x))  # <-")),
        case(
            planted(BINARY, ("F.binary_cross_entropy(torch.sigmoid(model(x)),", "F.binary_cross_entropy_with_logits(model(x),")),
            ("(y > 0).float())", "y.sign())  # <-"),
        ),
    ],
    "linear-after-linear": [
        case(
            planted(REGRESSION, ("nn.Tanh(), ", "nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), ")),
            ("nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), ", "nn.Linear(16, 16), nn.Tanh(), "),
        ),
        case(
            CLASSIFIER,
            ("nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Dropout(0.2))", "nn.Linear(6, 16)"),
            ("return self.head(self.body(x))", "return self.head(self.body(x))  # <-"),
        ),
        case(
            planted(
                REGRESSION,
                ("nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 1)", "nn.Linear(6, 2), nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 1)"),
            ),
            ("nn.Linear(6, 2), nn.Linear(2, 16)", "nn.Linear(6, 8), nn.Linear(8, 16)"),
        ),
    ],
    "modules-in-list": [
        case(LISTED, ("nn.ModuleList([nn.Linear(6, 6) for _ in range(3)])", "[nn.Linear(6, 6) for _ in range(3)]  # <-")),
    ],
    "train-mode-while-measuring": [
        case(CLASSIFIER, ("    net.eval()\n", ""), ("right += (net(x)", "right += (net(x)  # <-\n                     ")),
        case(
            CLASSIFIER,
            ("    net.eval()\n", ""),
            ("right += (net(x).argmax(1) == y).sum().item()", "right += criterion(net(x), y).item()  # <-"),
        ),
        case(
            CLASSIFIER,
            ("    net.eval()\n", ""),
            ("    with torch.no_grad():\n", "    if True:\n"),
            ("right += (net(x).argmax(1) == y).sum().item()", "right += criterion(net(x), y).item()  # <-"),
        ),
    ],
    "eval-mode-while-training": [
        case(CLASSIFIER, ("    net.train()\n", ""), ("loss = criterion(net(x), y)", "loss = criterion(net(x), y)  # <-"))
    ],
    "batch-of-one": [
        case(NORMED, ("torch.randperm(128)[:8]", "torch.randperm(128)[:1]"), ("F.mse_loss(model(", "F.mse_loss(model(")),
    ],
    "unused-input": [
        case(
            ENCODER,
            ("        h = h * mask\n", ""),
            ("F.mse_loss(model(X[rows], mask), Y[rows]).backward()", "F.mse_loss(model(X[rows], mask), Y[rows]).backward()  # <-"),
        )
    ],
    "same-output": [
        case(
            DEEP,
            ("model = nn.Seq", "layers[-4].weight.data.zero_()\nlayers[-4].weight.requires_grad_(False)\nmodel = nn.Seq"),
            ("Y[rows]).backward()", "Y[rows]).backward()  # <-"),
        ),
    ],
    "hidden-write": [
        case(ENCODER, ("        h = h * mask\n", "        h.data.mul_(mask)  # <-\n")),
        case(ENCODER, ("        h = h * mask\n", "        with torch.no_grad():\n            h.mul_(mask)  # <-\n")),
        case(
            ENCODER,
            (
                "Y[rows]).backward()",
                "Y[rows])\n    loss = model(X[rows], mask).pow(2).mean()\n"
                "    model.decoder.weight.data.clamp_(-0.1, 0.1)  # <-\n    loss.backward()",
            ),
        ),
    ],
    "graph-kept-alive": [
        case(
            REGRESSION,
            ("for epoch", "total = 0\nfor epoch"),
            ("        optimizer.step()", "        optimizer.step()\n        total += loss  # <-"),
        ),
        case(
            REGRESSION,
            ("for epoch", "seen = []\nfor epoch"),
            ("        optimizer.step()", "        optimizer.step()\n        seen.append(loss)  # <-"),
        ),
    ],
    "never-shuffled": [
        case(REGRESSION, ("shuffle=True", "shuffle=False"), ("for x, y in loader:", "for x, y in loader:  # <-")),
        case(
            BY_HAND.replace("w =", "model = nn.Linear(6, 1)\noptimizer = torch.optim.SGD(model.parameters(), lr=0.1)\nw ="),
            (
                "for step in range(12):",
                "for at in [0, 32, 64, 96] * 4:\n    optimizer.zero_grad()\n"
                "    F.mse_loss(model(X[at : at + 32]), Y[at : at + 32]).backward()  # <-\n"
                "    optimizer.step()\nfor step in range(12):",
            ),
        ),
    ],
    "same-batch": [
        case(
            REGRESSION,
            ("    for x, y in loader:\n", "    for _ in range(4):\n        x, y = next(iter(loader))\n"),
            ("shuffle=True", "shuffle=False"),
            ("range(3)", "range(4)"),
            ("F.mse_loss(model(x), y)", "F.mse_loss(model(x), y)  # <-"),
        ),
    ],
    "loop-over-batch": [
        case(
            REGRESSION,
            (
                "loss = F.mse_loss(model(x), y)",
                "loss = 0\n        for i in range(len(x)):\n            loss = loss + F.mse_loss(model(x[i]), y[i])  # <-",
            ),
        ),
        case(REGRESSION, ("loss = F.mse_loss(model(x), y)", "loss = F.mse_loss(torch.stack([model(row) for row in x]), y)  # <-")),
    ],
    "item-in-loop": [
        case(
            REGRESSION,
            ("        optimizer.step()", "        optimizer.step()"),
            ("        loss.backward()", "        spread = sum(abs(each.item()) for each in X.reshape(-1))  # <-\n        loss.backward()"),
        ),
    ],
    "copied-each-step": [
        case(
            REGRESSION,
            ("for epoch", "import numpy as np\ntable = np.ones((4096, 4))\nfor epoch"),
            ("        loss.backward()", "        extra = torch.tensor(table)  # <-\n        loss.backward()"),
        ),
        case(
            REGRESSION,
            ("for epoch", "table = torch.ones(4096, 4)\nfor epoch"),
            ("        loss.backward()", "        extra = table.double()  # <-\n        loss.backward()"),
        ),
    ],
    "optimizer-made-anew": [
        case(
            REGRESSION,
            (
                "        optimizer.zero_grad()\n",
                "        optimizer = torch.optim.AdamW(model.parameters())  # <-\n        optimizer.zero_grad()\n",
            ),
        ),
    ],
    "clipped-without-gradients": [
        case(
            REGRESSION,
            ("        loss.backward()", "        nn.utils.clip_grad_value_(model.parameters(), 1.0)  # <-\n        loss.backward()"),
        ),
    ],
    "clipped-while-scaled": [
        case(
            SCALED,
            ("        scaler.unscale_(optimizer)\n        nn.utils", "        nn.utils"),
            ("parameters(), 0.1)", "parameters(), 0.1)  # <-"),
        ),
    ],
    "scores-dropped": [
        case(
            CLASSIFIER,
            ("self.head(self.body(x))", "F.dropout(self.head(self.body(x)), 0.3, self.training)"),
            ("loss = criterion(net(x), y)", "loss = criterion(net(x), y)  # <-"),
        )
    ],
    "units-alike": [case(REGRESSION, ("optimizer =", "for p in model.parameters():\n    p.data.fill_(0.1)\noptimizer ="))],
    "layer-made-anew": [
        case(
            CLASSIFIER,
            ("return self.head(self.body(x))", "return nn.Linear(16, 2)(self.body(x))  # <-"),
            ("        self.head = nn.Linear(16, 2)\n", ""),
        ),
    ],
    "statistics-never-change": [
        case(
            planted(CLASSIFIER, ("nn.Linear(6, 16), nn.ReLU()", "nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU()")),
            ("nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.2))", "nn.BatchNorm1d(16, momentum=0.0), nn.ReLU(), nn.Dropout(0.2))  # <-"),
        ),
        case(
            planted(
                CLASSIFIER,
                ("nn.Linear(6, 16), nn.ReLU()", "nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU()"),
                ("optimizer =", "with torch.no_grad():\n    net(X)\nnet.body[1].momentum = 0  # the statistics are to stay\noptimizer ="),
            ),
            ("with torch.no_grad():\n    net(X)\n", ""),
        ),
    ],
    "stepped-twice": [
        case(
            planted(
                REGRESSION,
                ("optimizer =", "head = nn.Linear(6, 2)\nother = torch.optim.Adam([*head.parameters()], lr=0.01)\noptimizer ="),
                ("F.mse_loss(model(x), y)", "F.mse_loss(model(x), y) + F.mse_loss(head(x), x[:, :2])"),
                ("optimizer.zero_grad()", "optimizer.zero_grad()\n        other.zero_grad()"),
                ("optimizer.step()", "optimizer.step()\n        other.step()"),
            ),
            ("[*head.parameters()]", "[*head.parameters(), *model[0].parameters()]"),
            ("other.step()", "other.step()  # <-"),
        ),
    ],
    "nothing-loaded": [
        case(
            planted(
                CLASSIFIER,
                (
                    "optimizer =",
                    """wrapped = {f"module.{name}": each for name, each in Net().state_dict().items()}
net.load_state_dict(wrapped, strict=False)
net.load_state_dict({name.removeprefix("module."): each for name, each in wrapped.items()})
optimizer =""",
                ),
            ),
            ('net.load_state_dict({name.removeprefix("module."): each for name, each in wrapped.items()})\n', ""),
            ("strict=False)", "strict=False)  # <-"),
        ),
        case(
            planted(CLASSIFIER, ("optimizer =", "net.load_state_dict(net.head.state_dict(prefix='head.'), strict=False)\noptimizer =")),
            ("state_dict(prefix='head.'), strict=False)", "state_dict(), strict=False)  # <-"),
        ),
    ],
    "state-not-copied": [
        case(
            CLASSIFIER,
            ("    net.eval()\n", "    kept = net.state_dict()\n    net.eval()\n"),
            ("item()\n", "item()\n    net.load_state_dict(kept)  # <-\n"),
        ),
        averaged("mul_(0.9).add_(v, alpha=0.1)"),
        averaged("lerp_(v, 0.1)"),
    ],
    "freezes-nothing": [
        case(CLASSIFIER, ("optimizer =", "net.body.requires_grad = False  # <-\noptimizer =")),
        case(CLASSIFIER, ("optimizer =", "for p in net.body.parameters():\n    p.requires_grads = False  # <-\noptimizer =")),
    ],
    "no-seed": [
        (DATA.replace("torch.manual_seed(0)", "", 0) and REGRESSION, REGRESSION.replace("loss.backward()", "loss.backward()  # <-"))
    ],
}
RAISES = {
    "logits-to-bce": case(BINARY, ("torch.sigmoid(model(x))", "model(x) * 9"), ("(y > 0).float())", "(y > 0).float())  # <-")),
    "target-dtype": case(CLASSIFIER, ("loss = criterion(net(x), y)", "loss = criterion(net(x), y.float())  # <-")),
    "target-range": case(CLASSIFIER, ("loss = criterion(net(x), y)", "loss = criterion(net(x), y + 1)  # <-")),
    "batch-of-one": case(
        planted(
            NORMED,
            (
                "nn.Conv1d(1, 4, 3), nn.BatchNorm1d(4), nn.ReLU(), nn.Flatten(), nn.Linear(16, 1)",
                "nn.Linear(6, 4), nn.BatchNorm1d(4), nn.Linear(4, 1)",
            ),
            (".unsqueeze(1)", ""),
        ),
        ("torch.randperm(128)[:8]", "torch.randperm(128)[:1]"),
        ("Y[rows]).backward()", "Y[rows]).backward()  # <-"),
    ),
    "graph-used-twice": case(
        REGRESSION,
        ("for epoch", "carried = torch.zeros(1)\nfor epoch"),
        ("F.mse_loss(model(x), y)", "F.mse_loss(model(x), y) + 0 * carried"),
        ("loss.backward()", "carried = loss.clone()\n        loss.backward()  # <-"),
    ),
}
PAIRS = [(name, i) for name, cases in CASES.items() for i in range(len(cases))]


def whole(name, program):
    data = DATA.replace("torch.manual_seed(0)\n", "") if name == "no-seed" and "# <-" in program else DATA
    return textwrap.dedent(data) + program


def expected(text):
    """The numbers of the lines that are marked."""
    return {number for number, line in enumerate(text.splitlines(), 1) if line.endswith("# <-")}


def lines_of(session, name):
    return {finding.line for finding in session.findings if finding.check == name}


@pytest.mark.parametrize("name, index", PAIRS)
def test_a_planted_mistake_is_found_in_its_line(name, index):
    text = whole(name, CASES[name][index][1])
    session = examine(text)
    assert name in names(session), session.report()
    marked = expected(text)
    assert not marked or lines_of(session, name) & marked, session.report()


@pytest.mark.parametrize("name, index", PAIRS)
def test_the_mended_program_has_no_findings(name, index):
    session = examine(whole("", CASES[name][index][0]))
    assert names(session) == [], session.report()


@pytest.mark.parametrize("name", RAISES)
def test_a_mistake_that_ends_the_program_is_explained(name):
    mended, text = (DATA + program for program in RAISES[name])
    session = pedigrad.check(whole=True)
    with pytest.raises((RuntimeError, ValueError, IndexError)):
        examine(text, session=session)
    assert name in names(session), session.report()
    assert lines_of(session, name) & expected(text), session.report()
    assert names(examine(mended)) == []


def test_every_check_is_planted():
    guises = {path.read_text().partition(":")[0].removeprefix("# ") for path in (pathlib.Path(__file__).parent / "guises").glob("*.txt")}
    assert {*CASES, *RAISES} | guises == set(CHECKS)


def test_checks_declare_what_they_are():
    for name, kind in CHECKS.items():
        assert kind.__doc__ and kind.remedy and kind.listens(), name
        methods = {m for each in kind.__mro__ if issubclass(each, Check) for m in vars(each)}
        assert set(kind.listens()) <= methods & set(EVENTS), name


WELL_MADE = sorted((pathlib.Path(__file__).parent / "well_made").glob("*.txt"))


@pytest.mark.parametrize("path", WELL_MADE, ids=lambda path: path.stem)
def test_well_made_programs_have_no_findings(path):
    session = examine(path.read_text(), path.name)
    assert not session.findings, session.report()


def test_steps_of_time_that_a_loader_gives_in_order_are_no_batch():
    program = """
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset
    torch.manual_seed(0)
    data = torch.randint(0, 20, (8, 240)).t().contiguous()  # time, streams
    embed, lstm, out = nn.Embedding(20, 16), nn.LSTM(16, 24), nn.Linear(24, 20)
    model = nn.ModuleList([embed, lstm, out])
    opt = torch.optim.Adam(model.parameters(), 1e-3)
    loader = DataLoader(TensorDataset(data[:-1], data[1:]), batch_size=12, drop_last=True)
    for epoch in range(2):
        state = None
        for x, y in loader:
            h, state = lstm(embed(x), state)
            state = tuple(each.detach() for each in state)
            loss = nn.functional.cross_entropy(out(h).flatten(0, 1), y.flatten())
            opt.zero_grad(); loss.backward(); opt.step()
    """
    assert "batch-first" not in names(examine(program))
    assert "batch-first" in names(examine(program.replace("drop_last=True", "drop_last=True, shuffle=True")))


PLANTED = sorted((pathlib.Path(__file__).parent / "planted").glob("*.txt"))


@pytest.mark.parametrize("path", PLANTED, ids=lambda path: path.stem)
def test_mistakes_are_found_in_programs_of_all_kinds(path):
    """Programs written before the checks had seen them; the first line says what is wrong."""
    text = path.read_text()
    session = pedigrad.check(whole=True)
    with contextlib.suppress(RuntimeError, IndexError):  # some mistakes end the program
        examine(text, path.name, session=session)
    wanted = text[2:].partition(":")[0]
    assert wanted in names(session), session.report()
    marked = expected(text)
    assert not marked or lines_of(session, wanted) & marked, session.report()
    assert set(names(session)) <= {wanted, *FOLLOWS.get(wanted, ())}, session.report()


# What else is then so too.
FOLLOWS = {
    "unused-input": ("gradient-zero", "same-output"),
    "gradients-vanish": ("same-output",),
    "gradient-zero": ("same-output",),
    "gradients-explode": ("loss-not-finite",),
    "graph-kept-alive": ("hidden-write",),
}


def test_remedies_are_for_what_was_given():
    found = {path.stem: examine_all(path) for path in PLANTED if path.stem in REMEDIES}
    for stem, wanted in REMEDIES.items():
        assert wanted in found[stem], found[stem]


REMEDIES = {
    "iris_from_one": "give target - 1",
    "labels_of_a_column": "target.squeeze(1)",
    "again_01_target_dtype": "target.long()",
    "polynomial_bias": "The gradients of b were added",
    "gan_same_optimizer": "Two optimizers have the same parameters, this one and that of line 34",
    "dead_bias": "(dead ReLUs)",
    "pinn_history": "history['loss']",
    "forecaster_retained": "'h'",
    "bytes_as_probabilities": "target / 255",
    "one_hot_integers": "target.argmax(1)",
    "two_backwards": "(loss1 + loss2).backward()",
    "constant_column": "The data have it already",
    "all_frozen": "frozen (requires_grad was set to False) at all_frozen.txt:8",
    "functional_dropout": "training=self.training",
}


def test_a_loss_that_grows_from_pass_to_pass_is_told_of_as_such():
    data = DATA.replace("0.1 *", "10 *")
    grown = examine(data + planted(REGRESSION, ("lr=0.05", "lr=50.0"), ("nn.Tanh()", "nn.ReLU()"))).findings
    summed = examine(
        data + planted(REGRESSION, ("lr=0.05", "lr=1.0"), ("nn.Tanh()", "nn.ReLU()"), ("(x), y)", "(x), y, reduction='sum')"))
    ).findings
    (one,), (other,) = ([f for f in found if f.check == "loss-not-finite"] for found in (grown, summed))
    assert one.message.startswith("The loss grows from pass to pass") and one.remedy.startswith("Lower the learning rate")
    assert "a sum over 16 elements" in other.message and "Take the mean" in other.remedy
    (sudden,) = (f for f in examine(DATA + CASES["loss-not-finite"][0][1]).findings if f.check == "loss-not-finite")
    assert "grows" not in sudden.message and "domain" in sudden.remedy


def examine_all(path):
    """The report on a program, in one line; some mistakes end the program."""
    session = pedigrad.check(whole=True)
    with contextlib.suppress(RuntimeError, IndexError):
        examine(path.read_text(), path.name, session=session)
    return " ".join(session.report().split())
