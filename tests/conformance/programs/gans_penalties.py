"""Gradient penalties, custom functions, double backward, weight clipping, EMA of weights, R1, spectral norm in one GAN loop."""

import torch
from torch import autograd, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn, update_bn

torch.manual_seed(0)


class Swish(autograd.Function):
    @staticmethod
    def forward(ctx, x):
        s = x.sigmoid()
        ctx.save_for_backward(x, s)
        return x * s

    @staticmethod
    def backward(ctx, g):
        x, s = ctx.saved_tensors
        return g * (s + x * s * (1 - s))


class Reverse(autograd.Function):
    @staticmethod
    def forward(ctx, x, k):
        ctx.k = k
        return x.view_as(x)

    @staticmethod
    def backward(ctx, g):
        return -ctx.k * g, None


class Act(nn.Module):
    def forward(self, x):
        return Swish.apply(x)


G = nn.Sequential(nn.Linear(4, 16, bias=False), nn.BatchNorm1d(16), nn.LeakyReLU(0.2), nn.Linear(16, 2))
D = nn.Sequential(nn.Linear(2, 16), Act(), nn.utils.parametrizations.spectral_norm(nn.Linear(16, 16)), Act(), nn.Linear(16, 1))
og, od = torch.optim.Adam(G.parameters(), 1e-3, betas=(0.0, 0.9)), torch.optim.RMSprop(D.parameters(), 1e-3)
ema = AveragedModel(G, multi_avg_fn=get_ema_multi_avg_fn(0.9))
shadow = {k: v.clone() for k, v in G.state_dict().items()}
for it in range(5):
    for p in D.parameters():
        p.requires_grad_(True)
    for _ in range(2):
        real = torch.randn(8, 2) * 0.5 + 1
        fake = G(torch.randn(8, 4)).detach()
        e = torch.rand(8, 1)
        mix = (e * real + (1 - e) * fake).requires_grad_()
        (gr,) = autograd.grad(D(mix).sum(), mix, create_graph=True)
        gp = ((gr.norm(2, dim=1) - 1) ** 2).mean()
        r = real.clone().requires_grad_()
        (g1,) = autograd.grad(D(r), r, torch.ones(8, 1), create_graph=True, retain_graph=True)
        r1 = g1.pow(2).flatten(1).sum(1).mean()
        ld = D(fake).mean() - D(real).mean() + 10 * gp + 0.5 * r1
        od.zero_grad()
        ld.backward()
        od.step()
    for p in D.parameters():
        p.requires_grad_(False)
    lg = -D(G(torch.randn(8, 4))).mean()
    og.zero_grad()
    lg.backward()
    og.step()
    ema.update_parameters(G)
    with torch.no_grad():
        for k, v in G.state_dict().items():
            shadow[k].lerp_(v, 0.1) if v.is_floating_point() else shadow[k].copy_(v)
    print(it, ld.item(), gp.item(), r1.item(), lg.item())
update_bn([torch.randn(8, 4) for _ in range(3)], ema)
print(ema.n_averaged, sum(p.sum() for p in ema.parameters()), ema.module[1].running_mean.sum(), shadow["0.weight"].sum())
for p in D.parameters():
    p.data.clamp_(-0.01, 0.01)
x = torch.ones(2, requires_grad=True)
Reverse.apply(x, 0.5).sum().backward()
print(x.grad, max(p.max() for p in D.parameters()))
print(autograd.gradcheck(Swish.apply, torch.randn(3, dtype=torch.double, requires_grad=True)))


class Two(autograd.Function):
    @staticmethod
    def forward(a, b, n=2):
        return a * b, (a > 0)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs[:2])
        ctx.mark_non_differentiable(output[1])
        ctx.set_materialize_grads(False)

    @staticmethod
    def backward(ctx, g, _):
        a, b = ctx.saved_tensors
        return (g * b if ctx.needs_input_grad[0] else None), (g * a if ctx.needs_input_grad[1] else None), None

    @staticmethod
    def jvp(ctx, ta, tb, n):
        return None, None


a = torch.tensor([2.0], requires_grad=True)
o, f = Two.apply(a, torch.tensor([3.0]))
o.backward()
print(a.grad, f, f.requires_grad, o.grad_fn.name() if hasattr(o.grad_fn, "name") else "")


class Bad(autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    @autograd.function.once_differentiable
    def backward(ctx, g):
        return g


(gx,) = autograd.grad(Bad.apply(a).sum(), a, create_graph=True)
try:
    gx.sum().backward()
    print("no error")
except RuntimeError as e:
    print("once")
