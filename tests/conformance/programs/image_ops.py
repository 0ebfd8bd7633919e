"""Images as tensors: grid_sample, affine_grid, interpolate in every mode, fold and unfold, pooling with indices, pads."""

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
x = torch.randn(2, 3, 5, 6, requires_grad=True)
theta = torch.tensor([[[0.8, 0.2, 0.1], [-0.1, 1.1, 0.0]], [[1.0, 0.0, 0.5], [0.0, -1.0, 0.0]]], requires_grad=True)
for mode in ("bilinear", "nearest", "bicubic"):
    for pad in ("zeros", "border", "reflection"):
        for align in (True, False):
            y = F.grid_sample(x, F.affine_grid(theta, (2, 3, 4, 4), align_corners=align), mode=mode, padding_mode=pad, align_corners=align)
            gx, gt = torch.autograd.grad(y.square().sum(), (x, theta))
            print(mode, pad, align, y.sum(), gx.abs().sum(), gt.abs().sum())
            print(
                F.grid_sample(
                    x.detach(),
                    F.affine_grid(theta.detach(), (2, 3, 4, 4), align_corners=align),
                    mode=mode,
                    padding_mode=pad,
                    align_corners=align,
                )[1, 2]
            )
v = torch.randn(1, 1, 3, 3, 3)
print(F.grid_sample(v, F.affine_grid(torch.eye(3, 4)[None] * 0.9, (1, 1, 2, 2, 2), align_corners=False), align_corners=False))
for kw in (
    dict(scale_factor=2, mode="nearest"),
    dict(size=(7, 4), mode="bilinear", align_corners=True),
    dict(size=(3, 3), mode="bilinear", antialias=True),
    dict(scale_factor=(0.5, 1.5), mode="bicubic"),
    dict(size=8, mode="area"),
    dict(scale_factor=1.7, mode="nearest-exact"),
    dict(scale_factor=0.7, mode="bilinear", recompute_scale_factor=True),
    dict(size=(3, 2), mode="bicubic", antialias=True),
):
    y = F.interpolate(x, **kw)
    (g,) = torch.autograd.grad(y.square().sum(), x)
    print(kw, tuple(y.shape), y.sum(), g.abs().sum())
print(
    F.interpolate(torch.arange(4.0).view(1, 1, 4), scale_factor=2, mode="linear"),
    F.interpolate(torch.randn(1, 1, 2, 2, 2), size=(3, 3, 3), mode="trilinear").sum(),
)
u = F.unfold(x, (2, 3), dilation=1, padding=1, stride=2)
print(
    u.shape,
    F.fold(u, (5, 6), (2, 3), padding=1, stride=2).sum(),
    nn.Fold((4, 4), 2, stride=2)(nn.Unfold(2, stride=2)(x[:, :, :4, :4])).equal(x[:, :, :4, :4]),
)
p, i = F.max_pool2d(x, 2, return_indices=True)
print(
    p.shape,
    i[0, 0],
    F.max_unpool2d(p, i, 2, output_size=(5, 6)).sum(),
    F.lp_pool2d(x.abs(), 2, 2).sum(),
    F.adaptive_max_pool2d(x, (2, 3))[0, 0],
    F.adaptive_avg_pool2d(x, (None, 2)).shape,
    F.avg_pool2d(x, 3, 2, 1, ceil_mode=True, count_include_pad=False).sum(),
    F.avg_pool2d(x, 2, divisor_override=3).sum(),
)
for pad in ("reflect", "replicate", "circular", "constant"):
    print(pad, F.pad(x, (1, 2, 2, 1), mode=pad).sum(), F.pad(x, (-1, 1), value=2.0).sum() if pad == "constant" else "")
for kw in (dict(stride=2), dict(stride=2, padding=1, output_padding=1), dict(dilation=2), dict(groups=3, stride=3)):
    w = torch.randn(3, 2, 3, 3, requires_grad=True)
    y = F.conv_transpose2d(x, w, torch.ones(2 * kw.get("groups", 1)), **kw)
    gx, gw = torch.autograd.grad(y.square().sum(), (x, w))
    print(kw, tuple(y.shape), y.sum(), gx.abs().sum(), gw.abs().sum())
c = nn.ConvTranspose2d(3, 4, 3, stride=2)
print(
    c(x, output_size=(12, 13)).shape,
    nn.Conv2d(3, 4, 3, padding="same", padding_mode="reflect", dilation=2)(x).shape,
    nn.Conv2d(3, 6, 3, groups=3, padding="valid")(x).shape,
    nn.ConvTranspose1d(3, 2, 4, 2)(x[:, :, 0]).shape,
    nn.ConvTranspose3d(1, 2, 2)(v).shape,
)
print(
    nn.PixelShuffle(2)(torch.arange(16.0).view(1, 4, 2, 2)),
    nn.ChannelShuffle(3)(x.detach())[0, :, 0, 0],
    nn.LocalResponseNorm(2)(x).sum(),
    nn.GroupNorm(3, 3)(x).sum().abs() < 1e-3,
    nn.InstanceNorm2d(3, affine=True)(x).std(),
    nn.Upsample(size=(2, 2), mode="bilinear")(x).sum(),
)
