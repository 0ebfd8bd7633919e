"""A denoising diffusion model (Ho, Jain and Abbeel, 2020) of points in the plane, two half moons."""

import argparse
import math

import torch
import torch.nn.functional as F
from sklearn.datasets import make_moons
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


class TimeEmbedding(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.register_buffer("rates", torch.exp(-math.log(10000.0) * torch.arange(size // 2) / (size // 2)))

    def forward(self, t):
        angle = t.unsqueeze(1) * self.rates
        return torch.cat([angle.sin(), angle.cos()], dim=1)


class Denoiser(nn.Module):
    """Says which noise was added to a point."""

    def __init__(self, hidden=96, size=32):
        super().__init__()
        self.time = nn.Sequential(TimeEmbedding(size), nn.Linear(size, hidden), nn.SiLU())
        self.inlet = nn.Linear(2, hidden)
        self.layers = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(3))
        self.outlet = nn.Linear(hidden, 2)

    def forward(self, x, t):
        h, time = self.inlet(x), self.time(t)
        for layer in self.layers:
            h = h + F.silu(layer(h + time))
        return self.outlet(h)


class Diffusion:
    """How much noise there is at each of the steps, and the way there and back."""

    def __init__(self, steps=50):
        self.steps = steps
        self.beta = torch.linspace(1e-4, 0.1, steps)
        self.alpha = 1 - self.beta
        self.kept = torch.cumprod(self.alpha, dim=0)

    def noisy(self, x, noise, t):
        kept = self.kept[t].unsqueeze(1)
        return kept.sqrt() * x + (1 - kept).sqrt() * noise

    @torch.no_grad()
    def sample(self, model, count):
        x = torch.randn(count, 2)
        for t in reversed(range(self.steps)):
            noise = model(x, torch.full((count,), t))
            x = (x - self.beta[t] / (1 - self.kept[t]).sqrt() * noise) / self.alpha[t].sqrt()
            if t > 0:
                x = x + self.beta[t].sqrt() * torch.randn_like(x)
        return x


def energy_distance(x, y):
    """How far two sets of points are apart as distributions (Szekely): 0 if they are the same."""
    return 2 * torch.cdist(x, y).mean() - torch.cdist(x, x).mean() - torch.cdist(y, y).mean()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--log-every", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    points = torch.tensor(make_moons(2000, noise=0.05, random_state=args.seed)[0], dtype=torch.float32)
    points = (points - points.mean(dim=0)) / points.std(dim=0)
    model, diffusion = Denoiser(), Diffusion()
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.99))
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, args.steps)
    for step in range(1, args.steps + 1):
        x = points[torch.randint(len(points), (args.batch_size,))]
        t = torch.randint(diffusion.steps, (args.batch_size,))
        noise = torch.randn_like(x)
        loss = F.mse_loss(model(diffusion.noisy(x, noise, t), t), noise)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        average.update_parameters(model)
        if step == 1 or step % args.log_every == 0:
            print(f"step {step}: loss {loss.item():.4f}")
    average.eval()
    samples = diffusion.sample(average, 500)
    print(f"energy distance of samples and data {energy_distance(samples, points[:500]).item():.4f}")


if __name__ == "__main__":
    main()
