"""Random numbers: seeds, generators, states that are put back, distributions, initializations, dropout."""

import torch
from torch import nn
from torch.distributions import Bernoulli, Beta, Categorical, Dirichlet, MultivariateNormal, Normal, kl_divergence

torch.manual_seed(42)
print(torch.rand(3), torch.randn(3), torch.randint(0, 100, (3,)), torch.randperm(5), torch.normal(2.0, 0.5, (2,)))
state = torch.get_rng_state()
first = torch.rand(2)
torch.set_rng_state(state)
print(torch.equal(first, torch.rand(2)), torch.initial_seed())
with torch.random.fork_rng():
    torch.manual_seed(1)
    inside = torch.rand(1)
print(inside, torch.rand(1))
g = torch.Generator().manual_seed(7)
print(
    torch.rand(2, generator=g),
    torch.randint(5, (4,), generator=g),
    torch.multinomial(torch.tensor([0.1, 0.2, 0.7]), 5, True, generator=g),
    g.initial_seed(),
)
x = torch.empty(5)
print(
    x.uniform_(-1, 1), x.exponential_(), x.geometric_(0.3), x.log_normal_(), x.cauchy_(), x.bernoulli_(0.3), x.random_(10), x.normal_(0, 2)
)
for name in ("xavier_uniform_", "kaiming_normal_", "orthogonal_", "trunc_normal_"):
    print(name, getattr(nn.init, name)(torch.empty(3, 4))[0])
print(nn.init.sparse_(torch.empty(4, 3), 0.5), nn.init.dirac_(torch.empty(2, 2, 3))[0], nn.init.calculate_gain("leaky_relu", 0.2))
for layer in (nn.Linear(3, 2), nn.Conv1d(2, 2, 2), nn.LSTM(2, 2), nn.Embedding(3, 2), nn.MultiheadAttention(4, 2), nn.Bilinear(2, 2, 1)):
    print(type(layer).__name__, sum(p.sum() for p in layer.parameters()).item())
print(
    nn.Dropout(0.5)(torch.ones(8)),
    nn.functional.dropout2d(torch.ones(1, 4, 1, 2), 0.5),
    nn.functional.gumbel_softmax(torch.zeros(2, 3), hard=True),
)
for d in (Normal(0.0, 1.0), Bernoulli(0.3), Beta(2.0, 3.0), Categorical(torch.tensor([0.2, 0.8])), Dirichlet(torch.ones(3))):
    sample = d.sample((3,))
    print(d, sample, d.log_prob(sample), d.entropy(), d.mean)
normal = MultivariateNormal(torch.zeros(2), torch.tensor([[1.0, 0.5], [0.5, 2.0]]))
print(normal.rsample((2,)), normal.log_prob(torch.ones(2)), kl_divergence(Normal(0.0, 1.0), Normal(1.0, 2.0)))
