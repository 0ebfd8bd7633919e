"""Scatter, gather, masks, advanced indexing, index_* functions, put and take."""

import torch

torch.manual_seed(0)
x = torch.arange(24.0).view(4, 6).requires_grad_()
i = torch.tensor([[0, 5, 2], [1, 1, 3], [4, 0, 0], [2, 3, 5]])
y = x.gather(1, i)
(g,) = torch.autograd.grad(y.square().sum(), x)
print(y, g)
for red in ("sum", "prod", "mean", "amax", "amin"):
    for inc in (True, False):
        print(red, inc, torch.ones(4, 3).scatter_reduce(1, i[:, :2] % 3, x[:, :2].detach(), reduce=red, include_self=inc))
print(
    torch.zeros(4, 6).scatter_(1, i, 1.0),
    torch.zeros(4, 6).scatter_add_(1, i, torch.ones(4, 3)),
    torch.zeros(4, 6).scatter_(0, i[:1, :] % 4, 2.0, reduce="add"),
)
t = torch.arange(12).view(3, 4)
print(
    t[[0, 2]],
    t[:, [1, 3]],
    t[[0, 1], [2, 3]],
    t[t > 5],
    t[..., None].shape,
    t[None, 1:, ::2],
    t[torch.tensor([True, False, True])],
    t[1, ...],
    t[-1],
    t[:, -2:],
    t[torch.tensor([[0, 1], [1, 2]])].shape,
    t[:, torch.tensor([0]), None].shape,
    t[(slice(None), 1)],
)
a = torch.zeros(3, 4)
a[1] = 5
a[:, 2] = torch.arange(3.0)
a[a > 4] = -1
a[[0, 2], [0, 3]] = torch.tensor([7.0, 8.0])
a[0, 1:3] += 2
a[torch.tensor([0, 0]), torch.tensor([3, 3])] += 1
a[..., 0] *= 2
a[:, None, 1] = 9
print(a)
print(
    a.index_add(0, torch.tensor([0, 0, 2]), torch.ones(3, 4), alpha=2),
    a.index_copy(1, torch.tensor([3, 0]), torch.zeros(3, 2)),
    a.index_fill(0, torch.tensor([1]), 3.0),
    a.index_select(1, torch.tensor([2, 2])),
    a.index_put((torch.tensor([0, 0]), torch.tensor([1, 1])), torch.tensor(1.0), accumulate=True),
    torch.zeros(3).index_reduce(0, torch.tensor([0, 0, 2]), torch.tensor([1.0, 5.0, 3.0]), "amax"),
)
print(
    a.take(torch.tensor([0, 5])),
    torch.take_along_dim(a, a.argsort(1), 1),
    a.put(torch.tensor([0, 1]), torch.tensor([1.0, 2.0])),
    a.masked_fill(a > 3, 0),
    a.masked_scatter(a > 3, torch.arange(12.0)),
    a.masked_select(a > 3),
    torch.where(a > 3, a, -a),
    torch.where(a > 3)[0],
    a.nonzero(),
    a.nonzero(as_tuple=True)[1],
    torch.argwhere(a > 6),
)
print(
    a.diagonal_scatter(torch.ones(3)),
    a.select_scatter(torch.ones(4), 0, 1),
    a.slice_scatter(torch.ones(3, 2), 1, 0, 4, 2),
    torch.tril_indices(3, 3, -1),
    a.unfold(1, 2, 1).shape,
    a.as_strided((2, 2), (1, 4)),
    a.flip(0, 1)[0],
    a.rot90()[0],
    a.roll(1, 1)[0],
    a.repeat_interleave(torch.tensor([1, 0, 2]), 0).shape,
    a.tile(2).shape,
)
print(
    torch.searchsorted(torch.tensor([1.0, 3, 5]), torch.tensor([0.0, 3, 6]), right=True),
    torch.bucketize(torch.tensor([2, 4]), torch.tensor([1, 3, 5])),
    torch.unique_consecutive(torch.tensor([1, 1, 2, 1]), return_counts=True),
    torch.unique(t % 3, dim=0, return_counts=True),
    torch.isin(t, torch.tensor([1, 7])).sum(),
    torch.bincount(torch.tensor([1, 1, 3]), weights=torch.tensor([1.0, 2, 3]), minlength=5),
)
print(
    a.topk(2, dim=0, largest=False),
    a.kthvalue(2),
    a.sort(descending=True, stable=True)[1],
    a.mode(1),
    a.median(0),
    a.cummax(1)[1],
    torch.aminmax(a, dim=0),
    a.argmax(),
    a.max(1, keepdim=True).indices,
    torch.msort(a),
)
one = torch.nn.functional.one_hot(torch.tensor([0, 2]), 4)
print(
    one,
    one.argmax(-1),
    torch.eye(4)[torch.tensor([3, 1])],
    torch.stack(torch.unravel_index(torch.tensor([5, 11]), (3, 4))),
    torch.tensor_split(t, [1, 2], 1)[1],
    torch.chunk(t, 3, 1)[1],
    torch.split(t, [1, 3], 1)[1],
    t.unbind(1)[3],
    torch.hsplit(t, 2)[1],
    torch.vstack([t[0], t[1]]).shape,
    torch.dstack([t, t]).shape,
)
for bad in (
    lambda: t[5],
    lambda: t[:, :, 1],
    lambda: t[torch.tensor([9])],
    lambda: t.gather(1, torch.tensor([[7]])),
    lambda: t[1.5],
    lambda: t[torch.ones(2, dtype=torch.bool)],
    lambda: t.scatter(0, torch.tensor([0]), 1.0),
):
    try:
        print(bad())
    except Exception as e:
        print(type(e).__name__)
