"""Draws with gradients: how samples move with the parameters, and what a compiled function does about them."""

import numpy as np
import pytest
from scipy import special

import pedigrad as torch
from pedigrad.rng.reparameterization import beta_slope, gamma_slope

GAMMA = [(0.05, 1e-3), (0.05, 0.5), (0.7, 0.7), (3.0, 1.0), (3.0, 6.0), (50.0, 45.0), (50.0, 60.0), (1e4, 1.001e4)]
BETA = [(0.1, 0.2, 0.3), (3.0, 4.0, 0.5), (3.0, 4.0, 0.8), (100.0, 50.0, 0.7), (1e3, 3e3, 0.26), (0.5, 100.0, 1e-3)]


@pytest.mark.parametrize("a, x", GAMMA)
def test_a_gamma_number_follows_its_quantile(a, x):
    h = 1e-5 * a
    below, above = special.gammainc(a, x), special.gammaincc(a, x)
    quantile = (lambda shape: special.gammaincinv(shape, below)) if below < 0.5 else (lambda shape: special.gammainccinv(shape, above))
    assert np.isclose(gamma_slope(x, a), (quantile(a + h) - quantile(a - h)) / (2 * h), rtol=1e-7)


@pytest.mark.parametrize("a, b, x", BETA)
def test_a_beta_number_follows_its_quantile(a, b, x):
    h = 1e-5 * a
    share = special.betainc(a, b, x)
    slope = (special.betaincinv(a + h, b, share) - special.betaincinv(a - h, b, share)) / (2 * h)
    assert np.isclose(beta_slope(x, a, b), slope / (1 - x), rtol=1e-7)


def test_gradients_of_means_are_gradients_of_draws_on_average():
    torch.manual_seed(0)
    a = torch.tensor([0.5, 2.0, 9.0], dtype=torch.float64, requires_grad=True)
    torch.distributions.Gamma(a, 2.0).rsample((4000,)).mean(0).sum().backward()
    assert np.allclose(a.grad.numpy(), 0.5, atol=0.03)
    a.grad = None
    torch.distributions.Dirichlet(a).rsample((4000,)).mean(0)[0].backward()
    total = a.detach().sum()
    expected = (torch.tensor([1.0, 0, 0]).double() * total - a.detach()[0]) / total**2
    assert np.allclose(a.grad.numpy(), expected.numpy(), atol=5e-3)


def test_draws_have_no_second_derivatives():
    a = torch.tensor([2.0], requires_grad=True)
    for draw in (torch._standard_gamma, torch._sample_dirichlet):
        (slope,) = torch.autograd.grad((draw(a) * a).sum(), a, create_graph=True)
        with pytest.raises(NotImplementedError, match="derivative for '_"):
            slope.sum().backward()


@pytest.mark.filterwarnings("ignore:pedigrad.compile")
@pytest.mark.parametrize(
    "draw", ["Gamma(p, 1.)", "Dirichlet(p)", "Poisson(p)", "Binomial(9, p / 9)", "Normal(p, 1.)", "Categorical(p)", "VonMises(0., p)"]
)
def test_compiled_functions_draw_anew(draw):
    p = torch.tensor([2.0, 3.0, 4.0])
    compiled = torch.compile(lambda p: eval(f"torch.distributions.{draw}", {"torch": torch, "p": p}).sample((20,)))
    results = [compiled(p).numpy() for _ in range(4)]
    assert not any(np.array_equal(results[0], other) for other in results[1:])
