"""Training runs: twenty steps of a random model, loss and optimizer, compiled against usual, and usual against PyTorch where it is there.

The step is a function `f` that goes forward and backward and takes a step of the optimizer. Between calls runs are evaluated, learning
rates change, parameters are frozen, states are saved and loaded.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
import importlib.util
import itertools
import os
from typing import Any

from fuzz import apart, compiled, functions, noise, programs

KNOWN = {
    "conv": "convolutions",
    "recurrent": "recurrent networks",
    "attention": "attention",
    "events": "what happens between steps",
    "transposed": "parameters that are laid out column by column",
}
LIMIT = compiled.LIMIT
STEPS = 20
EVERY = 4  # steps after which all is looked at
tally = compiled.Tally()


def compare(program: programs.Program) -> str | None:
    """How the run differs when its step is compiled, or from PyTorch's."""
    torch()
    return apart.run(compare_here, program, tally)


@functools.cache
def torch() -> Any:
    """PyTorch, if it is installed and wanted."""
    wanted = os.environ.get("PEDIGRAD_FUZZ_TORCH", "1") != "0" and importlib.util.find_spec("torch") is not None
    if not wanted:
        return None
    found = importlib.import_module("torch")
    found.set_num_threads(1)
    importlib.import_module("torch._dynamo")  # its optimizers load it, which takes longer than a run: before the forks
    return found


def compare_here(program: programs.Program) -> str | None:
    plain, library = compiled.uncompiled(program), functions.library()
    usual = compiled.follow(plain, library, EVERY)
    with compiled.code_as_it_is(program):
        fast = compiled.follow(program, library, EVERY)
    compiled.count(fast, tally)
    moved = functools.cache(lambda: (usual, compiled.shaken(plain, library, EVERY)))
    found = compiled.differ(fast, usual)
    if found and noise.is_of_values(found):
        found = compiled.beyond_rounding(fast, usual, [moved()], tally)
    found = found or compiled.unsettled(program, fast)
    if found or torch() is None:
        return found
    right = compiled.follow(plain, torch(), EVERY)
    found = compiled.differ(usual, right, layouts=False)
    if found and noise.is_of_values(found):
        spreads = [moved(), (right, compiled.shaken(plain, torch(), EVERY))]
        found = compiled.beyond_rounding(usual, right, spreads, tally, layouts=False)
    return f"PyTorch {found}" if found else None


# Models: statements, the shape of an input, and of what comes out

ACTIVATIONS = (
    "ReLU()",
    "Tanh()",
    "GELU()",
    "SiLU()",
    "ELU()",
    "Sigmoid()",
    "LeakyReLU(0.1)",
    "ReLU(inplace=True)",
    "Softplus()",
    "PReLU()",
    "Hardtanh()",
    "Mish()",
)


@dataclasses.dataclass
class Model:
    """A model: how it is made, what it takes and gives, whether some of its gradients are nothing but rounding."""

    text: list[str]
    takes: tuple[int, ...]
    gives: tuple[int, ...]
    indices: int = 0  # how many there are to look up
    noisy: bool = False


def perceptron(r: Any) -> Model:
    sizes = [r.randint(1, 4), *(r.randint(2, 5) for _ in range(r.randint(1, 2))), r.randint(1, 4)]
    layers: list[str] = []
    noisy = False
    for a, b in itertools.pairwise(sizes[:-1]):
        layers.append(f"nn.Linear({a}, {b}{', bias=False' * (r.random() < 0.2)})")
        if r.random() < 0.4:
            layers.append(
                r.choice(
                    [
                        f"nn.BatchNorm1d({b})",
                        f"nn.BatchNorm1d({b}, momentum={r.choice([None, 0.3])})",
                        f"nn.LayerNorm({b})",
                        f"nn.GroupNorm(1, {b})",
                        f"nn.RMSNorm({b})",
                    ]
                )
            )
            noisy = True
        layers.append(f"nn.{r.choice(ACTIVATIONS)}")
        if r.random() < 0.1:
            layers.append("nn.Dropout(0.0)")
    layers.append(f"nn.Linear({sizes[-2]}, {sizes[-1]})")
    return Model([f"net = nn.Sequential({', '.join(layers)})"], (sizes[0],), (sizes[-1],), noisy=noisy)


