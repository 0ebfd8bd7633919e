"""A program with types, as a user writes it: `mypy --strict` (tests/test_stubs.py) and pyright (.ci/run) have nothing to say of it."""

from typing import Any

import pedigrad as torch
import pedigrad.nn.functional as F
from pedigrad import Tensor, nn, optim


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        result: Tensor = 2 * g * x
        return result


class Net(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Linear(4, width)
        self.second = nn.Linear(width, 3)
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        hidden: Tensor = F.relu(self.first(x))
        out: Tensor = self.second(F.dropout(hidden, 0.1, self.training))
        squares: Tensor = Square.apply(x)
        return out * self.scale + squares.mean(dim=1, keepdim=True)


def train(model: Net, x: Tensor, y: Tensor, steps: int) -> list[float]:
    optimizer = optim.Adam(model.parameters(), lr=1e-2)
    schedule = optim.lr_scheduler.StepLR(optimizer, step_size=10)
    losses: list[float] = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    return losses


def main() -> None:
    torch.manual_seed(0)
    x, y = torch.randn(16, 4), torch.randint(0, 3, (16,))
    model = Net(8).to(torch.float32)
    losses = train(model, x, y, 20)
    with torch.no_grad():
        values, classes = model(x).softmax(dim=-1).max(dim=-1)
    best = x.max(dim=0).values.view(2, -1) @ torch.zeros(2, 2)
    shape: torch.Size = best.shape
    print(losses[-1] < losses[0], int(classes.sum()), values.shape, shape, x[0, 1:].tolist())


if __name__ == "__main__":
    main()
