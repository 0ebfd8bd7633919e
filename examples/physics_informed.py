"""A physics-informed network (Raissi, Perdikaris and Karniadakis, 2017) solves the heat equation.

u_t = k u_xx on [0, 1], u = 0 at both ends, u = sin(pi x) at the beginning. No solution is shown to the network; the
loss is what is left of the equation, by second derivatives of the network.
"""

import argparse
import math

import torch
from torch import nn

K = 0.1


def solution(x, t):
    return torch.exp(-K * math.pi**2 * t) * torch.sin(math.pi * x)


class Network(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, hidden), nn.Tanh(), nn.Linear(hidden, hidden), nn.Tanh(), nn.Linear(hidden, 1))
        for module in self.net:
            if isinstance(module, nn.Linear):
                nn.init.xavier_normal_(module.weight)
                nn.init.zeros_(module.bias)

    def forward(self, x, t):
        return self.net(torch.cat([x, t], dim=1))


def derivative(y, x):
    return torch.autograd.grad(y, x, torch.ones_like(y), create_graph=True)[0]


def loss_of(model, inside, start, ends):
    """What is left of the equation, of the state at the beginning, and at the ends."""
    x, t = (column.clone().requires_grad_() for column in inside.split(1, dim=1))
    u = model(x, t)
    residual = derivative(u, t) - K * derivative(derivative(u, x), x)
    beginning = model(start, torch.zeros_like(start)) - torch.sin(math.pi * start)
    boundary = torch.cat([model(torch.zeros_like(ends), ends), model(torch.ones_like(ends), ends)])
    return residual.pow(2).mean(), beginning.pow(2).mean(), boundary.pow(2).mean()


@torch.no_grad()
def relative_error(model):
    x, t = (grid.reshape(-1, 1) for grid in torch.meshgrid(torch.linspace(0, 1, 51), torch.linspace(0, 1, 51), indexing="ij"))
    exact = solution(x, t)
    return (torch.linalg.norm(model(x, t) - exact) / torch.linalg.norm(exact)).item()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=300, help="steps of Adam")
    parser.add_argument("--lbfgs-steps", type=int, default=5, help="steps of LBFGS after them")
    parser.add_argument("--points", type=int, default=256)
    parser.add_argument("--log-every", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    inside, start, ends = torch.rand(args.points, 2), torch.rand(64, 1), torch.rand(64, 1)
    model = Network()
    adam = torch.optim.Adam(model.parameters(), lr=5e-3)
    for step in range(1, args.steps + 1):
        residual, beginning, boundary = loss_of(model, inside, start, ends)
        loss = residual + beginning + boundary
        adam.zero_grad()
        loss.backward()
        adam.step()
        if step == 1 or step % args.log_every == 0:
            print(f"Adam {step}: loss {loss.item():.6f}, equation {residual.item():.6f}, error {relative_error(model):.4f}")

    lbfgs = torch.optim.LBFGS(model.parameters(), max_iter=20, line_search_fn="strong_wolfe")

    def closure():
        lbfgs.zero_grad()
        loss = sum(loss_of(model, inside, start, ends))
        loss.backward()
        return loss

    for step in range(1, args.lbfgs_steps + 1):
        loss = lbfgs.step(closure)
        print(f"LBFGS {step}: loss {loss.item():.6f}, error {relative_error(model):.4f}")


if __name__ == "__main__":
    main()
