"""Gradients added up over small batches, clipped, looked at, with several losses, retained, frozen, detached; noise in them."""

import torch
from torch import nn

torch.manual_seed(0)
x, y = torch.randn(32, 5), torch.randn(32, 1)
model = nn.Sequential(nn.Linear(5, 8), nn.SiLU(), nn.Linear(8, 1))
nn.MSELoss()(model(x), y).backward()
whole = [p.grad.clone() for p in model.parameters()]
model.zero_grad()
for a, b in zip(x.split(8), y.split(8), strict=True):
    (nn.MSELoss()(model(a), b) / 4).backward()
print(all(torch.allclose(p.grad, g, atol=1e-6) for p, g in zip(model.parameters(), whole, strict=True)))
print(nn.utils.clip_grad_norm_(model.parameters(), 0.1), nn.utils.get_total_norm([p.grad for p in model.parameters()]))
vector = nn.utils.parameters_to_vector(model.parameters())
nn.utils.vector_to_parameters(vector * 0.5, model.parameters())
print(vector.shape, vector.norm(), model[0].weight.norm())

optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, nesterov=True, weight_decay=1e-3)
for _step in range(6):
    h = model[1](model[0](x))
    h.retain_grad()
    loss = nn.functional.mse_loss(model[2](h), y)
    penalty = sum(p.abs().sum() for p in model.parameters())
    optimizer.zero_grad()
    loss.backward(retain_graph=True)
    (1e-3 * penalty).backward()
    for p in model.parameters():
        p.grad += 0.01 * torch.randn_like(p.grad)
    optimizer.step()
    print(loss.item(), penalty.item(), h.grad.norm().item())
w = torch.ones(3, requires_grad=True)
a = w * 2
b = a.detach() * w
(b.sum() + a.sum()).backward()
print(w.grad, a.requires_grad, b.is_leaf, w.is_leaf, a.grad_fn.name())
try:
    w.add_(1)
except RuntimeError as error:
    print(type(error).__name__, "leaf" in str(error))
with torch.no_grad():
    w.add_(1)
try:
    c = w.exp()
    c.add_(1)
    c.sum().backward()
except RuntimeError as error:
    print(type(error).__name__, "modified by an inplace operation" in str(error))
print(torch.autograd.grad(w.pow(3).sum(), w, create_graph=True)[0].pow(2).sum())
(g1,) = torch.autograd.grad(w.pow(3).sum(), w, create_graph=True)
print(torch.autograd.grad(g1.pow(2).sum(), w))
