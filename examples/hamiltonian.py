"""A Hamiltonian network (Greydanus, Dzamba and Yosinski, 2019) learns a pendulum and keeps its energy.

The network gives one number, the energy H(q, p); the motion follows from its gradient: dq/dt = dH/dp, dp/dt = -dH/dq.
A plain network that gives the motion itself is trained beside it.
"""

import argparse

import torch
from torch import nn


def energy(state):
    q, p = state.unbind(dim=-1)
    return 3 * (1 - torch.cos(q)) + p**2


def motion(state):
    q, p = state.unbind(dim=-1)
    return torch.stack([2 * p, -3 * torch.sin(q)], dim=-1)


class Plain(nn.Module):
    def __init__(self, hidden=64, outputs=2):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(2, hidden), nn.Tanh(), nn.Linear(hidden, hidden), nn.Tanh(), nn.Linear(hidden, outputs, bias=False)
        )
        for parameter in self.parameters():
            if parameter.dim() == 2:
                nn.init.orthogonal_(parameter)

    def forward(self, state):
        return self.net(state)


class Hamiltonian(Plain):
    def __init__(self, hidden=64):
        super().__init__(hidden, outputs=1)

    def forward(self, state):
        with torch.enable_grad():
            if not state.requires_grad:
                state = state.detach().requires_grad_()
            (gradient,) = torch.autograd.grad(self.net(state).sum(), state, create_graph=self.training)
        return gradient.flip(-1) * torch.tensor([1.0, -1.0])


@torch.no_grad()
def simulate(field, state, steps, dt):
    """The path from a state, by the Runge-Kutta method."""
    path = [state]
    for _ in range(steps):
        k1 = field(state)
        k2 = field(state + dt / 2 * k1)
        k3 = field(state + dt / 2 * k2)
        k4 = field(state + dt * k3)
        state = state + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        path.append(state)
    return torch.stack(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--noise", type=float, default=0.1, help="of the motion that is shown")
    parser.add_argument("--log-every", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    states = torch.rand(1000, 2) * 4 - 2
    motions = motion(states) + args.noise * torch.randn(1000, 2)
    for name, model in {"plain": Plain(), "Hamiltonian": Hamiltonian()}.items():
        optimizer = torch.optim.Adam(model.parameters(), lr=3e-3, weight_decay=1e-4)
        for step in range(1, args.steps + 1):
            rows = torch.randint(len(states), (args.batch_size,))
            loss = (model(states[rows]) - motions[rows]).pow(2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if step == 1 or step % args.log_every == 0:
                print(f"{name}, step {step}: loss {loss.item():.5f}")
        model.eval()
        path = simulate(model, torch.tensor([[1.0, 0.0]]), 200, 0.1)
        drift = (energy(path) - energy(path[:1])).abs()
        print(f"{name}: the energy is off by {drift.mean():.4f} on average, {drift[-1].item():.4f} at the end")


if __name__ == "__main__":
    main()
