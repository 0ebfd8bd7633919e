"""A siamese network with a contrastive loss, the triplet and the cosine embedding loss; distances of pairs."""

import torch
import torch.nn.functional as F
from sklearn.datasets import load_iris
from torch import nn


class ContrastiveLoss(nn.Module):
    def __init__(self, margin=1.0):
        super().__init__()
        self.margin = margin

    def forward(self, a, b, different):
        distance = F.pairwise_distance(a, b, keepdim=True)
        return torch.mean((1 - different) * distance.pow(2) + different * torch.clamp(self.margin - distance, min=0.0).pow(2))


torch.manual_seed(0)
data = load_iris()
x = torch.tensor(data.data, dtype=torch.float)
x = (x - x.mean(0)) / x.std(0)
y = torch.as_tensor(data.target)
net = nn.Sequential(nn.Linear(4, 16), nn.PReLU(), nn.Linear(16, 2))
optimizer = torch.optim.Adagrad(net.parameters(), lr=0.1)
for step in range(30):
    i, j = torch.randint(150, (2, 32))
    loss = ContrastiveLoss()(net(x[i]), net(x[j]), (y[i] != y[j]).float().unsqueeze(1))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 9:
        print(step, loss.item())
triplet = nn.TripletMarginLoss(margin=1.0, p=2)
cosine = nn.TripletMarginWithDistanceLoss(distance_function=lambda a, b: 1 - F.cosine_similarity(a, b), margin=0.5)
for step in range(20):
    anchor, positive, negative = (net(x[k * 50 + torch.randint(50, (16,))]) for k in (0, 0, 1))
    loss = triplet(anchor, positive, negative) + cosine(anchor, positive, negative)
    loss = loss + F.cosine_embedding_loss(anchor, negative, -torch.ones(16), margin=0.1)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(loss.item())
with torch.no_grad():
    centers = torch.stack([net(x[y == c]).mean(0) for c in range(3)])
    print(centers, torch.cdist(centers, centers), F.pdist(centers) if hasattr(F, "pdist") else None)
