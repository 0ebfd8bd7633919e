"""Programs of nested transforms of functions: grad, jvp, vmap, jacrev, jacfwd and hessian, of each other, and autograd around them.

Against PyTorch, in float64. A function is of a vector `x`, and of `w` and `m`, which it finds around itself and which may need gradients.
"""

from __future__ import annotations

import random

from fuzz import against, programs

KNOWN = {
    "writes": "writes in place within functions",
    "around": "autograd around the transforms",
    "chunks": "chunk_size",
    "random": "dropout",
}

# Not among them: norm, layer_norm and linalg.solve, of which PyTorch's derivatives of forward derivatives are wrong or refused.
STEPS = (
    "x.sin()", "torch.tanh(x * w)", "x * w.cos()", "x.cumsum(0) * 0.5", "m @ x", "torch.softmax(x + w, 0)", "x.flip(0) * x", "x[[2, 0, 1]]",
    "x * x.sum()", "torch.nn.functional.gelu(x)", "x - x.mean()", "torch.stack([x, w]).mul(0.7).sum(0) * w", "torch.cat([x[1:], w[:1]]) * x",
    "torch.where(x > 0.1, x * w, x.sin())", "x / (x * x).mean().add(0.1).sqrt()", "(x[:, None] * w).sum(0)", "x.exp().clamp(0.2, 3.0)",
    "torch.linalg.inv(m.T @ m + 3 * torch.eye(3)) @ x", "torch.einsum('i,ij->j', x, m)", "x.gather(0, torch.tensor([1, 1, 2])) * w",
    "torch.nn.functional.conv1d(x[None, None], w[None, None], padding=1)[0, 0]", "x.reshape(3, 1).expand(3, 2).sum(1)", "x.roll(1) + x.abs()",
    "torch.logsumexp(x * w, 0) * x", "x.sort().values * w", "x.pow(2).div(1.5 + w.square())", "torch.atan2(x, w + 2)", "x.square().sum().sqrt() * w",
    "torch.nn.functional.cross_entropy(torch.stack([x, x * w]), torch.tensor([2, 0]), reduction='none').sum() * x",
    "torch.nn.functional.nll_loss(x.log_softmax(0), torch.tensor(1)) * w",
    "torch.linalg.qr(m * x + 2 * torch.eye(3))[1].sum(0)", "torch.linalg.svdvals(m * x + torch.diag(w + 3)) * w",
    "torch.linalg.lu(m * x + 2 * torch.eye(3))[2].sum(1)",
    "torch.linalg.pinv(m * x + 2 * torch.eye(3)) @ w", "torch.linalg.cholesky(torch.outer(x, x) + torch.eye(3)) @ w", "x.cummax(0).values * w",
    "torch.stack([x, w]).max(0).values * x", "x.topk(2).values.sum() * w", "x.unbind(0)[0] * x", "torch.fft.rfft(x * w).abs().sum() * x",
    "torch.view_as_real(torch.complex(x, w).exp()).sum(1)", "torch.linalg.matrix_exp(m * x * 0.3) @ w",
    "x.scatter_reduce(0, torch.tensor([0, 0, 2]), x * w, 'mean')", "x.index_add(0, torch.tensor([2, 0]), w[:2] * x[1:])", "torch.zeros_like(x) + x.square().sum()",
)  # fmt: skip
WRITES = (
    "y = x.clone()\n    y[1] = x[0] * w[2]\n    x = y",
    "y = x * 1\n    y[1:].mul_(x[:2])\n    x = y",
    "y = x.sin()\n    y.add_(x * w)\n    x = y",
    "y = x + 0\n    y[:1].exp_()\n    x = y",
    "y = x.clone()\n    y.view(-1)[1] = 0.5\n    x = y * x",
    "y = torch.zeros_like(x)\n    y += x\n    y[2] = x.sum()\n    x = y * w",
    "y = x.new_ones(3)\n    y[:2] = x[1:]\n    y.mul_(x)\n    x = y",
)
NUMBERS = ("x.sum()", "(x * x).sum()", "x[0] * x[2]", "x[0] * x[1] * x[2]", "torch.dot(x, w)")


def generate(seed: int, avoid: frozenset[str] = frozenset()) -> programs.Program:
    """The program of a seed."""
    return Case(programs.source(seed, "transforms"), avoid).program()


def compare(program: programs.Program) -> str | None:
    """How a run here differs from one on PyTorch. Which writes are refused differs: of samples into what all of them share, and of what
    was saved."""
    found = against.against_torch(program)
    reasons = ("vmap: inplace", "cannot be written", "modified by an inplace operation", "ZeroTensors are immutable")
    refused = found is not None and found.startswith(("refusal", "raises")) and any(reason in found for reason in reasons)
    return None if refused else found


