"""`pedigrad demo`: the founding program's model, where its loss comes from, and a classifier of handwritten digits."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

import pedigrad as torch
from pedigrad import nn
from pedigrad.utils import progress


class LinearRegression(nn.Module):
    """y = w x."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(1, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(x)


def regression() -> list[float]:
    """Train the founding program's model, telling of gradients and ancestors; returns the losses."""
    x = torch.from_numpy(np.arange(11, dtype=np.float32).reshape(-1, 1))
    y = 2 * x
    model = LinearRegression()
    criterion = nn.MSELoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    loss = criterion(model(x), y)
    print("Where the first loss comes from:\n")
    print(loss.family(model.named_parameters()), "\n")
    loss.backward()
    print("before zero_grad:", model.linear.weight.grad)
    optimizer.zero_grad()
    print("after zero_grad: ", model.linear.weight.grad, "\n")
    losses = []
    for _ in progress(range(50), label="y = 2 x"):
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    print(f"loss {losses[0]:.4g} -> {losses[-1]:.4g}, weight {model.linear.weight.item():.6f}\n")
    return losses


def load_digits() -> tuple[Any, Any] | None:
    """The 1797 handwritten digits of scikit-learn, or None where it is not installed."""
    try:
        from sklearn.datasets import load_digits as load
    except ImportError:
        return None
    data = load()
    return (data.data / 16.0).astype(np.float32), data.target.astype(np.int64)


def digits(epochs: int, batch: int = 32) -> tuple[list[float], float]:
    """Train an MLP on the digits; returns the mean loss of each epoch and the accuracy on the 360 held out."""
    data = load_digits()
    if data is None:
        print("The digits need scikit-learn: pip install 'pedigrad[demo]'")
        return [], float("nan")
    torch.manual_seed(0)
    images, labels = torch.from_numpy(data[0]), torch.from_numpy(data[1])
    order = torch.randperm(len(labels))
    train, test = order[360:], order[:360]
    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    criterion = nn.CrossEntropyLoss()
    losses, began = [], time.perf_counter()
    for _ in progress(range(epochs), label="digits "):
        shuffled = train[torch.randperm(len(train))]
        total = 0.0
        for start in range(0, len(shuffled), batch):
            rows = shuffled[start : start + batch]
            optimizer.zero_grad()
            loss = criterion(model(images[rows]), labels[rows])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
        losses.append(total / len(shuffled))
    with torch.no_grad():
        accuracy = (model(images[test]).argmax(1) == labels[test]).float().mean().item()
    print(f"test accuracy {accuracy:.1%} after {epochs} epochs in {time.perf_counter() - began:.1f} s")
    return losses, accuracy


def draw(curves: dict[str, list[float]], path: str) -> bool:
    """Write the loss curves as a PNG; False where matplotlib is not installed."""
    try:
        import matplotlib
    except ImportError:
        return False
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, len(curves), figsize=(5 * len(curves), 3.5))
    for axis, (title, losses) in zip(np.atleast_1d(axes), curves.items(), strict=True):
        axis.semilogy(range(1, len(losses) + 1), losses)
        axis.set(title=title, xlabel="epoch", ylabel="loss")
        axis.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
    return True


def main(epochs: int = 30, plot: str = "pedigrad-demo.png") -> int:
    """Run the demo; returns 0, or 1 if the classifier missed 96 %."""
    curves = {"y = 2 x": regression()}
    losses, accuracy = digits(epochs)
    if losses:
        curves["handwritten digits"] = losses
    if draw(curves, plot):
        print(f"loss curves: {plot}")
    return 0 if accuracy != accuracy or accuracy >= 0.96 else 1
