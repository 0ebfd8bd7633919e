"""torch.jit as programs decorate with it, hub from a local directory, futures, compile as a pass through."""

import os

import torch
from torch import nn

torch.manual_seed(0)


@torch.jit.script
def gelu(x):
    return x * 0.5 * (1.0 + torch.erf(x / 1.41421))


@torch.jit.ignore
def ignored(x):
    return x + 1


class M(nn.Module):
    __constants__ = ["k"]

    def __init__(self):
        super().__init__()
        self.k = 3
        self.l = nn.Linear(2, 2)

    @torch.jit.export
    def extra(self, x):
        return x * self.k

    @torch.jit.unused
    def never(self, x):
        raise NotImplementedError

    def forward(self, x):
        if torch.jit.is_scripting():
            return x
        if not torch.jit.is_tracing():
            x = gelu(x)
        return self.l(ignored(x))


m = M()
s = torch.jit.script(m)
print(s.extra(torch.ones(1)), isinstance(s, nn.Module), len(list(s.parameters())), s.training)
s.eval()
print(m.l.training if s is m else s.training, sorted(s.state_dict()))
f: torch.jit.Final[int] = 3
t = torch.jit.annotate(list[int], [])
print(f, t, torch.jit.isinstance([1], list[int]))


@torch.jit.script_if_tracing
def cond(x):
    return x if x.sum() > 0 else -x


print(cond(-torch.ones(2)))
fu = torch.jit.fork(lambda a: a + 1, torch.ones(1))
print(torch.jit.wait(fu))
os.makedirs("repo")
with open("repo/hubconf.py", "w") as file:
    file.write("dependencies = ['torch']\nimport torch\ndef tiny(n=2):\n    torch.manual_seed(0)\n    return torch.nn.Linear(n, 1)\n")
print(torch.hub.load("repo", "tiny", n=3, source="local").weight)
print(torch.compiler.is_compiling(), torch.compiler.disable(gelu)(torch.zeros(1)))
fut = torch.futures.Future()
fut.add_done_callback(lambda f: print("done", f.value()))
fut.set_result(3)
print(
    fut.done(),
    fut.wait(),
    fut.then(lambda f: f.value() + 1).wait(),
    [x.value() for x in torch.futures.wait_all([fut])] if False else torch.futures.wait_all([fut]),
)
print(
    torch.backends.mps.is_available(),
    torch.cuda.is_available(),
    torch.backends.cuda.matmul.allow_tf32,
    torch.get_float32_matmul_precision(),
    torch.are_deterministic_algorithms_enabled(),
    torch.get_num_threads() >= 1,
)
