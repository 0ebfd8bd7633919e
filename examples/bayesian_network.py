"""A Bayesian network by variational inference, "Bayes by backprop" (Blundell and others, 2015): it knows what it does not know.

Each weight is a normal distribution; the loss is the expected error of the data and the divergence from the prior.
"""

import argparse

import torch
import torch.nn.functional as F
from torch import nn
from torch.distributions import Independent, Normal, kl_divergence


class BayesianLinear(nn.Module):
    def __init__(self, inputs, outputs, prior_scale=1.0):
        super().__init__()
        self.mean = nn.Parameter(torch.empty(outputs, inputs + 1))
        self.rho = nn.Parameter(torch.full((outputs, inputs + 1), -5.0))
        nn.init.kaiming_uniform_(self.mean, a=5**0.5)
        self.register_buffer("prior_mean", torch.zeros(outputs, inputs + 1))
        self.register_buffer("prior_scale", torch.full((outputs, inputs + 1), prior_scale))

    def posterior(self):
        return Independent(Normal(self.mean, F.softplus(self.rho)), 2)

    def divergence(self):
        prior = Independent(Normal(self.prior_mean, self.prior_scale), 2)
        return kl_divergence(self.posterior(), prior)

    def forward(self, x):
        weights = self.posterior().rsample()
        return F.linear(x, weights[:, :-1], weights[:, -1])


class BayesianNetwork(nn.Module):
    def __init__(self, hidden=20):
        super().__init__()
        self.layers = nn.Sequential(
            BayesianLinear(1, hidden), nn.ReLU(), BayesianLinear(hidden, hidden), nn.ReLU(), BayesianLinear(hidden, 1)
        )
        self.log_noise = nn.Parameter(torch.tensor(-1.0))

    def forward(self, x):
        return Normal(self.layers(x), self.log_noise.exp())

    def divergence(self):
        return sum(layer.divergence() for layer in self.layers if isinstance(layer, BayesianLinear))


def curve(x):
    return torch.sin(3 * x) + 0.3 * x


@torch.no_grad()
def spread(model, x, draws=100):
    """How much the predictions of networks drawn from the posterior differ."""
    return torch.stack([model(x).mean for _ in range(draws)]).std(dim=0).mean().item()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--draws", type=int, default=3, help="networks drawn for each step")
    parser.add_argument("--log-every", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    x = torch.rand(512, 1) * 2 - 1
    y = curve(x) + 0.1 * torch.randn_like(x)
    model = BayesianNetwork()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-2)
    for step in range(1, args.steps + 1):
        log_likelihood = torch.stack([model(x).log_prob(y).sum() for _ in range(args.draws)]).mean()
        divergence = model.divergence()
        loss = (divergence - log_likelihood) / len(x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step == 1 or step % args.log_every == 0:
            print(f"step {step}: loss {loss.item():.4f}, divergence {divergence.item():.2f}, noise {model.log_noise.exp().item():.4f}")
    near, far = torch.linspace(-1, 1, 50).unsqueeze(1), torch.linspace(2, 3, 50).unsqueeze(1)
    print(f"spread of predictions: {spread(model, near):.3f} where there are data, {spread(model, far):.3f} where there are none")


if __name__ == "__main__":
    main()
