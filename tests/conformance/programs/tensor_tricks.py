"""Indexing and shapes as programs use them: gather, scatter, einsum, masks, unfold, sorting, searching, broadcasting."""

import torch

torch.manual_seed(0)
x = torch.randn(4, 5)
rows = torch.tensor([0, 2])
print(x[rows], x[rows, torch.tensor([1, 3])], x[x > 0.5], x[:, None, ::2].shape, x[..., -1], x[[1, 0]][:, [2]])
print(x.gather(1, x.argsort(1)[:, :2]), torch.take_along_dim(x, x.argmax(1, keepdim=True), 1), x.topk(2, largest=False))
print(
    torch.zeros(3, 5).scatter_(0, torch.tensor([[0, 1, 2, 0, 0]]), x[:1]),
    torch.zeros(2).scatter_add(0, torch.tensor([0, 1, 0]), torch.ones(3)),
)
print(
    torch.zeros(3).scatter_reduce(0, torch.tensor([0, 1, 1]), torch.tensor([1.0, 5.0, 3.0]), "amax"),
    torch.zeros(3, 2).index_add(0, rows, x[:2, :2]),
)
print(torch.einsum("bi,bj->bij", x, x).shape, torch.einsum("ij,kj->ik", x, x).trace(), torch.tensordot(x, x, dims=([1], [1])).sum())
print(x.unfold(1, 3, 1).shape, torch.nn.functional.unfold(x[None, None], 2).sum(), torch.roll(x, (1, 2), (0, 1))[0], x.flip(0)[0])
print(torch.where(x > 0, x, torch.zeros(())).sum(), x.masked_fill(x < 0, -1)[0], x.clamp(-0.5, 0.5)[1], torch.sign(x)[0])
print(torch.cumsum(x, 1)[0], torch.cummax(x, 1).indices[0], torch.diff(x)[0], x.logsumexp(1), x.median(1), x.std(0, correction=0))
print(
    torch.searchsorted(torch.tensor([1.0, 3.0, 5.0]), torch.tensor([0.0, 3.0, 6.0])), torch.bucketize(x[0], torch.tensor([-1.0, 0.0, 1.0]))
)
print(
    torch.unique(torch.tensor([3, 1, 3, 2]), return_inverse=True), torch.unique_consecutive(torch.tensor([1, 1, 2, 1])), torch.isin(rows, 2)
)
print(torch.stack(torch.meshgrid(torch.arange(2), torch.arange(3), indexing="xy")), torch.cartesian_prod(torch.arange(2), torch.arange(2)))
print(
    torch.block_diag(torch.ones(1, 2), torch.eye(2)),
    torch.combinations(torch.arange(3)),
    torch.tril_indices(3, 3),
    torch.kron(torch.eye(2), torch.ones(1, 2)),
)
print(x.view(2, 2, 5).permute(2, 0, 1).contiguous().stride(), x.t().is_contiguous(), x.expand(2, -1, -1).shape, x.repeat(1, 2).shape)
print(
    x.chunk(3),
    [t.shape for t in x.split([1, 3])],
    x.unbind(1)[0],
    torch.repeat_interleave(rows, torch.tensor([2, 1])),
    x.repeat_interleave(2, 1)[0],
)
print(
    torch.nn.functional.one_hot(rows, 4),
    torch.nn.functional.pad(rows, (1, 2), value=9),
    torch.nn.functional.interpolate(x[None], scale_factor=2)[0, 0],
)
U, S, V = torch.linalg.svd(x, full_matrices=False)
print(
    torch.dist(U @ torch.diag(S) @ V, x) < 1e-5, S, torch.linalg.eigvalsh(x @ x.T), torch.linalg.matrix_rank(x), torch.linalg.det(x @ x.T)
)
print(
    torch.linalg.inv(x @ x.T + torch.eye(4)).diagonal(),
    torch.linalg.cholesky(x @ x.T + torch.eye(4))[0],
    torch.linalg.lstsq(x.T, torch.ones(5, 1)).solution,
)
print(
    torch.allclose(x.softmax(1).sum(1), torch.ones(4)),
    (x.int() // 2)[0],
    (x % 1)[0],
    -7 % torch.tensor(3),
    torch.tensor(-7) // 2,
    torch.fmod(torch.tensor(-7), 3),
)
print(
    x.numpy()[0, :2],
    x.tolist()[0][:1],
    x.size(-1),
    x.numel(),
    x.new_zeros(2),
    x.type(),
    x.double().type(torch.int64)[0],
    torch.is_tensor(x),
)
