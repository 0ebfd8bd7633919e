"""Rearrangements as layers, and functions on tensors."""

import torch
from einops import einsum, pack, reduce, repeat, unpack
from einops.layers.torch import Rearrange, Reduce
from torch import nn

torch.manual_seed(0)
m = nn.Sequential(
    Rearrange("b (h w) -> b 1 h w", h=4),
    nn.Conv2d(1, 4, 3, padding=1),
    Reduce("b c (h 2) (w 2) -> b c h w", "max"),
    Rearrange("b c h w -> b (c h w)"),
    nn.Linear(16, 2),
)
o = torch.optim.Adam(m.parameters(), 1e-2)
for _i in range(5):
    l = m(torch.randn(3, 16)).square().mean()
    o.zero_grad()
    l.backward()
    o.step()
    print(l.item())
x = torch.randn(2, 3, 4)
print(repeat(x, "a b c -> (a 2) b c").shape, reduce(x, "a b c -> b", "mean"), einsum(x, x, "a b c, a d c -> a b d").sum())
p, ps = pack([x, x[:, :, 0]], "a *")
print(p.shape, [u.shape for u in unpack(p, ps, "a *")])
