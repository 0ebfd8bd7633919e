"""A graph convolutional network and graph attention on a ring with chords: scatter sums, degrees, masked training."""

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
n = 24
edges = torch.tensor([(i, (i + 1) % n) for i in range(n)] + [(i, (i + 2) % n) for i in range(0, n, 3)]).t()
edges = torch.cat([edges, edges.flip(0), torch.arange(n).expand(2, n)], dim=1)
labels = (torch.arange(n) // (n // 2)).long()
features = torch.randn(n, 6) + labels.unsqueeze(1)


class GCN(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.linear = nn.Linear(i, o)

    def forward(self, x, edges):
        source, target = edges
        degree = torch.zeros(len(x)).index_add_(0, target, torch.ones(len(target)))
        norm = degree[source].rsqrt() * degree[target].rsqrt()
        message = self.linear(x)[source] * norm.unsqueeze(1)
        return torch.zeros(len(x), message.shape[1]).index_add(0, target, message)


class GAT(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.W, self.a = nn.Linear(i, o, bias=False), nn.Parameter(torch.randn(2 * o) * 0.1)

    def forward(self, x, edges):
        source, target = edges
        h = self.W(x)
        e = F.leaky_relu(torch.cat([h[source], h[target]], 1) @ self.a, 0.2)
        highest = torch.full((len(x),), -torch.inf).scatter_reduce(0, target, e, "amax")
        weight = (e - highest[target]).exp()
        total = torch.zeros(len(x)).scatter_add(0, target, weight)
        return torch.zeros_like(h).index_add(0, target, (weight / total[target]).unsqueeze(1) * h[source])


train = torch.rand(n) < 0.5
for kind in (GCN, GAT):
    layers = nn.ModuleList([kind(6, 8), kind(8, 2)])
    optimizer = torch.optim.Adam(layers.parameters(), lr=0.05, weight_decay=5e-4)
    for _epoch in range(15):
        h = F.dropout(F.elu(layers[0](features, edges)), 0.2)
        out = layers[1](h, edges)
        loss = F.cross_entropy(out[train], labels[train])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(kind.__name__, loss.item(), (out.argmax(1) == labels)[~train].float().mean().item())
