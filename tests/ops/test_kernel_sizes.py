"""Kernels are compiled once for all sizes: calls of random shapes and arguments, one after the other, give what NumPy gives."""

import os
import random
import subprocess
import sys

import numpy as np
import pytest

import pedigrad as torch
from pedigrad.eager import kernels, native
from pedigrad.nn import functional as F

pytestmark = pytest.mark.skipif(not native.takes_product(np.zeros(1, np.float32), 1 << 60), reason="llvmlite is not installed")

SIZES = (1, 2, 3, 5, 11, 12, 13, 14, 17, 31, 64, 101, 113, 130)  # about the largest that is fixed, a stand-in, powers of two
NUMBERS = (0, 1, -1, 2, 3, -4, 12, 13, 14, 50, -50, 5000)  # that meet sizes: widths, shifts, diagonals
ROUNDING = {torch.float32: 1e-5, torch.float64: 1e-12}  # of sums of up to 3000 numbers of a magnitude of one, in any order
CALLS = {
    "pad": lambda x, n, d: F.pad(x, (abs(n) % 60, n % 60)),
    "pad the rows": lambda x, n, d: F.pad(x, (0, 0) * (x.ndim - 1) + (0, abs(n) % 60 + 1)),
    "cut the rows": lambda x, n, d: F.pad(x, (0, 0) * (x.ndim - 1) + (-min(abs(n), x.shape[0] - 1), 0)),
    "roll": lambda x, n, d: torch.roll(x, n, d),
    "tril": lambda x, n, d: torch.tril(x, n) if x.ndim > 1 else x,
    "difference": lambda x, n, d: torch.diff(x, dim=d),
    "sums": lambda x, n, d: torch.cumsum(x, d),
    "var": lambda x, n, d: torch.var(x, d, correction=n % 2 if x.shape[d] > 1 else 0),
    "softmax": lambda x, n, d: torch.softmax(x * n, d) if abs(n) < 5 else torch.log_softmax(x, d),
    "norm": lambda x, n, d: torch.linalg.vector_norm(x, n % 4, d),
    "largest": lambda x, n, d: torch.amax(x, d, keepdim=n > 0),
    "layer norm": lambda x, n, d: F.layer_norm(x, x.shape[1:] if x.ndim > 1 and n > 0 else x.shape[-1:], eps=0.1),
    "activation": lambda x, n, d: F.gelu(x) + F.mish(x, False) * n,
    "broadcast": lambda x, n, d: torch.lerp(x, x.narrow(d, 0, 1), 0.25) / (x.mean(d, keepdim=True).abs() + 1),
    "loss": lambda x, n, d: F.smooth_l1_loss(x, x.flip(d).detach(), reduction=("mean", "sum", "none")[n % 3]),
    "cosine": lambda x, n, d: F.cosine_similarity(x, x.flip(0) + 1, d),
}


def drawn(chance):
    """The name of a call, its tensor and its numbers."""
    rank = chance.choice((1, 1, 2, 2, 3, 4))
    shape = tuple(chance.choice(SIZES) for _ in range(rank))
    shape = (shape[0],) * rank if chance.random() < 0.2 else shape
    while np.prod(shape) > 3000:
        shape = tuple(max(1, n // 2) for n in shape)
    x = torch.randn(shape, dtype=chance.choice(list(ROUNDING)))
    return chance.choice(list(CALLS)), x, chance.choice(NUMBERS), chance.randrange(rank)


def results(name, x, n, d):
    x = x.clone().requires_grad_()
    y = CALLS[name](x, n, d)
    return y.detach(), *torch.autograd.grad(y, x, torch.linspace(-1, 1, y.numel(), dtype=y.dtype).view(y.shape), allow_unused=True)


def run(seed):
    """Sixty random calls, twenty of them again, as native code and as NumPy; few sizes are kept ready."""
    chance = random.Random(seed)
    torch.manual_seed(seed)
    torch.set_num_threads(1 + seed % 2)
    kernels.MOST_PREPARED, native_run = 2, native._run
    calls = [drawn(chance) for _ in range(60)]
    for call in calls + calls[:20]:
        found = results(*call)
        native._run = lambda *_: None
        wanted = results(*call)
        native._run = native_run
        for one, other in zip(found, wanted, strict=True):
            near = ROUNDING[call[1].dtype] * max(1.0, float(other.abs().max()) if other is not None and other.numel() else 0.0)
            told = f"{call[0]} of {tuple(call[1].shape)} with {call[2:]}"
            assert (one is None) == (other is None) and (one is None or one.shape == other.shape), told
            assert one is None or torch.allclose(one, other, rtol=0, atol=near, equal_nan=True), told
    assert sum(made is not None for made in native._kernels.values()) > 10


@pytest.mark.parametrize("seed", range(4))
def test_calls_of_random_sizes(seed):
    """In a process of its own, where kernels are tried for all sizes."""
    surroundings = {**os.environ, "PEDIGRAD_NATIVE_FROM": "1"}
    done = subprocess.run([sys.executable, __file__, str(seed)], env=surroundings, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]


if __name__ == "__main__":
    run(int(sys.argv[1]))
