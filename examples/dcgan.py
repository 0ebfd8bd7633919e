"""A deep convolutional generative adversarial network for 8x8 handwritten digits (Radford, Metz and Chintala, 2015)."""

import argparse

import torch
from sklearn.datasets import load_digits
from torch import nn, optim
from torch.utils.data import DataLoader


def weights_init(module):
    name = module.__class__.__name__
    if "Conv" in name:
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif "BatchNorm" in name:
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)


class Generator(nn.Module):
    def __init__(self, noise, width):
        super().__init__()
        self.main = nn.Sequential(
            nn.ConvTranspose2d(noise, 2 * width, 2, bias=False),
            nn.BatchNorm2d(2 * width),
            nn.ReLU(True),
            nn.ConvTranspose2d(2 * width, width, 4, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(True),
            nn.ConvTranspose2d(width, 1, 4, stride=2, padding=1, bias=False),
            nn.Tanh(),
        )

    def forward(self, z):
        return self.main(z)


class Discriminator(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(1, width, 4, stride=2, padding=1, bias=False),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(width, 2 * width, 4, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(2 * width),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(2 * width, 1, 2, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, x):
        return self.main(x).view(-1)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--noise", type=int, default=32, help="size of the latent vector")
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    images = torch.tensor(load_digits().images / 8 - 1, dtype=torch.float32).unsqueeze(1)
    loader = DataLoader(images, batch_size=args.batch_size, shuffle=True, drop_last=True)
    generator = Generator(args.noise, args.width).apply(weights_init)
    discriminator = Discriminator(args.width).apply(weights_init)
    optimizer_d = optim.Adam(discriminator.parameters(), lr=args.lr, betas=(0.5, 0.999))
    optimizer_g = optim.Adam(generator.parameters(), lr=args.lr, betas=(0.5, 0.999))
    criterion = nn.BCELoss()
    fixed_noise = torch.randn(64, args.noise, 1, 1)
    real, fake = torch.ones(args.batch_size), torch.zeros(args.batch_size)

    for epoch in range(1, args.epochs + 1):
        for batch in loader:
            # The discriminator maximizes log D(x) + log(1 - D(G(z))).
            discriminator.zero_grad()
            output = discriminator(batch)
            loss_real = criterion(output, real)
            loss_real.backward()
            generated = generator(torch.randn(args.batch_size, args.noise, 1, 1))
            loss_fake = criterion(discriminator(generated.detach()), fake)
            loss_fake.backward()
            optimizer_d.step()
            # The generator maximizes log D(G(z)).
            generator.zero_grad()
            loss_g = criterion(discriminator(generated), real)
            loss_g.backward()
            optimizer_g.step()
        loss_d = loss_real + loss_fake
        generator.eval()
        with torch.no_grad():
            brightness = generator(fixed_noise).mean().item()
        generator.train()
        print(
            f"epoch {epoch}: loss D {loss_d.item():.4f}, loss G {loss_g.item():.4f}, "
            f"D(x) {output.mean().item():.4f}, mean pixel {brightness:.4f} (digits {images.mean().item():.4f})"
        )


if __name__ == "__main__":
    main()
