"""The default generator's state."""

import pedigrad as torch


def test_fork_rng():
    torch.manual_seed(0)
    with torch.random.fork_rng():
        inside = torch.rand(2)
    assert torch.equal(torch.rand(2), inside)
    with torch.random.fork_rng(enabled=False):
        torch.manual_seed(0)
        torch.rand(2)
    assert not torch.equal(torch.rand(2), inside)