def shared(r: Any) -> Model:
    n = r.randint(2, 4)
    text = [
        f"net = nn.Sequential(nn.Linear({n}, {n}), nn.{r.choice(ACTIVATIONS)}, nn.Linear({n}, {n}))",
        r.choice(["net[2].weight = net[0].weight", "net[2] = net[0]", "net[2].bias = net[0].bias"]),
    ]
    return Model(text, (n,), (n,))


def residual(r: Any) -> Model:
    n, norm = r.randint(2, 4), r.random() < 0.5
    inner = f"nn.{'LayerNorm' if norm else 'Identity'}({n})"
    head = f"class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.norm = {inner}\n        self.a, self.b = nn.Linear({n}, {n + 1}), nn.Linear({n + 1}, {n})\n        self.scale = nn.Parameter(torch.ones({n}))"
    body = r.choice(
        [
            "x + self.b(self.a(self.norm(x)).relu()) * self.scale",
            "x * self.scale + self.b(F.gelu(self.a(self.norm(x))))",
            "self.norm(x + self.b(self.a(x).tanh())) * self.scale.exp()",
        ]
    )
    return Model([f"{head}\n    def forward(self, x):\n        return {body}", "net = Net()"], (n,), (n,), noisy=norm)


def functional(r: Any) -> Model:
    n, m = r.randint(1, 4), r.randint(2, 4)
    weight = r.choice(
        [f"torch.randn({n}, {m}).t() * 1.", f"torch.randn({m}, {2 * n})[:, ::2]", f"torch.randn({n}, {m}).t()", f"torch.randn({m}, {n})"]
    )
    head = f"class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.w = nn.Parameter({weight})\n        self.b = nn.Parameter(torch.zeros({m}))\n        self.register_buffer('mean', torch.zeros({n}))"
    track = r.choice(
        [
            "self.mean.mul_(0.9).add_(x.detach().mean(0), alpha=0.1)",
            "self.mean.lerp_(x.detach().mean(0), 0.1)",
            "self.mean.copy_(self.mean * 0.9 + x.detach().mean(0) * 0.1)",
            "self.mean += (x.detach().mean(0) - self.mean) * 0.2",
        ]
    )
    body = r.choice(
        [
            "F.linear(x - self.mean, self.w, self.b)",
            "(x - self.mean) @ self.w.t() + self.b",
            "torch.einsum('bi,oi->bo', x - self.mean, self.w) + self.b",
        ]
    )
    return Model([f"{head}\n    def forward(self, x):\n        {track}\n        return {body}", "net = Net()"], (n,), (m,))


def conv1d(r: Any) -> Model:
    c, o, k, length = r.randint(1, 2), r.randint(1, 3), r.randint(1, 3), r.randint(5, 7)
    norm = r.choice(["", "", f"nn.BatchNorm1d({o}), ", f"nn.GroupNorm(1, {o}), ", f"nn.InstanceNorm1d({o}, affine=True), "])
    pool = r.choice(["nn.AdaptiveAvgPool1d(2)", "nn.AdaptiveMaxPool1d(2)"])
    text = f"net = nn.Sequential(nn.Conv1d({c}, {o}, {k}, padding={r.randint(0, 1)}, stride={r.randint(1, 2)}), {norm}nn.{r.choice(ACTIVATIONS)}, {pool}, nn.Flatten(), nn.Linear({2 * o}, 2))"
    return Model([text], (c, length), (2,), noisy=bool(norm))


