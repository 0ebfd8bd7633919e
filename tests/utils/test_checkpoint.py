"""Checkpoints: what is kept, what is refused, and gradients that PyTorch gets wrong or not at all."""

import gc
import weakref

import pytest

import pedigrad as torch
from pedigrad.utils.checkpoint import CheckpointError, checkpoint, noop_context_fn


def part(x):
    return (x.sin() * x).exp()


def saved_bytes(tensor):
    """How much memory the history of a tensor holds, leaves' own not counted."""
    seen, stack, total = set(), [tensor._node], 0
    while stack:
        node = stack.pop()
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        stack.extend(node.parents)
        total += sum(getattr(each, "nbytes", 0) for each in (node.saved if isinstance(node.saved, tuple) else ()))
    return total


@pytest.mark.parametrize("reentrant", [True, False])
def test_nothing_is_kept(reentrant):
    x = torch.ones(1000, requires_grad=True)
    assert saved_bytes(part(x)) > 8000
    assert saved_bytes(checkpoint(part, x, use_reentrant=reentrant)) == 0


def test_a_part_goes_with_its_results():
    x = torch.ones(3, requires_grad=True)
    given = [torch.ones(3)]
    out = checkpoint(lambda x, given: x * given[0], x, given, use_reentrant=False)
    alive = weakref.ref(given[0])
    out.sum().backward()
    given.clear()
    del out
    gc.collect()
    assert alive() is None


@pytest.mark.parametrize("reentrant", [True, False])
def test_what_a_function_reaches_by_itself_has_gradients(reentrant):
    w = torch.tensor([2.0], requires_grad=True)
    x = torch.tensor([3.0], requires_grad=True)
    out = checkpoint(lambda x: (x * w).exp(), x, use_reentrant=reentrant)
    (g,) = torch.autograd.grad(out.sum(), [w])  # which PyTorch refuses of the reentrant kind
    assert torch.allclose(g, 3 * torch.tensor([6.0]).exp())


def test_an_argument_that_is_written_to_is_noticed():
    a = torch.ones(3, requires_grad=True)
    x = a * 1
    out = checkpoint(part, x, use_reentrant=False)
    with torch.no_grad():
        x.mul_(5)
    with pytest.raises(CheckpointError, match=r"written to by mul_"):
        out.sum().backward()


def test_operations_that_are_others_are_noticed():
    runs = []

    def changing(x):
        runs.append(1)
        return x.sin() if len(runs) == 1 else x.cos()

    x = torch.ones(3, requires_grad=True)
    out = checkpoint(changing, x, use_reentrant=False)
    with pytest.raises(CheckpointError, match=r"operation 0 was SinBackward0 .* now it is CosBackward0"):
        out.sum().backward()


def test_a_second_pass_runs_the_part_once():
    runs = []

    def counting(x):
        runs.append(1)
        return part(x)

    x = torch.ones(3, requires_grad=True)
    out = checkpoint(counting, x, use_reentrant=False)
    out.sum().backward(retain_graph=True)
    out.sum().backward()
    assert len(runs) == 2
    with pytest.raises(RuntimeError, match="second time"):
        out.sum().backward()


def test_contexts_are_entered_around_each_run():
    seen = []

    class Noting:
        def __init__(self, name):
            self.name = name

        def __enter__(self):
            seen.append(self.name)

        def __exit__(self, *error):
            seen.append("-" + self.name)

    x = torch.ones(3, requires_grad=True)
    out = checkpoint(part, x, use_reentrant=False, context_fn=lambda: (Noting("first"), Noting("second")))
    assert seen == ["first", "-first"]
    out.sum().backward()
    assert seen[2:] == ["second", "-second"] and len(noop_context_fn()) == 2


def test_functions_of_users():
    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return 3 * g * x**2

    x = torch.tensor([2.0], requires_grad=True)
    out = checkpoint(lambda x: Cube.apply(x * 1).exp().log(), x, use_reentrant=False)
    (g,) = torch.autograd.grad(out, x, create_graph=True)
    (gg,) = torch.autograd.grad(g, x)
    assert abs(g.item() - 12) < 1e-4 and abs(gg.item() - 12) < 1e-4


def test_within_a_compiled_step():
    net = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
    opt = torch.optim.SGD(net.parameters(), lr=0.1)

    def step(x):
        opt.zero_grad()
        loss = checkpoint(net, x, use_reentrant=False).pow(2).mean()
        loss.backward()
        opt.step()
        return loss

    x = torch.ones(5, 4)
    fast = torch.compile(step)
    losses = [fast(x).item() for _ in range(6)]
    assert losses == sorted(losses, reverse=True) and losses[-1] < losses[0]
