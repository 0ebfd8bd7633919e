"""A Wasserstein GAN with gradient penalty on a ring of eight Gaussians (Gulrajani and others, 2017).

The penalty is a function of the critic's gradient, so training the critic takes second derivatives.
"""

import argparse
import math

import torch
from torch import autograd, nn, optim


def mlp(inputs, hidden, outputs):
    return nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, outputs))


def ring(count, modes=8, radius=2.0, spread=0.05):
    """Points of `modes` Gaussians around a circle."""
    angle = torch.randint(modes, (count,)) * (2 * math.pi / modes)
    return radius * torch.stack([angle.cos(), angle.sin()], dim=1) + spread * torch.randn(count, 2)


def gradient_penalty(critic, real, fake):
    """How far the critic's slope is from 1, between real and generated points."""
    share = torch.rand(len(real), 1)
    between = (share * real + (1 - share) * fake).requires_grad_()
    (gradient,) = autograd.grad(critic(between).sum(), between, create_graph=True)
    return ((gradient.norm(2, dim=1) - 1) ** 2).mean()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=400, help="steps of the generator")
    parser.add_argument("--critic-steps", type=int, default=5, help="steps of the critic for each")
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--penalty", type=float, default=1.0)
    parser.add_argument("--log-every", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    generator, critic = mlp(2, 128, 2), mlp(2, 128, 1)
    optimizer_g = optim.Adam(generator.parameters(), lr=1e-3, betas=(0.5, 0.9))
    optimizer_c = optim.Adam(critic.parameters(), lr=1e-3, betas=(0.5, 0.9))

    for step in range(1, args.steps + 1):
        for _ in range(args.critic_steps):
            real = ring(args.batch_size)
            with torch.no_grad():
                fake = generator(torch.randn(args.batch_size, 2))
            distance = critic(real).mean() - critic(fake).mean()
            penalty = gradient_penalty(critic, real, fake)
            optimizer_c.zero_grad(set_to_none=True)
            (args.penalty * penalty - distance).backward()
            optimizer_c.step()

        for parameter in critic.parameters():
            parameter.requires_grad_(False)
        loss = -critic(generator(torch.randn(args.batch_size, 2))).mean()
        optimizer_g.zero_grad(set_to_none=True)
        loss.backward()
        optimizer_g.step()
        for parameter in critic.parameters():
            parameter.requires_grad_(True)

        if step == 1 or step % args.log_every == 0:
            print(f"step {step}: generator loss {loss.item():.4f}, distance {distance.item():.4f}, penalty {penalty.item():.4f}")

    with torch.no_grad():
        points = generator(torch.randn(2000, 2))
    radius = points.norm(dim=1)
    print(f"generated points: radius {radius.mean():.3f} +- {radius.std():.3f} (the ring has 2)")


if __name__ == "__main__":
    main()