def conv2d(r: Any) -> Model:
    c, o = r.choice([(1, 2), (2, 2), (2, 4)])
    norm = r.choice(["", "", f"nn.BatchNorm2d({o}), ", f"nn.InstanceNorm2d({o}, affine=True), ", f"nn.GroupNorm({o // 2}, {o}), "])
    first = r.choice(
        [
            f"nn.Conv2d({c}, {o}, 3, padding=1)",
            f"nn.Conv2d({c}, {o}, 2)",
            f"nn.Conv2d({c}, {o}, 3, stride=2, padding=1, groups={c if o % c == 0 else 1})",
            f"nn.ConvTranspose2d({c}, {o}, 2, stride=2)",
            f"nn.Conv2d({c}, {o}, 2, dilation=2, bias=False)",
        ]
    )
    second = r.choice(
        [
            "",
            f"nn.MaxPool2d(2), nn.Conv2d({o}, {o}, 1), nn.ReLU(), ",
            f"nn.AvgPool2d(2), nn.Conv2d({o}, {o}, 2, padding=1), nn.Tanh(), ",
            f"nn.ConvTranspose2d({o}, {o}, 2), nn.ReLU(), ",
        ]
    )
    pool = r.choice(["nn.AdaptiveAvgPool2d(1)", "nn.AdaptiveMaxPool2d(1)", "nn.AdaptiveAvgPool2d((1, 1))"])
    return Model(
        [f"net = nn.Sequential({first}, {norm}nn.{r.choice(ACTIVATIONS)}, {second}{pool}, nn.Flatten(), nn.Linear({o}, 3))"],
        (c, 5, 6),
        (3,),
        noisy=bool(norm),
    )


def recurrent(r: Any) -> Model:
    n, h, kind = r.randint(1, 3), r.randint(2, 3), r.choice(["GRU", "LSTM", "RNN"])
    options = r.choice(["", ", num_layers=2", ", bidirectional=True", ", bias=False"])
    width = h * (2 if "bidirectional" in options else 1)
    head = f"class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.rnn = nn.{kind}({n}, {h}, batch_first=True{options})\n        self.out = nn.Linear({width}, 2)"
    return Model(
        [
            f"{head}\n    def forward(self, x):\n        return self.out(self.rnn(x)[0]{r.choice(['[:, -1]', '.mean(1)', '.amax(1)'])})",
            "net = Net()",
        ],
        (3, n),
        (2,),
    )


def embedding(r: Any) -> Model:
    n, d = r.randint(4, 7), r.randint(2, 4)
    options = r.choice(["", ", padding_idx=0", ", scale_grad_by_freq=True"])
    head = f"class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.rows = nn.Embedding({n}, {d}{options})\n        self.out = nn.Linear({d}, {n})"
    body = r.choice(
        [
            "self.out(self.rows(x).mean(1))",
            "self.out(self.rows(x)).amax(1)",
            "(self.rows(x).sum(1) @ self.rows.weight.t())",
            "self.out(self.rows(x[:, 0]) * self.rows(x[:, 1]))",
        ]
    )
    tie = ["net.out.weight = net.rows.weight"] if r.random() < 0.3 else []
    return Model([f"{head}\n    def forward(self, x):\n        return {body}", "net = Net()", *tie], (3,), (n,), indices=n)


def attention(r: Any) -> Model:
    d = r.choice([2, 4])
    block = r.choice(
        [
            f"nn.TransformerEncoderLayer({d}, {r.choice([1, 2])}, 4, dropout=0.0, batch_first=True)",
            f"nn.TransformerEncoderLayer({d}, 1, 4, dropout=0.0, batch_first=True, norm_first=True, activation='gelu')",
        ]
    )
    plain = f"class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.attend = nn.MultiheadAttention({d}, {r.choice([1, 2])}, batch_first=True)\n        self.out = nn.Linear({d}, 2)\n    def forward(self, x):\n        return self.out(self.attend(x, x, x, need_weights=False)[0].mean(1))"
    if r.random() < 0.5:
        return Model([plain, "net = Net()"], (3, d), (2,), noisy=True)
    return Model([f"net = nn.Sequential({block}, nn.Flatten(), nn.Linear({3 * d}, 2))"], (3, d), (2,), noisy=True)


