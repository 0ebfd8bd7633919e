"""_foreach functions, as optimizers of packages use them."""

import torch

torch.manual_seed(0)
a = [torch.randn(3), torch.randn(2, 2)]
b = [torch.rand(3) + 0.5, torch.rand(2, 2) + 0.5]


def clone(ts):
    return [t.clone() for t in ts]


F = torch
for name in ("add", "sub", "mul", "div", "maximum", "minimum", "clamp_max", "clamp_min"):
    f = getattr(torch, f"_foreach_{name}")
    g = getattr(torch, f"_foreach_{name}_")
    print(name, f(a, b), f(a, 2.0), f(a, [1.0, 2.0]))
    c = clone(a)
    g(c, b)
    print(c)
for name in (
    "abs",
    "neg",
    "sqrt",
    "exp",
    "log",
    "reciprocal",
    "sigmoid",
    "tanh",
    "floor",
    "ceil",
    "round",
    "sign",
    "sin",
    "cos",
    "erf",
    "lgamma",
    "expm1",
    "log1p",
    "log2",
    "log10",
    "frac",
    "trunc",
    "rsqrt",
):
    c = clone(b)
    print(name, getattr(torch, f"_foreach_{name}")(b))
    getattr(torch, f"_foreach_{name}_")(c)
    print(c[0])
print(
    torch._foreach_add(a, b, alpha=0.5),
    torch._foreach_addcmul(a, b, b, value=2.0),
    torch._foreach_addcdiv(a, b, b, 0.5),
    torch._foreach_addcmul(a, b, b, [1.0, 2.0]),
    torch._foreach_addcdiv(a, b, b, torch.tensor([1.0, 2.0])),
)
print(
    torch._foreach_lerp(a, b, 0.3),
    torch._foreach_lerp(a, b, b),
    torch._foreach_pow(b, 2.0),
    torch._foreach_pow(2.0, b),
    torch._foreach_pow(b, [1.0, 2.0]),
    torch._foreach_norm(a),
    torch._foreach_norm(a, 1),
    torch._foreach_norm(a, float("inf")),
    torch._foreach_max(a),
)
c = clone(a)
torch._foreach_zero_(c)
print(c)
torch._foreach_copy_(c, a)
print(c)
torch._foreach_mul_(c, torch.tensor(2.0))
print(c)
torch._foreach_lerp_(c, a, 0.5)
torch._foreach_addcdiv_(c, a, b, value=-1e-1)
print(c)
for bad in (lambda: torch._foreach_add(a, b[:1]), lambda: torch._foreach_add([], []), lambda: torch._foreach_mul(a, [1.0])):
    try:
        print(bad())
    except Exception as e:
        print(type(e).__name__)
