"""Autoencoders: a convolutional one with pooling indices, a denoising one, a sparse one with an L1 penalty."""

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
images = torch.tensor(load_digits().images[:256] / 16.0, dtype=torch.float32)[:, None]


class Convolutional(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1, self.c2 = nn.Conv2d(1, 8, 3, padding=1), nn.Conv2d(8, 4, 3, padding=1)
        self.pool, self.unpool = nn.MaxPool2d(2, return_indices=True), nn.MaxUnpool2d(2)
        self.t2, self.t1 = nn.ConvTranspose2d(4, 8, 3, padding=1), nn.ConvTranspose2d(8, 1, 3, padding=1)

    def forward(self, x):
        x, i1 = self.pool(F.elu(self.c1(x)))
        x, i2 = self.pool(F.elu(self.c2(x)))
        x = self.unpool(x, i2)
        return torch.sigmoid(self.t1(self.unpool(F.elu(self.t2(x)), i1)))


class Upsampling(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(1, 8, 3, stride=2, padding=1), nn.SELU(), nn.Conv2d(8, 4, 3, stride=2, padding=1))
        self.decoder = nn.Sequential(
            nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False), nn.Conv2d(4, 8, 3, padding=1), nn.Mish(),
            nn.Upsample(scale_factor=2), nn.ReflectionPad2d(1), nn.Conv2d(8, 1, 3), nn.Hardsigmoid(),
        )  # fmt: skip

    def forward(self, x):
        return self.decoder(self.encoder(x))


for model in (Convolutional(), Upsampling()):
    optimizer = torch.optim.NAdam(model.parameters(), lr=0.01)
    for epoch in range(3):
        for batch in images.split(64):
            noisy = (batch + 0.2 * torch.randn_like(batch)).clamp(0, 1)
            loss = F.mse_loss(model(noisy), batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(type(model).__name__, epoch, loss.item())

encoder, decoder = nn.Linear(64, 100), nn.Linear(100, 64)
optimizer = torch.optim.Adamax([*encoder.parameters(), *decoder.parameters()], lr=0.01)
for epoch in range(10):
    code = torch.relu(encoder(images.flatten(1)))
    loss = F.binary_cross_entropy_with_logits(decoder(code), images.flatten(1)) + 1e-3 * code.abs().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(loss.item(), (code > 0).float().mean().item())