MODELS = (
    (4, perceptron, ""),
    (1, shared, ""),
    (1.5, residual, ""),
    (1.5, functional, "transposed"),
    (1, conv1d, "conv"),
    (2, conv2d, "conv"),
    (1, recurrent, "recurrent"),
    (1, embedding, ""),
    (1, attention, "attention"),
)

# Optimizers: their options


def options(r: Any, single: bool, noisy: bool) -> str:
    """An optimizer with options, `{}` in the place of its parameters."""
    lr = r.choice([0.05, 0.02, 0.1])
    kind = r.choice(
        ["SGD"] * 4
        + ["Adam"] * 3
        + ["AdamW"] * 2
        + ["RMSprop", "Adagrad", "Adadelta", "Adamax", "NAdam", "RAdam", "Rprop", "ASGD", "Adafactor"]
    )
    if noisy and kind in ("Rprop", "Adafactor"):
        kind = "SGD"
    given = [f"lr={lr}"]

    def perhaps(share: float, text: str) -> None:
        if r.random() < share:
            given.append(text)

    if kind == "SGD":
        if r.random() < 0.5:
            given.append(r.choice(["momentum=0.9", "momentum=0.9, nesterov=True", "momentum=0.8, dampening=0.1"]))
    elif kind in ("Adam", "AdamW"):
        perhaps(0.3, "amsgrad=True")
        perhaps(0.3, "betas=(0.8, 0.9)")
    elif kind == "RMSprop":
        given = ["lr=0.02"]
        perhaps(0.4, "momentum=0.5")
        perhaps(0.4, "centered=True")
    elif kind == "Adagrad":
        perhaps(0.4, "lr_decay=0.1")
        perhaps(0.4, "initial_accumulator_value=0.1")
    elif kind == "Adadelta":
        given = ["lr=1.0"]
        perhaps(0.4, "rho=0.8")
    elif kind == "NAdam":
        perhaps(0.4, "decoupled_weight_decay=True, weight_decay=0.01")
    elif kind == "ASGD":
        perhaps(0.4, "t0=3, lambd=0.01")
    elif kind == "Rprop":
        given = ["lr=0.01"]
        perhaps(0.4, "etas=(0.6, 1.1)")
    if kind not in ("SGD", "ASGD", "Rprop", "Adafactor") and single:
        given.append("eps=1e-3")  # what is nothing but rounding must not become a step
    if kind not in ("Rprop", "NAdam"):
        perhaps(0.3, "weight_decay=0.1")
    perhaps(0.12, "maximize=True")
    if kind != "Adafactor":
        perhaps(0.2, f"foreach={r.random() < 0.5}")
    if "nesterov" in str(given):  # PyTorch's step of all tensors together leaves in the gradients what it added to the parameters
        given = [each for each in given if each != "foreach=True"]
    return f"opt = torch.optim.{kind}({{}}, {', '.join(given)})"


