"""Programs of inference: sequences that grow call by call, caches that are written in place, weights that change between calls.

They are compared as other functions are (`fuzz/compiled.py`).
"""

from __future__ import annotations

from fuzz import programs

GROWING = {  # what a call is given next, for each way in which `f` keeps what it has seen
    "cat": ("r, cache = f(x, cache)",),
    "whole": ("r = f(x)\nx = torch.cat([x, r[:, -1:].detach() * 0.5], 1)",),
    "copied": ("r = f(x, cache, at)\nat = (at + 1) % N",),
    "counted": ("r = f(x, cache, n)\nn = (n + 1) % N",),
}
KEPT = {
    "cat": ("def f(x, cache):", "    k = torch.cat([cache, net(x)], 1)"),
    "whole": ("def f(x):", "    k = net(x)"),
    "copied": ("def f(x, cache, at):", "    {write}", "    k = cache * (steps <= at.max())[:, None]"),
    "counted": ("def f(x, cache, n):", "    cache[:, n] = net(x)[:, 0]", "    k = cache[:, :n + 1]"),
}
AT = (
    "cache.index_copy_(1, at, net(x))",
    "cache[:, at] = net(x)",
    "cache[:, at] = {c}",
    "cache[:1, at] = net(x)[:1]",
    "cache.index_copy_(1, at, net(x).tanh())",
    "cache.mT.index_copy_(2, at, net(x).mT)",
    "cache[0].index_copy_(0, at, net(x)[0])",
    "cache[:, at] += net(x)",
    "cache.index_fill_(1, at, {c})",
    "cache.index_add_(1, at, net(x))",
    "cache[..., at, :] = net(x)",
    "cache[:, at, :] = net(x).sum(-1, keepdim=True)",
    "cache[:, at - N] = net(x)",
)
ENDS = (
    "k.mean(1)",
    "(x @ k.mT).softmax(-1) @ k",
    "F.scaled_dot_product_attention(x, k, k)",
    "k[:, -1] @ w",
    "k.cumsum(1)[:, -1:]",
    "k.amax(1) + x.mean(1)",
    "F.linear(k[:, -1:], w)",
)
NETS = (
    "nn.Linear(M, M)",
    "nn.Sequential(nn.Linear(M, M), nn.LayerNorm(M))",
    "nn.Sequential(nn.Linear(M, 3), nn.GELU(), nn.Linear(3, M, bias=False))",
    "nn.Sequential(nn.Linear(M, 5), nn.Unflatten(1, (1, -1)), nn.BatchNorm2d(1), nn.Flatten(1, 2), nn.Linear(5, M))",
    "nn.Sequential(nn.Linear(M, M, bias=False), nn.RMSNorm(M))",
)
CHANGES = (
    "with torch.no_grad():\n    w.mul_({c})",
    "with torch.no_grad():\n    net[0].weight.add_({c})",
    "net.load_state_dict({k: v * 0.5 for k, v in net.state_dict().items() if v.is_floating_point()}, strict=False)",
    "x = torch.randn(x.shape)",
    "cache = cache.clone()",
    "cache = cache[:, :1].clone()",
    "net.train()\nnet.eval()",
    "x = x[:, :1]",
    "w = torch.randn(M, M)",
    "w = w.t()",
    "n = 0",
    "x = x.repeat(2, 1, 1)\ncache = cache.repeat(2, 1, 1)",
    "net(x).sum().backward()\nopt.step()\nopt.zero_grad()",
    "net.requires_grad_(False)",
    "at = at.flip(0)",
    "at = torch.tensor([1, 0, 1])\nx = torch.randn(x.shape[0], 3, M)",
)


def generate(seed: int) -> programs.Program:
    """The program of a seed."""
    random = programs.source(seed, "generation")

    def filled(text: str) -> str:
        return text.replace("{c}", str(random.choice((0.5, -1.5, 2.0))))

    kind = random.choice((*GROWING, "copied", "copied", "copied"))
    count = random.choice((1, 1, 1, 2, 3)) if kind in ("cat", "copied") else random.choice((2, 4)) if kind == "whole" else 1
    batch, width, most = random.choice((1, 1, 2)), random.choice((1, 2, 4, 9)), random.choice((4, 6, 11))
    lines = [f"torch.manual_seed({seed % 100})", f"M, N, n = {width}, {most}, 0", "steps = torch.arange(N)"]
    lines += [
        f"x = torch.randn({batch}, {count}, M)",
        f"cache = torch.randn({batch}, {'1' if kind == 'cat' else 'N'}, M)",
        "w = torch.randn(M, M)",
    ]
    lines += [f"at = torch.tensor({random.sample(range(most), count)})", f"net = {random.choice(NETS)}.eval()"]
    lines += ["opt = torch.optim.SGD(net.parameters(), lr=0.1)"]
    body = [line.replace("{write}", filled(random.choice(AT))) for line in KEPT[kind]]
    end = random.choice(ENDS if kind != "whole" else ENDS[1:3])
    body.append(f"    return {end}, k" if kind == "cat" else f"    return {end}")
    under = random.choice(("no_grad", "inference_mode", "no_grad"))
    inside = [f"    {line}" for line in body[1:]]
    lines += ["\n".join([body[0], f"    with torch.{under}():", *inside]), "f = torch.compile(f)"]
    for _ in range(random.choice((9, 14))):
        lines += random.choice(GROWING[kind]).split("\n")
        if random.random() < 0.2:
            lines.append(filled(random.choice(CHANGES)))
    return programs.parse("\n".join(lines))
