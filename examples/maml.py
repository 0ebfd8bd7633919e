"""Model-agnostic meta-learning (Finn, Abbeel and Levine, 2017) of sine waves.

The network learns weights from which a few steps on ten points of an unknown wave lead far. The outer gradient goes
through the inner steps, so it has second derivatives, unless `--first-order` is given.
"""

import argparse
import math

import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call


def make_model(hidden=40):
    return nn.Sequential(nn.Linear(1, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, 1))


class Wave:
    """A task: a sine wave of random amplitude and phase."""

    def __init__(self):
        self.amplitude = 0.1 + 4.9 * torch.rand(())
        self.phase = math.pi * torch.rand(())

    def sample(self, count):
        x = 10 * torch.rand(count, 1) - 5
        return x, self.amplitude * torch.sin(x + self.phase)


def adapt(model, parameters, x, y, steps, lr, create_graph):
    """The parameters after some steps of gradient descent on a task."""
    for _ in range(steps):
        loss = F.mse_loss(functional_call(model, parameters, (x,)), y)
        gradients = torch.autograd.grad(loss, tuple(parameters.values()), create_graph=create_graph)
        parameters = {name: p - lr * g for (name, p), g in zip(parameters.items(), gradients, strict=True)}
    return parameters


def evaluate(model, args, tasks=20):
    """The mean loss on new tasks before adapting and after."""
    before = after = 0.0
    for _ in range(tasks):
        wave = Wave()
        x, y = wave.sample(args.shots)
        query_x, query_y = wave.sample(100)
        adapted = adapt(model, dict(model.named_parameters()), x, y, 5, args.inner_lr, create_graph=False)
        with torch.no_grad():
            before += F.mse_loss(model(query_x), query_y).item() / tasks
            after += F.mse_loss(functional_call(model, adapted, (query_x,)), query_y).item() / tasks
    return before, after


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--tasks", type=int, default=4, help="waves for each step")
    parser.add_argument("--shots", type=int, default=10, help="points of a wave that are shown")
    parser.add_argument("--inner-lr", type=float, default=0.01)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--first-order", action="store_true")
    parser.add_argument("--log-every", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    model = make_model()
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    for step in range(1, args.steps + 1):
        optimizer.zero_grad()
        loss = 0.0
        for _ in range(args.tasks):
            wave = Wave()
            parameters = dict(model.named_parameters())
            adapted = adapt(model, parameters, *wave.sample(args.shots), 1, args.inner_lr, create_graph=not args.first_order)
            x, y = wave.sample(args.shots)
            loss = loss + F.mse_loss(functional_call(model, adapted, (x,)), y) / args.tasks
        loss.backward()
        optimizer.step()
        if step == 1 or step % args.log_every == 0:
            before, after = evaluate(model, args)
            print(f"step {step}: loss {loss.item():.4f}, new tasks before {before:.4f}, after five steps {after:.4f}")


if __name__ == "__main__":
    main()
