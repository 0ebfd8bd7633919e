"""torch.func: functional_call, ensembles by vmap, gradients of each sample, clipping them."""

import copy

import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call, grad, grad_and_value, jacrev, stack_module_state, vmap

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))
x, y = torch.randn(6, 4), torch.randint(3, (6,))
params = {k: v.detach() for k, v in model.named_parameters()}
buffers = {k: v.detach() for k, v in model.named_buffers()}


def loss_of(params, buffers, sample, target):
    output = functional_call(model, (params, buffers), (sample.unsqueeze(0),))
    return F.cross_entropy(output, target.unsqueeze(0))


per_sample = vmap(grad(loss_of), in_dims=(None, None, 0, 0))(params, buffers, x, y)
print({k: tuple(v.shape) for k, v in per_sample.items()})
one_by_one = [torch.autograd.grad(F.cross_entropy(model(a[None]), b[None]), tuple(model.parameters())) for a, b in zip(x, y, strict=True)]
print(all(torch.allclose(g, torch.stack(s), atol=1e-6) for g, s in zip(per_sample.values(), zip(*one_by_one, strict=True), strict=True)))
norms = torch.stack([g.flatten(1).norm(dim=1) for g in per_sample.values()]).norm(dim=0)
factor = (0.5 / norms).clamp(max=1.0)
print(norms, {k: torch.einsum("i,i...->...", factor, g).norm().item() for k, g in per_sample.items()})
gradient, value = grad_and_value(loss_of)(params, buffers, x[0], y[0])
print(value, gradient["2.bias"])

models = [nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)) for _ in range(3)]
stacked, stacked_buffers = stack_module_state(models)
base = copy.deepcopy(models[0]).to("meta")
outputs = vmap(lambda p, b, data: functional_call(base, (p, b), (data,)), in_dims=(0, 0, None))(stacked, stacked_buffers, x)
print(outputs.shape, torch.allclose(outputs[1], models[1](x), atol=1e-6), outputs.mean(dim=0))
print(jacrev(lambda p: functional_call(model, p, (x[:2],)).sum(0))(params)["2.bias"])
with torch.no_grad():
    print(functional_call(model, {"2.weight": torch.zeros(3, 8)}, (x[:1],)), model[2].bias)
