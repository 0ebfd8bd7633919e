"""Variational inference and NUTS of a coin."""

import pyro
import pyro.distributions as dist
import torch
from pyro.infer import MCMC, NUTS, SVI, Trace_ELBO
from pyro.optim import Adam

pyro.set_rng_seed(0)
data = torch.tensor([1.0, 1, 1, 0, 1, 1, 0, 1])


def model(d):
    p = pyro.sample("p", dist.Beta(2.0, 2.0))
    with pyro.plate("d", len(d)):
        pyro.sample("o", dist.Bernoulli(p), obs=d)


def guide(d):
    a = pyro.param("a", torch.tensor(2.0), constraint=dist.constraints.positive)
    b = pyro.param("b", torch.tensor(2.0), constraint=dist.constraints.positive)
    pyro.sample("p", dist.Beta(a, b))


pyro.clear_param_store()
svi = SVI(model, guide, Adam({"lr": 0.05}), Trace_ELBO())
for _i in range(20):
    l = svi.step(data)
print(l, pyro.param("a").item(), pyro.param("b").item())
m = MCMC(NUTS(model), num_samples=10, warmup_steps=5, disable_progbar=True)
m.run(data)
print(m.get_samples()["p"].shape)
g = pyro.infer.autoguide.AutoNormal(model)
s = SVI(model, g, Adam({"lr": 0.05}), Trace_ELBO())
print(s.step(data))