SCHEDULERS = (
    "StepLR(opt, 3, 0.5)",
    "ExponentialLR(opt, 0.9)",
    "CosineAnnealingLR(opt, 7)",
    "LambdaLR(opt, lambda e: 1 / (1 + e))",
    "LinearLR(opt, total_iters=6)",
    "OneCycleLR(opt, 0.1, total_steps=60)",
    "CyclicLR(opt, 0.01, 0.1, 4, cycle_momentum=False)",
    "MultiStepLR(opt, [2, 5], 0.3)",
    "PolynomialLR(opt, 10)",
    "ConstantLR(opt, total_iters=4)",
)
EVENTS = (
    "net.eval()\nwith torch.no_grad():\n    e = net(x0)\nnet.train()", "with torch.no_grad():\n    e = net(x0)", "e = net(x1).detach()", "opt.param_groups[0]['lr'] *= 0.5", "sched.step()", "sched.step()", "list(net.parameters())[0].requires_grad_(False)", "list(net.parameters())[0].requires_grad_(True)",
    "opt.load_state_dict(opt.state_dict())", "net.load_state_dict(net.state_dict())", "net.load_state_dict({k: v.clone() for k, v in net.state_dict().items()})", "saved = {k: v.clone() for k, v in net.state_dict().items()}", "with torch.no_grad():\n    for p in net.parameters():\n        p.mul_(0.9)", "loss = net(x1).pow(2).mean()\nopt.zero_grad(set_to_none=True)\nloss.backward()\nopt.step()",
    "opt.zero_grad(set_to_none=True)", "opt.zero_grad(set_to_none=False)", "net.zero_grad(set_to_none=True)", "opt.param_groups[0]['weight_decay'] = 0.05", "x0 = x0 * 0.5", "x0.mul_(0.9)", "net.eval()", "net.train()", "import copy\nsaved = copy.deepcopy(opt.state_dict())", "g = [p.grad for p in net.parameters()]",
)  # fmt: skip


def generate(seed: int, avoid: frozenset[str] = frozenset()) -> programs.Program:
    """The training run of a seed."""
    r = programs.source(seed, "training")
    single = r.random() < 0.4
    lines = [
        "torch.set_default_dtype(torch.float32)" if single else "torch.set_default_dtype(torch.float64)",
        f"torch.manual_seed({seed % 1000})",
    ]
    choices = [each for each in MODELS if each[2] not in avoid or not each[2]]
    model = r.choices([make for _, make, _ in choices], [weight for weight, _, _ in choices])[0](r)
    lines += model.text
    if r.random() < 0.2 and "transposed" not in avoid:
        lines.append(
            "for m in net.modules():\n    if isinstance(m, nn.Linear):\n        m.weight = nn.Parameter(m.weight.detach().t().contiguous().t())"
        )
    lines.append(optimizer(r, single, model))
    batch = r.randint(3, 5)
    criterion = data(r, lines, model, batch)
    scheduler = r.random() < 0.4
    inside = scheduler and r.random() < 0.2
    if scheduler:
        lines.append(f"sched = torch.optim.lr_scheduler.{r.choice(SCHEDULERS)}")
    text, calls = step(r, criterion, inside)
    if programs.source(seed, "numbers").random() < 0.5:  # by itself: what else a seed gives stays the same
        text = [line.replace("loss.detach()", "loss.item()") for line in text]
    lines += [*text, compiled.COMPILE]
    for number in range(STEPS):
        lines.append(r.choice(calls) if number > 4 else calls[number % len(calls)])
        if scheduler and not inside:
            lines.append("sched.step()")
        if number > 3 and "events" not in avoid and r.random() < 0.12:
            event = r.choice(EVENTS)
            if "sched" not in event or scheduler:
                lines.append(event)
    return programs.Program(tuple(lines))


def optimizer(r: Any, single: bool, model: Model) -> str:
    """The statement that makes the optimizer."""
    text = options(r, single, model.noisy)
    groups = "[{'params': list(net.parameters())[:1], 'lr': 0.03}, {'params': list(net.parameters())[1:]}]"
    frozen = "[p for p in net.parameters() if p.ndim > 1]"
    return text.format(r.choice(["net.parameters()"] * 5 + [groups, frozen, "net.named_parameters()"]))


