"""Generative models."""

import copy
import math

from .parts import initialise, integers, normal
from .registry import workload


@workload(steps=3, small={"batch": 2, "side": 8})
def diffusion(torch, batch=16, side=16):
    """A step of a diffusion model on 3x16x16: group norm, SiLU, attention between pixels, AdamW and a running mean of weights, batch 16."""
    nn = torch.nn
    width, times = 32, 200

    class Block(nn.Module):
        def __init__(self, inputs, outputs):
            super().__init__()
            self.norm1, self.conv1 = nn.GroupNorm(8, inputs), nn.Conv2d(inputs, outputs, 3, padding=1)
            self.time = nn.Linear(4 * width, outputs)
            self.norm2, self.conv2 = nn.GroupNorm(8, outputs), nn.Conv2d(outputs, outputs, 3, padding=1)
            self.shortcut = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)

        def forward(self, x, time):
            y = self.conv1(nn.functional.silu(self.norm1(x))) + self.time(time)[:, :, None, None]
            return self.conv2(nn.functional.silu(self.norm2(y))) + self.shortcut(x)

    class Denoiser(nn.Module):
        def __init__(self):
            super().__init__()
            self.time = nn.Sequential(nn.Linear(width, 4 * width), nn.SiLU(), nn.Linear(4 * width, 4 * width))
            self.start, self.down = nn.Conv2d(3, width, 3, padding=1), Block(width, width)
            self.shrink, self.middle = nn.Conv2d(width, 2 * width, 3, stride=2, padding=1), Block(2 * width, 2 * width)
            self.norm, self.attention = nn.GroupNorm(8, 2 * width), nn.MultiheadAttention(2 * width, 4, batch_first=True)
            self.grow, self.up = nn.Conv2d(2 * width, width, 3, padding=1), Block(2 * width, width)
            self.end = nn.Conv2d(width, 3, 3, padding=1)

        def attend(self, x):
            pixels = self.norm(x).flatten(2).transpose(1, 2)
            y, _ = self.attention(pixels, pixels, pixels, need_weights=False)
            return x + y.transpose(1, 2).reshape(x.shape)

        def forward(self, x, t):
            rates = torch.exp(torch.arange(width // 2) * (-math.log(1e4) / (width // 2)))
            angles = t[:, None] * rates
            time = self.time(torch.cat([angles.sin(), angles.cos()], dim=1))
            fine = self.down(self.start(x), time)
            y = self.attend(self.middle(self.shrink(fine), time))
            y = self.grow(nn.functional.interpolate(y, scale_factor=2, mode="nearest"))
            return self.end(nn.functional.silu(self.up(torch.cat([y, fine], dim=1), time)))

    model = initialise(torch, Denoiser())
    average = copy.deepcopy(model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-4)
    kept = torch.cumprod(1 - torch.linspace(1e-4, 0.05, times), dim=0)
    images, noise, t = normal(torch, 1, batch, 3, side, side), normal(torch, 2, batch, 3, side, side), integers(torch, 3, times, batch)

    def step():
        optimizer.zero_grad()
        share = kept[t][:, None, None, None]
        noisy = share.sqrt() * images + (1 - share).sqrt() * noise
        loss = nn.functional.mse_loss(model(noisy, t), noise)
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            for mean, parameter in zip(average.parameters(), model.parameters(), strict=True):
                mean.lerp_(parameter, 0.005)
        return loss

    return step
