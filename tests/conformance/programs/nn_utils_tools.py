"""torch.nn.utils: vectors of parameters, clipping, norms, skip_init, fusing, old weight_norm, prune in forms, copying."""

import copy

import torch
from torch import nn
from torch.nn.utils import (
    clip_grad_norm_,
    clip_grad_value_,
    fuse_conv_bn_eval,
    fuse_linear_bn_eval,
    get_total_norm,
    parameters_to_vector,
    parametrizations,
    parametrize,
    prune,
    remove_weight_norm,
    skip_init,
    spectral_norm,
    stateless,
    vector_to_parameters,
    weight_norm,
)
from torch.nn.utils.rnn import (
    pack_sequence,
    pad_packed_sequence,
    pad_sequence,
    unpack_sequence,
    unpad_sequence,
)

torch.manual_seed(0)
m = nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(16, 3))
x = torch.randn(5, 2, 4, 4)
v = parameters_to_vector(m.parameters())
vector_to_parameters(v * 0.5, m.parameters())
print(v.shape, v.sum(), m[0].weight.sum())
m(x).square().sum().backward()
print(
    get_total_norm([p.grad for p in m.parameters()]),
    clip_grad_norm_(m.parameters(), 0.5),
    clip_grad_norm_(m.parameters(), 1.0, norm_type=float("inf")),
    clip_grad_norm_(iter(list(m.parameters())), 0.1, 1.0),
)
clip_grad_value_(m.parameters(), 0.01)
print(max(p.grad.abs().max() for p in m.parameters()))
for bad in (lambda: clip_grad_norm_([torch.full((1,), float("nan"), requires_grad=True)], 1.0, error_if_nonfinite=True),):
    print(bad())
p = torch.ones(2, requires_grad=True)
p.grad = torch.full((2,), float("nan"))
try:
    clip_grad_norm_([p], 1.0, error_if_nonfinite=True)
except RuntimeError as e:
    print(str(e)[:60])
m.eval()
f = fuse_conv_bn_eval(m[0], m[1])
print(torch.allclose(f(x), m[1](m[0](x)), atol=1e-6), f)
linear, b = nn.Linear(3, 4).eval(), nn.BatchNorm1d(4).eval()
print(torch.allclose(fuse_linear_bn_eval(linear, b)(x[:, 0, :, 0][:, :3]), b(linear(x[:, 0, :, 0][:, :3])), atol=1e-6))
print(skip_init(nn.Linear, 2, 3).weight.shape)
w = weight_norm(nn.Linear(3, 2), dim=0)
print([n for n, _ in w.named_parameters()], w.weight_g.shape, w)
y = w(torch.ones(1, 3))
y.sum().backward()
print(w.weight_g.grad, w.weight_v.grad)
remove_weight_norm(w)
print([n for n, _ in w.named_parameters()])
s = spectral_norm(nn.Linear(4, 3), n_power_iterations=2)
s(torch.ones(1, 4))
print(sorted(s.state_dict()), torch.linalg.matrix_norm(s.weight, 2))
o = parametrizations.orthogonal(nn.Linear(3, 3))
print(torch.dist(o.weight @ o.weight.T, torch.eye(3)) < 1e-5, o)
o.weight = torch.linalg.qr(torch.randn(3, 3))[0]
print(parametrize.is_parametrized(o), sorted(o.state_dict()))
n = parametrizations.weight_norm(nn.Conv1d(2, 3, 2))
print(sorted(n.state_dict()), n(torch.ones(1, 2, 4)).shape)


class Sym(nn.Module):
    def forward(self, X):
        return X.triu() + X.triu(1).T

    def right_inverse(self, A):
        return A.triu()


q = nn.Linear(3, 3)
parametrize.register_parametrization(q, "weight", Sym())
print(torch.equal(q.weight, q.weight.T), q.parametrizations.weight.original.shape)
with parametrize.cached():
    print(q.weight is q.weight)
print(q.weight is q.weight)
q2 = copy.deepcopy(q)
parametrize.remove_parametrizations(q, "weight", leave_parametrized=False)
print(q.weight.is_leaf, type(q).__name__, type(q2).__name__)
c = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2))
prune.global_unstructured([(c[0], "weight"), (c[1], "weight")], pruning_method=prune.L1Unstructured, amount=0.5)
print(int((c[0].weight == 0).sum() + (c[1].weight == 0).sum()), prune.is_pruned(c), sorted(dict(c[0].named_buffers())))
prune.ln_structured(c[0], "weight", 1, n=2, dim=0)
print(c[0].weight.abs().sum(1))
prune.remove(c[0], "weight")
prune.custom_from_mask(c[1], "bias", torch.tensor([1.0, 0.0]))
print(c[1].bias)
prune.random_structured(c[1], "weight", amount=1, dim=1)
print(c[1].weight_mask.sum(0))
print(stateless.functional_call(c, {k: torch.zeros_like(t) for k, t in c.named_parameters()}, torch.ones(1, 4)))
seqs = [torch.arange(float(k)).view(-1, 1) for k in (2, 4, 1)]
p = pack_sequence(seqs, enforce_sorted=False)
print(p)
pad, lens = pad_packed_sequence(p, batch_first=True, padding_value=-1, total_length=5)
print(pad.squeeze(-1), lens)
print(
    [u.squeeze(-1).tolist() for u in unpack_sequence(p)],
    [u.squeeze(-1).tolist() for u in unpad_sequence(pad, lens, batch_first=True)],
    p.to(torch.float64).data.dtype,
    p.sorted_indices,
    p.batch_sizes.device,
)
print(pad_sequence(seqs, padding_side="left", batch_first=True).squeeze(-1))
rnn = nn.GRU(1, 3, 2, bidirectional=True)
out, h = rnn(p)
print(type(out).__name__, out.data.shape, h.sum(), isinstance(out, tuple))