def data(r: Any, lines: list[str], model: Model, batch: int) -> str:
    """Statements for inputs and targets; the loss of what `out` and `y` name."""
    shape = ", ".join(map(str, (batch, *model.takes)))
    sizes = ", ".join(map(str, (batch, *model.gives)))
    classes = model.gives[-1]
    x = f"torch.randint(0, {model.indices}, ({shape}))" if model.indices else f"torch.randn({shape})"
    if not model.indices and r.random() < 0.15 and len(model.takes) == 1:
        x = f"torch.randn({model.takes[0]}, {batch}).t()"
    if r.random() < 0.4 and classes > 1:
        y = f"torch.randint(0, {classes}, ({batch},))"
        loss = r.choice(
            [
                "F.cross_entropy(out, y)",
                "F.cross_entropy(out, y, label_smoothing=0.1)",
                f"F.cross_entropy(out, y, weight=torch.ones({classes}))",
                "F.nll_loss(out.log_softmax(-1), y)",
                "F.cross_entropy(out, y, reduction='sum')",
                "F.multi_margin_loss(out, y)",
            ]
        )
    else:
        y = f"torch.rand({sizes})"
        loss = r.choice(
            [
                "F.mse_loss(out, y)",
                "F.l1_loss(out, y)",
                "F.smooth_l1_loss(out, y)",
                "F.huber_loss(out, y, delta=0.5)",
                "F.binary_cross_entropy_with_logits(out, y)",
                "((out - y) ** 2).mean()",
                "F.kl_div(out.log_softmax(-1), y.softmax(-1), reduction='batchmean')",
                "F.mse_loss(out, y, reduction='sum')",
                "(out - y).abs().mean(0).sum()",
                "F.soft_margin_loss(out, y - 0.5)",
            ]
        )
    for i in range(2):
        lines += [f"x{i} = {x}", f"y{i} = {y}"]
    return loss


def step(r: Any, criterion: str, inside: bool) -> tuple[list[str], list[str]]:
    """The statements that define the step, and the calls of it."""
    zero = f"opt.zero_grad(set_to_none={r.random() < 0.5})"
    clip = r.choice(
        [""] * 4
        + [
            "nn.utils.clip_grad_norm_(net.parameters(), 0.5)",
            "nn.utils.clip_grad_value_(net.parameters(), 0.1)",
            "nn.utils.clip_grad_norm_(net.parameters(), 0.3, norm_type=1)",
        ]
    )
    returned = r.choice(
        ["loss", "loss", "loss.detach()", "(loss.detach(), out.detach())", "{'loss': loss.detach(), 'n': 1}", "None", "loss, out"]
    )
    forward, calls = ["out = net(x)", f"loss = {criterion}"], ["r = f(x0, y0)", "r = f(x1, y1)"]
    end = [*filter(None, [clip]), "opt.step()", *(["sched.step()"] if inside else [])]
    way = r.choice(["plain"] * 6 + ["late", "accumulate", "flag", "penalty", "unused", "set", "twice"])
    before: list[str] = []
    arguments = "x, y"
    if way == "plain":
        body = [zero, *forward, "loss.backward()", *end]
    elif way == "late":
        body = [*forward, "loss.backward()", *end, zero]
    elif way == "accumulate":
        body = [zero, *forward, "(loss / 2).backward()", "x, y = x1, y1", *forward, "(loss / 2).backward()", *end]
    elif way == "flag":
        arguments, calls = "x, y, last", ["r = f(x0, y0, False)", "r = f(x1, y1, True)"]
        body = [*forward, "(loss / 2).backward()", "if last:", *(f"    {line}" for line in [*end, zero])]
    elif way == "penalty":
        body = [zero, *forward, "loss = loss + 0.01 * sum((p ** 2).sum() for p in net.parameters())", "loss.backward()", *end]
    elif way == "unused":
        before = ["use = False"]
        body = [zero, *forward, "loss.backward()", *end, "if use:", "    sched.step()"]
    elif way == "set":
        body = [
            *forward,
            "g = torch.autograd.grad(loss, list(net.parameters()), allow_unused=True)",
            "for p, d in zip(net.parameters(), g):",
            "    p.grad = d",
            *end,
        ]
    else:
        body = [zero, *forward, "loss.backward(retain_graph=True)", "(loss * 0.5).backward()", *end]
    return [*before, f"def f({arguments}):\n    " + "\n    ".join([*body, f"return {returned}"])], calls
