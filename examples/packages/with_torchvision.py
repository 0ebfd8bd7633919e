"""A ResNet trained a step, transforms and boxes; its compiled operations are not there."""

import torch
import torchvision
from torchvision import models
from torchvision import transforms as T

torch.manual_seed(0)
m = models.resnet18(num_classes=3)
o = torch.optim.SGD(m.parameters(), 0.1)
l = torch.nn.functional.cross_entropy(m(torch.randn(2, 3, 32, 32)), torch.tensor([0, 1]))
l.backward()
o.step()
print(l.item())
import numpy as np
from PIL import Image

im = Image.fromarray((np.arange(32 * 32 * 3) % 255).astype(np.uint8).reshape(32, 32, 3))
t = T.Compose(
    [T.Resize(16), T.RandomCrop(8), T.RandomHorizontalFlip(), T.ColorJitter(0.2), T.ToTensor(), T.Normalize([0.5] * 3, [0.5] * 3)]
)
print(t(im).shape)
from torchvision.transforms import v2

print(v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.RandomResizedCrop(8, antialias=True)])(im).shape)
print(
    torchvision.utils.make_grid(torch.rand(4, 3, 4, 4)).shape,
    torchvision.ops.box_iou(torch.tensor([[0.0, 0, 2, 2]]), torch.tensor([[1.0, 1, 3, 3]])),
)
d = torchvision.datasets.FakeData(4, (3, 8, 8), 2, transform=T.ToTensor())
print(next(iter(torch.utils.data.DataLoader(d, 2)))[0].shape)
