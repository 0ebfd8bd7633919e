"""Ensembles, per-sample gradients, Hessians, neural tangent kernels and MAML by torch.func."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call, grad, grad_and_value, hessian, jacfwd, jacrev, jvp, linearize, stack_module_state, vjp, vmap

torch.manual_seed(0)


def mlp():
    return nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 3))


models = [mlp() for _ in range(4)]
params, buffers = stack_module_state(models)
base = mlp().to("meta")


def call(p, b, x):
    return functional_call(base, (p, b), (x,))


x, y = torch.randn(5, 2), torch.randint(0, 3, (5,))
out = vmap(call, (0, 0, None))(params, buffers, x)
print(out.shape, torch.allclose(out[2], models[2](x), atol=1e-6), out.mean(0).argmax(-1))
print(vmap(call, (0, 0, 0))(params, buffers, torch.randn(4, 5, 2)).shape, {k: v.shape for k, v in params.items()})
m = models[0]
p = {k: v.detach() for k, v in m.named_parameters()}


def loss(p, x, y):
    return F.cross_entropy(functional_call(m, p, (x.unsqueeze(0),)), y.unsqueeze(0))


per = vmap(grad(loss), (None, 0, 0))(p, x, y)
print({k: (v.shape, v.norm()) for k, v in per.items()})
g, v = vmap(grad_and_value(loss), (None, 0, 0))(p, x, y)
print(v, torch.allclose(g["0.bias"].mean(0), torch.autograd.grad(F.cross_entropy(m(x), y), m[0].bias)[0], atol=1e-6))


def f(p, x):
    return functional_call(m, p, (x,))


def ntk(a, b):
    ja, jb = (vmap(jacrev(f), (None, 0))(p, t) for t in (a, b))
    pairs = zip(ja.values(), jb.values(), strict=True)
    return torch.stack([torch.einsum("Naf,Mbf->NMab", u.flatten(2), w.flatten(2)) for u, w in pairs]).sum(0)


print(ntk(x, x[:2]).shape, ntk(x, x[:2]).sum())
q = torch.randn(3)
A = torch.randn(3, 3)


def s(t):
    return (t @ A @ t).sin()


print(
    hessian(s)(q),
    jacfwd(jacrev(s))(q).trace(),
    jacrev(lambda t: (t.sin(), t**2))(q)[1],
    jvp(s, (q,), (torch.ones(3),)),
    vjp(s, q)[1](torch.tensor(2.0)),
)
o, lin = linearize(s, q)
print(o, lin(torch.ones(3)))
print(
    vmap(lambda a, b: a @ b, in_dims=(0, None))(A, q),
    vmap(vmap(torch.dot), in_dims=1)(torch.randn(2, 3, 4), torch.randn(2, 3, 4)).shape,
    vmap(lambda t: t.sum(), chunk_size=2)(x),
    vmap(torch.linalg.det)(torch.randn(4, 2, 2)).shape,
    vmap(lambda t: (t, t.mean()), out_dims=(1, 0))(x)[0].shape,
)
torch.manual_seed(3)
print(
    vmap(lambda t: t + torch.rand(1), randomness="different")(torch.zeros(3)).unique().numel(),
    vmap(lambda t: t + torch.rand(1), randomness="same")(torch.zeros(3)).unique().numel(),
)


def maml(p, task):
    xs, ys, xq, yq = task

    def inner(p, x, y):
        return F.mse_loss(functional_call(m, p, (x,)), y)

    for _ in range(2):
        g = grad(inner)(p, xs, ys)
        p = {k: p[k] - 0.1 * g[k] for k in p}
    return inner(p, xq, yq)


tasks = tuple(torch.randn(3, 4, d) for d in (2, 3, 2, 3))
meta = grad(lambda p: vmap(maml, (None, 0))(p, tasks).mean())(p)
print({k: v.norm() for k, v in meta.items()})
for bad in (
    lambda: vmap(lambda t: t.item())(q),
    lambda: grad(lambda t: t)(q),
    lambda: vmap(torch.add, (0, 0))(torch.ones(2), torch.ones(3)),
    lambda: vmap(lambda t: t.sum())(3),
    lambda: vmap(lambda t: torch.rand(1))(q),
    lambda: jacrev(lambda t: 3)(q),
):
    try:
        print(bad())
    except Exception as e:
        print(type(e).__name__)