class Case:
    """One program while it is written."""

    def __init__(self, source: random.Random, avoid: frozenset[str]):
        self.r, self.avoid = source, avoid
        self.statements = ["torch.set_default_dtype(torch.float64)", "torch.manual_seed(3)"]
        self.count = 0

    def may(self, feature: str, share: float) -> bool:
        return feature not in self.avoid and self.r.random() < share

    def add(self, text: str) -> None:
        self.statements.append(text)

    def named(self, body: str) -> str:
        """A new function of `x`, whose name is returned."""
        name = f"f{self.count}"
        self.count += 1
        self.add(f"def {name}(x):\n    {body}")
        return name

    def plain(self) -> str:
        """A function of a vector that gives one."""
        steps = [f"x = {self.r.choice(STEPS)}" for _ in range(self.r.randint(1, 3))]
        if self.may("writes", 0.2):
            steps.insert(self.r.randrange(len(steps) + 1), self.r.choice(WRITES))
        return self.named("\n    ".join([*steps, "return x"]))

    def number(self, f: str) -> str:
        """A function that makes a number of what `f` gives."""
        return self.named(f"x = {f}(x)\n    return {self.r.choice(NUMBERS)}")

    def transformed(self, f: str) -> str:
        """A transform of a function of a vector that gives a vector; it is such a function too."""
        r = self.r
        kind = r.choice("grad grad jvp jvp vmap vmap vmap jacrev jacfwd hessian over both vjp".split())
        chunk = ", chunk_size=2" if kind in ("jacrev", "vmap") and self.may("chunks", 0.15) else ""
        if kind == "grad":
            return self.named(f"return torch.func.grad({self.number(f)})(x)")
        if kind == "jvp":
            return self.named(f"return torch.func.jvp({f}, (x,), ({r.choice(['w', 'x', 'w * x', 'torch.ones(3)'])},))[1]")
        if kind == "vjp":
            return self.named(f"y, back = torch.func.vjp({f}, x)\n    return back({r.choice(['y', 'w', 'x'])})[0] * y")
        if kind == "vmap":
            batch = r.choice(["torch.stack([x, x * 0.5])", "m * x", "m.T + x", "m"])
            dims = r.choice(["", ", in_dims=1", ", out_dims=1"])
            batch = "m * x" if "in_dims" in dims else batch
            if "out" in dims:  # PyTorch puts what is the same for all samples elsewhere
                f = f"lambda z: {f}(z) + 0 * z"
            return self.named(f"return torch.vmap({f}{dims}{chunk})({batch}).sum({1 if 'out' in dims else 0}) * 0.5")
        if kind == "over":  # each sample has another second argument, which the function finds around itself
            g = self.named(f"return torch.vmap(lambda z: {f}(x * z.sum()))(m).sum(0)")
            return g
        if kind == "both":
            return self.named(f"return torch.vmap(lambda u: torch.func.jvp({f}, (x,), (u,))[1])(torch.eye(3)).sum({r.choice('01')})")
        if kind == "hessian":
            return self.named(f"return torch.func.hessian({self.number(f)})(x) @ w")
        rows = f"torch.func.{kind}({f}{chunk})(x)" if kind == "jacrev" else f"torch.func.jacfwd({f})(x)"
        return self.named(f"return {rows}.sum({r.choice('01')})")

    def program(self) -> programs.Program:
        """The program: a function, up to four transforms of it, and what it gives."""
        r = self.r
        around = self.may("around", 0.6)
        need = ".requires_grad_()" if around else ""
        self.add(f"x0 = torch.tensor([0.4, -0.3, 0.7]){need}")
        self.add(f"w = torch.tensor([0.5, 1.1, -0.8]){need}")
        self.add("m = torch.tensor([[0.6, -0.2, 0.1], [0.3, 0.8, -0.5], [-0.4, 0.2, 0.9]])" + need)
        f = self.plain()
        for _ in range(r.randint(1, 4 if r.random() < 0.2 else 3)):
            f = self.transformed(f)
        self.add(f"y = {f}(x0) + 1e-3")  # noise about zero is no difference
        if around:
            self.add("g = torch.autograd.grad((y * y).sum(), (x0, w, m), allow_unused=True) if y.requires_grad else (None,) * 3")
            self.add(
                "g, y = [None if a is None or a.abs().max() < 1e-12 else a.detach() for a in g], y.detach()"
            )  # none is as good as zeros
        return programs.Program(tuple(self.statements))
