"""A variational autoencoder of handwritten digits (Kingma and Welling, 2013)."""

import argparse

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn, optim
from torch.utils.data import DataLoader


class VAE(nn.Module):
    def __init__(self, pixels=64, hidden=128, latent=8):
        super().__init__()
        self.latent = latent
        self.encoder = nn.Sequential(nn.Linear(pixels, hidden), nn.ReLU())
        self.mean = nn.Linear(hidden, latent)
        self.log_variance = nn.Linear(hidden, latent)
        self.decoder = nn.Sequential(nn.Linear(latent, hidden), nn.ReLU(), nn.Linear(hidden, pixels))

    def encode(self, x):
        h = self.encoder(x)
        return self.mean(h), self.log_variance(h)

    def reparameterize(self, mean, log_variance):
        return mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)

    def forward(self, x):
        mean, log_variance = self.encode(x)
        return self.decoder(self.reparameterize(mean, log_variance)), mean, log_variance

    @torch.no_grad()
    def sample(self, count):
        return torch.sigmoid(self.decoder(torch.randn(count, self.latent)))


def negative_elbo(x, logits, mean, log_variance):
    """The error of the reconstruction, and the divergence of the posterior from a standard normal."""
    reconstruction = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
    divergence = -0.5 * torch.sum(1 + log_variance - mean.pow(2) - log_variance.exp())
    return reconstruction, divergence


def train(model, loader, optimizer):
    model.train()
    total = 0.0
    for x in loader:
        optimizer.zero_grad()
        reconstruction, divergence = negative_elbo(x, *model(x))
        loss = reconstruction + divergence
        (loss / len(x)).backward()
        optimizer.step()
        total += loss.item()
    return total / len(loader.dataset)


@torch.no_grad()
def test(model, loader):
    model.eval()
    sums = torch.zeros(2)
    for x in loader:
        sums += torch.stack(negative_elbo(x, *model(x)))
    return (sums / len(loader.dataset)).tolist()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--latent", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    pixels = torch.tensor(load_digits().data / 16, dtype=torch.float32)
    pixels = pixels[torch.randperm(len(pixels))]
    train_loader = DataLoader(pixels[:-360], batch_size=args.batch_size, shuffle=True)
    test_loader = DataLoader(pixels[-360:], batch_size=360)
    model = VAE(latent=args.latent)
    optimizer = optim.Adam(model.parameters(), lr=2e-3)
    for epoch in range(1, args.epochs + 1):
        loss = train(model, train_loader, optimizer)
        reconstruction, divergence = test(model, test_loader)
        print(f"epoch {epoch}: loss {loss:.4f}, test reconstruction {reconstruction:.4f}, divergence {divergence:.4f}")
    samples = model.sample(64)
    print(f"samples: mean brightness {samples.mean():.4f}, of the digits {pixels.mean():.4f}")


if __name__ == "__main__":
    main()
