"""Filters, rotations and augmentations of images with gradients."""

import kornia
import torch

torch.manual_seed(0)
x = torch.rand(2, 3, 16, 16, requires_grad=True)
y = kornia.filters.gaussian_blur2d(x, (3, 3), (1.0, 1.0))
y = kornia.color.rgb_to_grayscale(y)
y = kornia.filters.sobel(y)
y.mean().backward()
print(y.mean().item(), x.grad.abs().sum().item())
print(
    kornia.geometry.transform.rotate(x, torch.tensor([30.0, 60.0])).mean().item(),
    kornia.geometry.transform.resize(x, (8, 8)).mean().item(),
    kornia.losses.ssim_loss(x, x.detach() * 0.9, 5).item(),
)
import kornia.augmentation as K

torch.manual_seed(0)
a = K.AugmentationSequential(K.RandomHorizontalFlip(p=0.5), K.ColorJitter(0.1, 0.1, 0.1, 0.1), K.RandomAffine(10.0))
print(a(x).shape)
print(kornia.geometry.homography.find_homography_dlt(torch.rand(1, 4, 2), torch.rand(1, 4, 2)).shape)
