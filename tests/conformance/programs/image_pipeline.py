"""Images as tensors: normalization, crops, flips, resizing, blurs, grids, affine transforms, pooling, shuffled pixels."""

import torch
import torch.nn.functional as F
from sklearn.datasets import load_sample_image
from torch import nn

torch.manual_seed(0)
image = torch.from_numpy(load_sample_image("china.jpg").copy())[::8, ::8].permute(2, 0, 1).float().div(255)
print(image.shape, image.dtype, image.mean(dim=(1, 2)), image.std(dim=(1, 2)))
mean, std = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1), torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
batch = ((image - mean) / std).unsqueeze(0)
top, left = torch.randint(20, (2,)).tolist()
crop = batch[..., top : top + 32, left : left + 32]
print(crop.sum(), crop.flip(-1)[0, 0, 0, :3], torch.rot90(crop, 1, (2, 3))[0, 0, 0, :3])
for mode in ("nearest", "bilinear", "bicubic", "area"):
    print(mode, F.interpolate(crop, size=(20, 24), mode=mode).std())
print(F.interpolate(crop, size=(16, 16), mode="bilinear", antialias=True).std())
kernel = torch.exp(-(torch.linspace(-2, 2, 5) ** 2) / 2)
kernel = (kernel[:, None] * kernel[None, :] / kernel.sum() ** 2).expand(3, 1, 5, 5)
blurred = F.conv2d(F.pad(crop, (2, 2, 2, 2), mode="reflect"), kernel, groups=3)
sobel = torch.tensor([[1.0, 0, -1], [2, 0, -2], [1, 0, -1]]).view(1, 1, 3, 3)
edges = F.conv2d(crop.mean(1, keepdim=True), torch.cat([sobel, sobel.transpose(2, 3)]), padding=1).norm(dim=1)
print(blurred.std(), edges.mean(), F.max_pool2d(edges[None], 4).mean(), F.adaptive_avg_pool2d(crop, (1, 1)).flatten())
angle = torch.tensor(0.3)
theta = torch.stack([torch.stack([angle.cos(), -angle.sin(), angle * 0]), torch.stack([angle.sin(), angle.cos(), angle * 0])])[None]
for padding in ("zeros", "border", "reflection"):
    print(
        padding,
        F.grid_sample(crop, F.affine_grid(theta, crop.shape, align_corners=False), padding_mode=padding, align_corners=False).mean(),
    )
print(
    nn.PixelShuffle(2)(torch.arange(16.0).view(1, 4, 2, 2)),
    F.unfold(crop, 8, stride=8).shape,
    F.fold(F.unfold(crop, 8, stride=8), (32, 32), 8, stride=8).equal(crop),
)
depthwise = nn.Sequential(
    nn.Conv2d(3, 3, 3, padding=2, dilation=2, groups=3), nn.Conv2d(3, 8, 1), nn.GroupNorm(2, 8), nn.Hardswish(), nn.AdaptiveMaxPool2d(2)
)
out = depthwise(crop)
out.sum().backward()
print(out.shape, out.sum(), [p.grad.norm().item() for p in depthwise.parameters()])
print((batch * std + mean).clamp(0, 1).mul(255).byte()[0, :, 0, 0], image.to(memory_format=torch.preserve_format).is_contiguous())
cutmix = torch.distributions.Beta(torch.tensor(1.0), torch.tensor(1.0)).sample()
print(cutmix, torch.lerp(crop, crop.flip(0), cutmix).sum(), F.gaussian_nll_loss(crop, blurred, torch.ones_like(crop)))
