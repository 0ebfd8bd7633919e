"""Operations on floats that models take, forward and backward, by module and kind."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(4, 4)
        self.b = nn.Sequential(nn.Linear(4, 4, bias=False))

    def forward(self, x):
        return self.b(self.a(x))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.x, self.y = Block(), Block()

    def forward(self, x):
        return self.y(self.x(x)) + x @ x.new_ones(4, 4)


def show(counter):
    print(counter.get_total_flops())
    for name, counts in sorted(counter.get_flop_counts().items()):
        print(" ", name, sorted((str(kind), n) for kind, n in counts.items()))


convolutions = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1, stride=2), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 16, 10))
with FlopCounterMode(display=False) as counter:
    convolutions(torch.randn(2, 3, 8, 8)).sum().backward()
show(counter)
with FlopCounterMode(display=False) as counter:
    Net()(torch.ones(4, 4, requires_grad=True)).sum().backward()
    torch.ones(2, 2) @ torch.ones(2, 2)
show(counter)
print(counter.get_flop_counts()["Global"][torch.ops.aten.mm])
single = [
    lambda: torch.randn(3, 4, requires_grad=True) @ torch.randn(4, 5),
    lambda: torch.bmm(torch.randn(2, 3, 4), torch.randn(2, 4, 5)),
    lambda: torch.einsum("bij,bjk->bik", torch.randn(2, 3, 4), torch.randn(2, 4, 5)),
    lambda: F.linear(torch.randn(2, 3, 4), torch.randn(5, 4), torch.randn(5)),
    lambda: torch.randn(2, 3, 4) @ torch.randn(4, 5),
    lambda: F.conv_transpose2d(torch.randn(1, 2, 4, 4), torch.randn(2, 3, 2, 2), stride=2),
    lambda: F.conv1d(torch.randn(1, 4, 9), torch.randn(6, 2, 3), groups=2),
    lambda: torch.addmm(torch.randn(5), torch.randn(3, 4), torch.randn(4, 5)),
    lambda: torch.baddbmm(torch.randn(2, 3, 5), torch.randn(2, 3, 4), torch.randn(2, 4, 5)),
    lambda: nn.MultiheadAttention(8, 2)(torch.randn(5, 1, 8), torch.randn(5, 1, 8), torch.randn(5, 1, 8)),
    lambda: torch.relu(torch.randn(3)),
]
with FlopCounterMode(display=False) as whole:
    for run in single:
        with FlopCounterMode(display=False) as counter:
            run()
        show(counter)
show(whole)
