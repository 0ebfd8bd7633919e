"""Recommendation."""

import numpy as np

from .parts import initialise, integers, normal, training
from .registry import workload


@workload(steps=5, small={"batch": 8, "rows": 50})
def dlrm(torch, batch=512, rows=20000):
    """A DLRM of 8 tables of 20,000 rows of 32, four rows a bag, products of all pairs, batch 512, SGD."""
    nn = torch.nn
    tables, width, bag = 8, 32, 4

    class DLRM(nn.Module):
        def __init__(self):
            super().__init__()
            self.tables = nn.ModuleList(nn.EmbeddingBag(rows, width, mode="sum") for _ in range(tables))
            self.bottom = nn.Sequential(nn.Linear(13, 128), nn.ReLU(), nn.Linear(128, width), nn.ReLU())
            pairs = (tables + 1) * tables // 2
            self.top = nn.Sequential(nn.Linear(width + pairs, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 1))
            above = np.triu_indices(tables + 1, 1)
            self.first, self.second = (torch.from_numpy(np.ascontiguousarray(each, np.int64)) for each in above)

        def forward(self, dense, ids, offsets):
            x = self.bottom(dense)
            features = torch.stack([x, *(table(each, offsets) for table, each in zip(self.tables, ids, strict=True))], dim=1)
            products = torch.bmm(features, features.transpose(1, 2))[:, self.first, self.second]
            return self.top(torch.cat([x, products], dim=1))[:, 0]

    model = initialise(torch, DLRM())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    dense, clicked = normal(torch, 1, batch, 13), (normal(torch, 2, batch) > 0).float()
    ids = [integers(torch, 3 + i, rows, bag * batch) for i in range(tables)]
    offsets = torch.arange(0, bag * batch, bag)
    return training(optimizer, lambda: nn.functional.binary_cross_entropy_with_logits(model(dense, ids, offsets), clicked))
