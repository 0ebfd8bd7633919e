"""Programs of complex numbers: functions of a vector, their gradients, derivatives along directions, and samples of them.

Against PyTorch, in complex128. What lies on a branch cut is left out: no step makes numbers that are real but for rounding.
"""

from __future__ import annotations

import random

from fuzz import against, programs

KNOWN = {
    "writes": "writes in place within functions",
    "transforms": "vmap and forward derivatives",
}

STEPS = (
    "x.exp()", "x.sin()", "x * x.conj() * w", "x * w", "x / (x.abs() + 1)", "(1 + 2j) / (x + 3)", "(1 + 1j) ** x * 0.2", "x ** 2",
    "x.conj()", "x * x.abs()", "torch.polar(x.abs(), x.angle() * 0.5)", "x.flip(0) * x", "x - x.mean()", "x.cumsum(0)", "x.cumprod(0)",
    "m @ x", "m.mH @ x", "torch.fft.fft(x)", "torch.fft.ifft(x * w, norm='ortho')", "torch.complex(x.imag, x.real * 0.5)", "x.sgn() * w",
    "x.tanh() + w", "x.prod() * w", "torch.linalg.solve(m + 3 * torch.eye(3), x)",
    "torch.linalg.qr(m * x + 3 * torch.eye(3))[1].abs().sum(0) * x", "x.index_select(0, torch.tensor([2, 0, 0]))",
    "torch.linalg.svdvals(m * x + torch.diag(w + 3)) * x", "torch.linalg.matrix_exp(m * x * 0.2) @ w", "torch.vdot(w, x) * x",
    "x.norm() * w", "torch.linalg.eigvalsh(torch.outer(x, x.conj()) + torch.diag(torch.arange(3.0))) * w",
    "torch.view_as_complex(torch.view_as_real(x + 0) * 0.5)", "torch.where(x.real > 0.1, x, x * 2j)",
    "torch.stack([x, w]).sum(0) * x.real", "x.roll(1) * 1j", "torch.outer(x, w).sum(0)", "x.sinh() * 0.5", "(x + 2).reciprocal()",
    "torch.einsum('i,ij->j', x, m)", "torch.linalg.inv(m + 3 * torch.eye(3)) @ x", "x.scatter_add(0, torch.tensor([1, 1, 0]), w * x)",
    "x.std(0, correction=0) * x", "x.softmax(0)", "x.logsumexp(0) * 0.1 + x",
)  # fmt: skip
WRITES = (
    "y = x.clone()\n    y[1] = x[0] * w[2]\n    x = y",
    "y = x + 0\n    y.real.mul_(2)\n    x = y",
    "y = x + 0\n    y.imag[1:] = x.real[:2]\n    x = y",
    "y = x * w\n    torch.view_as_real(y)[..., 0].sin_()\n    x = y",
    "y = torch.zeros_like(x)\n    y += x\n    y[0] = 0.5j\n    x = y * w",
    "y = x.clone()\n    y[:1].exp_()\n    x = y",
)
NUMBERS = (
    "x.abs().sum()",
    "(x * x.conj()).real.sum()",
    "x.real.sum() * x.imag[1]",
    "torch.view_as_real(x + 0).pow(3).sum()",
    "x.prod().imag",
)


def generate(seed: int, avoid: frozenset[str] = frozenset()) -> programs.Program:
    """The program of a seed."""
    r = programs.source(seed, "complexes")
    statements = ["torch.set_default_dtype(torch.float64)", *numbers(r)]
    steps = [f"x = {r.choice(STEPS)}" for _ in range(r.randint(1, 4))]
    if "writes" not in avoid and r.random() < 0.3:
        steps.insert(r.randrange(len(steps) + 1), r.choice(WRITES))
    statements.append("def f(x):\n    " + "\n    ".join([*steps, "return x"]))
    statements.append(f"def number(x):\n    x = f(x)\n    return {r.choice(NUMBERS)}")
    statements.append("y = f(x0)")
    statements.append("g = torch.autograd.grad(number(x0), (x0, w, m), allow_unused=True, create_graph=True)")
    uses = (
        ["again", "again"]
        if "transforms" in avoid
        else ["again", "jvp", "vjp", "grad", "samples", "gradients of samples", "hessian", "parts"]
    )
    statements += USES[r.choice(uses)]
    statements.append("g, y = [None if each is None or each.abs().max() < 1e-9 else each.detach() for each in g], y.detach()")
    return programs.Program(tuple(statements), ("y", "g", "z"))


USES = {
    "again": (
        "z = torch.autograd.grad(sum(each.abs().square().sum() for each in g if each is not None), x0, allow_unused=True)[0]",
        "z = None if z is None or z.abs().max() < 1e-9 else z",  # none is as good as zeros
    ),
    "jvp": ("z = torch.func.jvp(f, (x0.detach(),), (x0.detach() * 1j + 0.5,))[1].detach()",),
    "vjp": ("z = torch.func.vjp(f, x0.detach())[1](w.detach())[0].detach()",),
    "grad": ("z = torch.func.grad(number)(x0.detach()).detach()",),
    "samples": ("z = torch.vmap(f)(m).detach()",),
    "gradients of samples": ("z = torch.vmap(torch.func.grad(number))(m.detach()).detach()",),
    "hessian": ("z = torch.func.hessian(lambda v: number(torch.view_as_complex(v)))(torch.view_as_real(x0.detach()).clone()).detach()",),
    "parts": (
        "h = lambda v: torch.view_as_real(f(torch.view_as_complex(v)) + 0)",
        "z = torch.func.jacrev(h)(torch.view_as_real(x0.detach()).clone()).detach()",
    ),
}


def numbers(r: random.Random) -> list[str]:
    """Statements that make a vector `x0`, another `w` and a matrix `m`, all of which need gradients."""

    def some(count: int) -> list[complex]:
        return [complex(round(r.uniform(-0.9, 0.9), 2), round(r.uniform(0.1, 0.9), 2)) for _ in range(count)]

    return [
        f"x0 = torch.tensor({some(3)}, requires_grad=True)",
        f"w = torch.tensor({some(3)}, requires_grad=True)",
        f"m = torch.tensor({some(9)}).reshape(3, 3).requires_grad_()",
    ]


def compare(program: programs.Program) -> str | None:
    """How a run here differs from one on PyTorch; what only PyTorch cannot run on samples is no difference."""
    found = against.against_torch(program)
    return None if found is not None and found.startswith("refusal") and "Batching rule not implemented" in found else found
