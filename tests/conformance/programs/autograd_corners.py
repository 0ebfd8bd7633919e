"""Corners of autograd: retain_graph, accumulate, views and in place, detach, grad modes, backward with inputs, anomaly, forward mode."""

import torch
import torch.autograd.forward_ad as fwAD
from torch.autograd import grad
from torch.autograd.functional import hessian, hvp, jacobian, jvp, vhp, vjp

torch.manual_seed(0)
x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
y = (x**3).sum()
print(
    grad(y, x, retain_graph=True),
    grad(y, x, create_graph=True)[0].grad_fn is not None,
    grad([y, y], [x], [torch.tensor(1.0), torch.tensor(2.0)]),
)
for bad in (
    lambda: (y.backward(), y.backward()),
    lambda: x.add_(1),
    lambda: (x * 2).backward(),
    lambda: grad(x.detach().sum(), x),
    lambda: grad(y, torch.ones(1, requires_grad=True)),
    lambda: torch.ones(1).backward(),
    lambda: torch.tensor([1, 2], requires_grad=True),
    lambda: setattr(x * 2, "requires_grad", False),
    lambda: setattr(x, "grad", torch.ones(2)),
):
    try:
        print(bad())
    except Exception as e:
        print(type(e).__name__)
print(
    grad(x.sum(), [x, torch.ones(1, requires_grad=True)], allow_unused=True),
    grad((x * 1).sum(), [torch.ones(2, requires_grad=True)], allow_unused=True, materialize_grads=True),
)
x.grad = None
a = x * 2
v = a[:2]
v.mul_(3)
a.sum().backward()
print(x.grad, a.is_leaf, v._base is a, x._version, a._version)
b = x.exp()
b_old = b
b = b.detach().requires_grad_()
(b * 2).sum().backward()
print(b.grad, b_old.grad_fn is not None)
s = x.sigmoid()
s2 = s * 2
try:
    s.add_(1)
    s2.sum().backward()
    print("fine")
except RuntimeError as e:
    print("version" in str(e) or "modified" in str(e))
w = torch.ones(2, requires_grad=True)
u = torch.ones(2, requires_grad=True)
((w * u).sum() * 3).backward(inputs=[w])
print(w.grad, u.grad)
with torch.no_grad():
    z = x * 2
    print(z.requires_grad, torch.is_grad_enabled())
with torch.set_grad_enabled(False), torch.enable_grad():
    print((x * 2).requires_grad)


@torch.no_grad()
def f(t):
    return t * 2


print(f(x).requires_grad, f.__name__)
torch.set_grad_enabled(False)
print((x * 1).requires_grad)
torch.set_grad_enabled(True)
with torch.inference_mode():
    i = x * 2
print(i.requires_grad, i.is_leaf)
try:
    with torch.autograd.detect_anomaly():
        torch.sqrt(torch.zeros(1, requires_grad=True) * 0 - 1).sum().backward()
except RuntimeError as e:
    print("nan" in str(e))


def fn(t):
    return (t**2).sum() + t.prod()


print(
    jacobian(lambda t: t**2, x),
    hessian(fn, x),
    hvp(fn, x, torch.ones(3)),
    vhp(fn, x, torch.ones(3))[1],
    jvp(fn, x, torch.ones(3)),
    vjp(fn, x)[1],
    jacobian(lambda a, b: a * b, (x, x), vectorize=True)[0].diagonal(),
)
with fwAD.dual_level():
    d = fwAD.make_dual(x.detach(), torch.ones(3))
    o = (d**2).sin()
    print(fwAD.unpack_dual(o))
n = (x * 2 + 1).sum().grad_fn
print(n.name(), [g[0].name() for g in n.next_functions], n.next_functions[0][0].next_functions[0][0].next_functions[0][0].variable is x)


def fin(t):
    return torch.where(t > 2, t * 10, t.clamp(min=1.5))


print(
    grad(fin(x).sum(), x),
    grad(x.max(), x),
    grad(x.median(), x),
    grad(x.norm(), x),
    grad(x.sort(descending=True)[0][0], x),
    grad(torch.stack([x, x]).var(0, correction=0).sum(), x),
    grad(x.abs().sqrt().sum(), x),
    grad(x.cumprod(0).sum(), x),
    grad(x.roll(1).dot(x), x),
    grad(torch.cdist(x[None, :, None], x[None, :, None] + 1).sum(), x),
)
g = torch.zeros(2, requires_grad=True)
print(
    grad(g.norm(), g),
    grad(g.abs().sum(), g),
    grad(torch.relu(g).sum(), g),
    grad((g**0.0).sum(), g),
    grad(g.sign().sum(), g),
    grad(torch.maximum(g, g * 1).sum(), g),
    grad(g.pow(2).sum().sqrt(), g),
)
p = torch.nn.Parameter(torch.ones(2))
q = p.clone().requires_grad_()
q.retain_grad()
(q * p).sum().backward()
print(p.grad, q.grad)
p.grad.zero_()
print(p.grad)
p.requires_grad_(False)
print((p * 2).requires_grad)
m = torch.randn(3, 3, dtype=torch.complex64, requires_grad=True)
(m.abs() ** 2).sum().backward()
print(
    torch.allclose(m.grad, 2 * m.detach()),
    torch.view_as_real(m.detach()).shape,
    grad(torch.fft.fft(m).real.sum(), m)[0].imag.abs().max() < 1e-4,
)
A = torch.randn(3, 3, dtype=torch.double)
A = (A @ A.T + torch.eye(3)).requires_grad_()
print(grad(torch.logdet(A), A)[0].sub(torch.linalg.inv(A).T).abs().max() < 1e-9)
