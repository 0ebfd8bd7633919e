"""Four kinds of graph convolutions trained on small graphs."""

import torch
from torch_geometric.data import Batch, Data
from torch_geometric.loader import DataLoader
from torch_geometric.nn import GATConv, GCNConv, GINConv, SAGEConv, global_mean_pool
from torch_geometric.utils import degree, to_undirected

torch.manual_seed(0)
ei = to_undirected(torch.tensor([[0, 1, 2, 3], [1, 2, 3, 0]]))
d = [Data(x=torch.randn(4, 3), edge_index=ei, y=torch.tensor([i % 2])) for i in range(6)]


class N(torch.nn.Module):
    def __init__(s):
        super().__init__()
        s.a = GCNConv(3, 8)
        s.b = GATConv(8, 4, heads=2)
        s.c = SAGEConv(8, 8)
        s.l = torch.nn.Linear(8, 2)
        s.g = GINConv(torch.nn.Linear(8, 8))

    def forward(s, b):
        x = s.a(b.x, b.edge_index).relu()
        x = s.b(x, b.edge_index).relu()
        x = s.c(x, b.edge_index)
        x = s.g(x, b.edge_index)
        return s.l(global_mean_pool(x, b.batch))


n = N()
o = torch.optim.Adam(n.parameters(), 1e-2)
for _ in range(2):
    for b in DataLoader(d, 3):
        l = torch.nn.functional.cross_entropy(n(b), b.y)
        o.zero_grad()
        l.backward()
        o.step()
        print(l.item())
print(degree(ei[0]), Batch.from_data_list(d[:2]))
