"""A neural ordinary differential equation (Chen and others, 2018) learns a spiral.

The gradient goes backwards through time by the adjoint equation, so no step of the solver is kept, or, with `--direct`,
through the steps of the solver.
"""

import argparse
import itertools

import torch
from torch import nn


def rk4(function, t, dt, y):
    """One step of the classical Runge-Kutta method for a state of several tensors."""

    def after(share, slope):
        return tuple(a + share * dt * b for a, b in zip(y, slope, strict=True))

    k1 = function(t, y)
    k2 = function(t + dt / 2, after(0.5, k1))
    k3 = function(t + dt / 2, after(0.5, k2))
    k4 = function(t + dt, after(1.0, k3))
    return tuple(a + dt / 6 * (b + 2 * c + 2 * d + e) for a, b, c, d, e in zip(y, k1, k2, k3, k4, strict=True))


def odeint(function, y0, times):
    """The states at all times."""
    states = [y0]
    for t, later in itertools.pairwise(times):
        states.append(rk4(lambda t, y: (function(t, y[0]),), t, later - t, (states[-1],))[0])
    return torch.stack(states)


class Adjoint(torch.autograd.Function):
    """The same, with the gradient found by solving the adjoint equation backwards in time."""

    @staticmethod
    def forward(ctx, function, y0, times, *parameters):
        states = odeint(function, y0, times)
        ctx.function, ctx.parameters = function, parameters
        ctx.save_for_backward(times, states)
        return states

    @staticmethod
    def backward(ctx, grad):
        times, states = ctx.saved_tensors

        def slopes(t, state):
            y, adjoint, *_ = state
            with torch.enable_grad():
                y = y.detach().requires_grad_()
                slope = ctx.function(t, y)
                found = torch.autograd.grad(slope, (y, *ctx.parameters), -adjoint, allow_unused=True)
            zeros = (torch.zeros_like(p) for p in (y, *ctx.parameters))
            return (slope.detach(), *(zero if g is None else g for g, zero in zip(found, zeros, strict=True)))

        adjoint, sums = grad[-1], [torch.zeros_like(p) for p in ctx.parameters]
        for i in range(len(times) - 1, 0, -1):
            _, adjoint, *sums = rk4(slopes, times[i], times[i - 1] - times[i], (states[i], adjoint, *sums))
            adjoint = adjoint + grad[i - 1]
        return (None, adjoint, None, *sums)


class Field(nn.Module):
    def __init__(self, hidden=50):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, hidden), nn.Tanh(), nn.Linear(hidden, 2))
        for module in self.net[::2]:
            nn.init.normal_(module.weight, std=0.1)
            nn.init.zeros_(module.bias)

    def forward(self, t, y):
        return self.net(y**3)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--direct", action="store_true", help="go backwards through the solver's steps")
    parser.add_argument("--log-every", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    matrix = torch.tensor([[-0.1, 2.0], [-2.0, -0.1]])
    times = torch.linspace(0.0, 10.0, 200)
    with torch.no_grad():
        truth = odeint(lambda t, y: y**3 @ matrix, torch.tensor([[2.0, 0.0]]), times)
    field = Field()
    optimizer = torch.optim.RMSprop(field.parameters(), lr=2e-3)
    for step in range(1, args.steps + 1):
        starts = torch.randint(len(times) - 10, (20,))
        target = torch.stack([truth[starts + i] for i in range(10)])
        if args.direct:
            predicted = odeint(field, target[0], times[:10])
        else:
            predicted = Adjoint.apply(field, target[0], times[:10], *field.parameters())
        loss = (predicted - target).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step == 1 or step % args.log_every == 0:
            with torch.no_grad():
                whole = (odeint(field, truth[0], times) - truth).abs().mean()
            print(f"step {step}: loss {loss.item():.5f}, of the whole path {whole.item():.4f}")


if __name__ == "__main__":
    main()
