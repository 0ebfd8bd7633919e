"""einsum in the forms programs use, tensordot, and rearrangements written by hand."""

import torch
from torch import nn

torch.manual_seed(0)
a, b, c = torch.randn(2, 3, 4), torch.randn(2, 4, 5), torch.randn(3, 4)
q = torch.randn(2, 6, 8)
forms = [
    ("bij,bjk->bik", a, b),
    ("bij,bjk", a, b),
    ("ij->ji", c),
    ("ij->", c),
    ("ij->i", c),
    ("ii->i", torch.randn(3, 3)),
    ("ii", torch.randn(3, 3)),
    ("...ij,...jk->...ik", a, b),
    ("bi...->b...", a),
    ("i,j->ij", c[0], c[1]),
    ("i,i->", c[0], c[1]),
    ("bij,ij->b", a, c),
    ("bij,bjk,kl->bil", a, b, torch.randn(5, 2)),
    ("ba,cd->abcd", c, c[:2]),
    ("bhid,bhjd->bhij", q.view(2, 6, 2, 4).transpose(1, 2), q.view(2, 6, 2, 4).transpose(1, 2)),
    ("i...,i->...", c, torch.randn(3)),
    ("b i d, b j d -> b i j", q, q),
    ("bn,anm,bm->ba", torch.randn(2, 3), torch.randn(5, 3, 4), torch.randn(2, 4)),
    ("Ab,bC->AC", c, torch.randn(4, 2)),
    ("...->...", c),
    ("a...b->b...a", a),
    ("ijk,ijk->ijk", a, a),
    ("iij->ij", torch.randn(2, 2, 3)),
]
for eq, *ops in forms:
    ops = [o.clone().requires_grad_() for o in ops]
    out = torch.einsum(eq, *ops)
    out.square().sum().backward()
    print(eq, tuple(out.shape), out.sum(), [o.grad.abs().sum().item() for o in ops])
print(
    torch.einsum("ij,jk->ik", [c, c.T]).shape,
    torch.einsum(c, [0, 1], c, [2, 1], [0, 2]).sum(),
    torch.einsum(a, [..., 0, 1], [..., 1, 0]).shape,
)
for eq, ops in (
    ("ij,jk->ik", (c, c)),
    ("ij->k", (c,)),
    ("ijk", (c,)),
    ("ij,jk", (c,)),
    ("i->ii", (c[0],)),
    ("i j - k", (c,)),
    ("...i,j->i", (c, c[0])),
):
    try:
        print(torch.einsum(eq, *ops).shape)
    except Exception as e:
        print(type(e).__name__)
print(torch.tensordot(a, b, dims=([2], [1])).shape, torch.tensordot(c, c, dims=2), torch.tensordot(c, c.T, 1).sum())
img = torch.arange(2 * 3 * 4 * 4.0).view(2, 3, 4, 4)
patches = img.unfold(2, 2, 2).unfold(3, 2, 2).permute(0, 2, 3, 1, 4, 5).reshape(2, 4, 12)
print(patches.shape, patches[0, 1])
back = patches.view(2, 2, 2, 3, 2, 2).permute(0, 3, 1, 4, 2, 5).reshape(2, 3, 4, 4)
print(torch.equal(back, img))
print(torch.equal(nn.PixelUnshuffle(2)(img), img.view(2, 3, 2, 2, 2, 2).permute(0, 1, 3, 5, 2, 4).reshape(2, 12, 2, 2)))
heads = q.unflatten(-1, (2, 4)).movedim(2, 1)
print(heads.shape, heads.flatten(0, 1).shape, heads.swapaxes(0, 1).stride(), q.unflatten(1, (-1, 3)).shape)
shift = torch.roll(img, (1, -1), (2, 3))
windows = shift.view(2, 3, 2, 2, 2, 2).transpose(3, 4).contiguous().view(-1, 3, 2, 2)
print(windows.shape, windows.sum((1, 2, 3)))
print(torch.stack(torch.meshgrid(torch.arange(2), torch.arange(3), indexing="ij"), -1).view(-1, 2).T)
print(
    torch.kron(torch.eye(2), c[:1, :2]),
    torch.block_diag(c[:1, :1], c[:1, :2]),
    torch.cartesian_prod(torch.arange(2), torch.arange(2)),
    torch.combinations(torch.arange(3), 2),
)
