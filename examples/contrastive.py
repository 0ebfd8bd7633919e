"""Contrastive pairs, SimCLR (Chen and others, 2020): features of handwritten digits from no labels, judged by a linear probe."""

import argparse

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Pairs(Dataset):
    """Two views of each image: turned, enlarged and moved a little, with noise."""

    def __init__(self, images):
        self.images = images

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return self.view(self.images[index]), self.view(self.images[index])

    @staticmethod
    def view(image):
        angle, scale = 0.3 * torch.randn(()), 1 + 0.1 * torch.randn(())
        shift = 0.15 * torch.randn(2)
        rotation = torch.stack([torch.cos(angle), -torch.sin(angle), torch.sin(angle), torch.cos(angle)]).view(2, 2) * scale
        theta = torch.cat([rotation, shift.unsqueeze(1)], dim=1).unsqueeze(0)
        grid = F.affine_grid(theta, [1, *image.shape], align_corners=False)
        return F.grid_sample(image.unsqueeze(0), grid, align_corners=False)[0] + 0.05 * torch.randn_like(image)


class Encoder(nn.Module):
    def __init__(self, features=64, projection=32):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.GroupNorm(4, 16), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1), nn.GroupNorm(4, 32), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(128, features),
        )  # fmt: skip
        self.head = nn.Sequential(nn.ReLU(), nn.Linear(features, projection))

    def forward(self, x):
        return F.normalize(self.head(self.body(x)), dim=1)


def nt_xent(a, b, temperature=0.2):
    """Each view has to find its partner among all views of the batch."""
    views = torch.cat([a, b])
    similarity = (views @ views.T / temperature).fill_diagonal_(float("-inf"))
    partner = torch.arange(len(views)).roll(len(a))
    return F.cross_entropy(similarity, partner)


def probe(features, labels, train=1400, steps=100):
    """The accuracy of a linear classifier on features that stay as they are."""
    features = (features - features.mean(dim=0)) / (features.std(dim=0) + 1e-6)
    classifier = nn.Linear(features.shape[1], 10)
    optimizer = torch.optim.SGD(classifier.parameters(), lr=0.5, momentum=0.9)
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(classifier(features[:train]), labels[:train]).backward()
        optimizer.step()
    with torch.no_grad():
        return (classifier(features[train:]).argmax(dim=1) == labels[train:]).float().mean().item()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    digits = load_digits()
    images = torch.tensor(digits.images / 16, dtype=torch.float32).unsqueeze(1)
    labels = torch.tensor(digits.target)
    loader = DataLoader(Pairs(images), batch_size=args.batch_size, shuffle=True, drop_last=True)
    model = Encoder()
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr)
    for epoch in range(1, args.epochs + 1):
        model.train()
        total = 0.0
        for a, b in loader:
            loss = nt_xent(model(a), model(b))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() / len(loader)
        print(f"epoch {epoch}: loss {total:.4f}")
    model.eval()
    with torch.no_grad():
        features = model.body(images)
    print(f"accuracy of a linear probe {probe(features, labels):.3f}")


if __name__ == "__main__":
    main()
