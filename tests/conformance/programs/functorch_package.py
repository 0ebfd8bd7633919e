"""The package functorch: modules as functions of their parameters, and the old names of torch.func."""

import warnings

import torch
from torch import nn

warnings.simplefilter("ignore")

import functorch  # noqa: E402
from functorch import combine_state_for_ensemble, grad, jacrev, make_functional, make_functional_with_buffers, vmap  # noqa: E402

torch.manual_seed(0)
net = nn.Linear(3, 1)
function, params = make_functional(net)
x = torch.rand(4, 3)
print(torch.equal(function(params, x), net(x)), [p.requires_grad for p in params], type(params).__name__)
print([p.requires_grad for p in make_functional(net, disable_autograd_tracking=True)[1]])


def loss(params, x):
    return function(params, x).pow(2).sum()


print([g.detach() for g in grad(loss)(params, x)])
print([g.detach() for g in vmap(grad(loss), (None, 0))(params, x)])
print([j.shape for j in jacrev(function)(params, x)])
normed = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
call, weights, buffers = make_functional_with_buffers(normed)
print(call(weights, buffers, x).detach(), len(weights), len(buffers), normed[1].running_mean, buffers[0])
try:
    make_functional(normed)
except RuntimeError as error:
    print(str(error)[:60])
ensemble, stacked, none = combine_state_for_ensemble([nn.Linear(3, 2) for _ in range(5)])
print(vmap(ensemble, (0, 0, None))(stacked, none, x).sum().detach(), [each.shape for each in stacked])
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    functorch.vmap(torch.sin)(x)
print([each.category.__name__ for each in told])
