"""Functions that stay whole in a graph stay so when the graph of its code is drawn."""

import copy
import math
import operator

import torch
from torch import fx


def repeated(x, n):
    for _ in range(int(n)):
        x = x + 1
    return x


fx.wrap("repeated")
fx.wrap("len")


class Net(torch.nn.Module):
    def forward(self, x):
        return repeated(x, 3) * len(x) + math.sqrt(x.shape[0])


once = fx.symbolic_trace(Net())
print(once.code)
again = fx.symbolic_trace(once)
print(again.code)
print(again.graph)
print(again(torch.ones(2)), copy.deepcopy(again)(torch.ones(3)), fx.symbolic_trace(torch.nn.Sequential(again))(torch.ones(2)))
print(torch.typename(operator.matmul), torch.typename(repeated), torch.typename(Net), torch.typename(Net()), torch.typename(len))
