"""Statements that make layers and apply them, losses, and a step of an optimizer."""

from __future__ import annotations

import math

from fuzz.state import Name, State, data


def layer(s: State) -> None:
    """A layer applied to a name that fits it, a functional loss, or a small network with a step."""
    x = s.pick(lambda n: n.is_float and n.ndim >= 1 and n.size > 0 and n.size <= 60)
    if x is None:
        return
    if s.chance(0.3):
        loss(s, x)
    elif s.chance(0.1):
        step(s, x)
    else:
        module(s, x)


def module(s: State, x: Name) -> None:
    """A module with weights from a seed, applied, sometimes twice or hooked."""
    r, k = s.r, x.shape[-1]
    d = f", dtype=torch.{x.dtype}"
    found: list[tuple[str, tuple[int, ...]]] = [
        (f"nn.Linear({k}, 3{d})", (*x.shape[:-1], 3)),
        (f"nn.Linear({k}, 2, bias=False{d})", (*x.shape[:-1], 2)),
        (f"nn.LayerNorm({k}{d})", x.shape),
        ("nn.Dropout(0.0)", x.shape),
        ("nn.Softmax(-1)", x.shape),
        (f"nn.Sequential(nn.Linear({k}, 4{d}), nn.Tanh(), nn.Linear(4, 2{d}))", (*x.shape[:-1], 2)),
        (f"nn.Sequential(nn.Linear({k}, 4{d}), nn.ReLU(inplace=True))", (*x.shape[:-1], 4)),
        (f"nn.RMSNorm({k}{d})", x.shape),
        (f"nn.{r.choice(('GELU', 'SiLU', 'ELU', 'LeakyReLU', 'Softplus', 'Mish', 'Hardswish', 'Tanhshrink', 'LogSigmoid'))}()", x.shape),
        (f"nn.PReLU({x.shape[1] if x.ndim > 1 else 1}{d})", x.shape),
    ]
    if x.ndim == 2:
        found += [(f"nn.BatchNorm1d({k}{d})", x.shape)] if x.shape[0] > 1 else []
        found += [(f"nn.Bilinear({k}, {k}, 2{d})", (x.shape[0], 2))]
    if x.ndim in (2, 3):
        n, c = x.shape[-1], x.shape[-2]
        found += [(f"nn.Conv1d({c}, 2, 2, padding=1{d})", (*x.shape[:-2], 2, n + 1))]
        found += [(f"nn.Conv1d({c}, {c}, 2, padding=1, groups={c}, bias=False{d})", (*x.shape[:-2], c, n + 1))]
        if n > 1:
            found += [("nn.MaxPool1d(2, 1)", (*x.shape[:-1], n - 1)), ("nn.AvgPool1d(2, 1)", (*x.shape[:-1], n - 1))]
        found += [(f"nn.ConvTranspose1d({c}, 2, 2, stride=2{d})", (*x.shape[:-2], 2, 2 * n))]
    if x.ndim == 3:
        c = x.shape[1]
        found += [(f"nn.GroupNorm({c}, {c}{d})", x.shape), (f"nn.BatchNorm1d({c}{d})", x.shape)] if x.shape[0] * x.shape[2] > 1 else []
        found += [(f"nn.InstanceNorm1d({c}, affine=True{d})", x.shape)] if x.shape[2] > 1 else []
        found += [(f"nn.{r.choice(('GRU', 'RNN', 'LSTM'))}({x.shape[2]}, 2, batch_first={r.choice((True, False))}{d})", (*x.shape[:2], 2))]
        found += [(f"nn.MultiheadAttention({x.shape[2]}, 1{d})", x.shape)]
    if x.ndim == 4:
        c, h, w = x.shape[1:]
        found += [(f"nn.Conv2d({c}, 2, 2, padding=1, stride=2{d})", (x.shape[0], 2, h // 2 + 1, w // 2 + 1))] * 3
        found += [(f"nn.BatchNorm2d({c}{d})", x.shape)] if x.size // c > 1 else []
        found += [("nn.MaxPool2d(2, 1, padding=1)", (*x.shape[:2], h + 1, w + 1))]
    text, shape = r.choice(found)
    if "RMS" in text and not s.may("rms_norm"):
        return
    if not s.may("connected") and ("Pool" in text or "ReLU" in text or "Hard" in text):
        return
    if not s.may("C10") and ("ReLU" in text or "Max" in text or "Hard" in text):
        return
    name = s.fresh("m")
    if "(" in text and any(part in text for part in ("Linear", "Conv", "GRU", "RNN", "LSTM", "Attention", "Bilinear")):
        s.emit(f"torch.manual_seed({r.randrange(9)})")
    s.emit(f"{name} = {text}")
    if s.may("hooks") and s.chance(0.15):
        s.emit(r.choice(HOOKS if s.may("module hooks") else HOOKS[:2]).format(name))
    call = f"{name}({x.text})"
    if "Bilinear" in text:
        call = f"{name}({x.text}, {x.text})"
    elif "Attention" in text:
        call = f"{name}({x.text}, {x.text}, {x.text})[0]"
    elif any(part in text for part in ("GRU", "RNN", "LSTM")):
        call = f"{name}({x.text})[0]"
    s.bind(call, shape, x.dtype, x.storage.needs or "Linear" in text or "Conv" in text or "Norm" in text, sure=False)
    if s.chance(0.1):
        s.emit(f"{name}.eval()")
        s.bind(call, shape, x.dtype, x.storage.needs, sure=False)


HOOKS = (
    "{}.register_forward_hook(lambda m, i, o: o * 2 if isinstance(o, torch.Tensor) else None)",
    "{}.register_forward_pre_hook(lambda m, i: (i[0] + 1, *i[1:]))",
    "{}.register_full_backward_hook(lambda m, gi, go: None)",
    "{}.register_full_backward_hook(lambda m, gi, go: tuple(None if g is None else g * 2 for g in gi))",
    "{}.register_full_backward_pre_hook(lambda m, go: tuple(g * 2 for g in go))",
)


def loss(s: State, x: Name) -> None:
    """A functional loss, normalisation or padding."""
    r = s.r
    y = s.pick(lambda n: n.shape == x.shape and n.dtype == x.dtype, recent=False)
    reduction = r.choice(("mean", "sum", "none"))
    shape = x.shape if reduction == "none" else ()
    pairs = [
        "mse_loss({0}, {1}",
        "l1_loss({0}, {1}",
        "smooth_l1_loss({0}, {1}",
        "huber_loss({0}, {1}",
        "soft_margin_loss({0}, {1}.detach().sign()",
    ]
    pairs += ["binary_cross_entropy_with_logits({0}, {1}.sigmoid()", "binary_cross_entropy({0}.sigmoid(), {1}.detach().sigmoid()"]
    pairs += ["kl_div({0}.log_softmax(-1), {1}.softmax(-1)", "poisson_nll_loss({0}, {1}"]
    way = r.random()
    if way < 0.6:
        text = f"F.{r.choice(pairs).format(x.text, y.text)}, reduction='{reduction}')"
        s.bind(text, shape, x.dtype, x.storage.needs or y.storage.needs)
    elif way < 0.8 and x.ndim == 2 and s.may("C8"):
        n, c = x.shape
        target = f"torch.arange({n}) % {c}"
        weight = r.choice(("", "", f", weight={data(s, (c,), x.dtype)}.abs()", ", label_smoothing=0.1", ", ignore_index=0"))
        shape = (n,) if reduction == "none" else ()
        s.bind(f"F.cross_entropy({x.text}, {target}{weight}, reduction='{reduction}')", shape, x.dtype, x.storage.needs)
    elif way < 0.9 and s.may("normalize"):
        s.bind(f"F.normalize({x.text}, dim=-1)", x.shape, x.dtype, x.storage.needs, sure=False)
    elif x.ndim in (2, 3) and x.shape[-1] > 1:
        mode = r.choice(("constant", "reflect", "replicate", "circular") if s.may("connected") else ("constant", "circular"))
        s.bind(f"F.pad({x.text}, (1, 1), mode='{mode}')", (*x.shape[:-1], x.shape[-1] + 2), x.dtype, x.storage.needs, sure=False)
    else:
        rows = math.prod(x.shape[:-1])
        if x.ndim == 2 and rows:
            index = [r.randrange(rows) for _ in range(3)]
            s.bind(f"F.embedding(torch.tensor({index}), {x.text})", (3, x.shape[1]), x.dtype, x.storage.needs, sure=False)


def step(s: State, x: Name) -> None:
    """A step or two of an optimizer on a small network."""
    name, opt = s.fresh("m"), s.fresh("o")
    kinds = (
        "SGD({}, lr=0.1)",
        "SGD({}, lr=0.1, momentum=0.9)",
        "Adam({}, lr=0.1)",
        "AdamW({}, lr=0.1)",
        "RMSprop({}, lr=0.1)",
        "Adagrad({}, lr=0.1)",
    )
    s.emit(f"torch.manual_seed({s.r.randrange(9)})")
    s.emit(f"{name} = nn.Linear({x.shape[-1]}, 2, dtype=torch.{x.dtype})")
    s.emit(f"{opt} = torch.optim.{s.r.choice(kinds).format(name + '.parameters()')}")
    body = [f"{opt}.zero_grad(set_to_none=True)", f"{name}({x.text}.detach()).square().mean().backward()", f"{opt}.step()"]
    s.emit("\n    ".join([f"for _ in range({s.r.choice((1, 2, 3))}):", *body]))
