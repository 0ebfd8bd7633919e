"""torch.distributions: distributions, constraints, transforms and divergences."""
