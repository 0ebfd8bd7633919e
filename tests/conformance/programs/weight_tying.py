"""One weight in two places: counted once, saved twice, one gradient, kept in copies."""

import copy
import io

import torch
import torch.nn.functional as F
from torch import nn


class Tied(nn.Module):
    def __init__(self, words, size):
        super().__init__()
        self.embedding = nn.Embedding(words, size)
        self.out = nn.Linear(size, words, bias=False)
        self.out.weight = self.embedding.weight

    def forward(self, ids):
        return self.out(torch.tanh(self.embedding(ids)))


torch.manual_seed(0)
model = Tied(10, 6)
print([n for n, _ in model.named_parameters()], [n for n, _ in model.named_parameters(remove_duplicate=False)], list(model.state_dict()))
ids = torch.randint(10, (4, 5))
optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, weight_decay=0.1)
for _ in range(5):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(ids[:, :-1]).transpose(1, 2), ids[:, 1:])
    loss.backward()
    optimizer.step()
    print(loss.item(), model.embedding.weight.grad.norm().item())
other = copy.deepcopy(model)
print(other.out.weight is other.embedding.weight, other.out.weight is model.out.weight)
buffer = io.BytesIO()
torch.save(model.state_dict(), buffer)
buffer.seek(0)
state = torch.load(buffer)
print(state["out.weight"].data_ptr() == state["embedding.weight"].data_ptr(), other.load_state_dict(state))
with torch.no_grad():
    other.embedding.weight.zero_()
print(other.out.weight.abs().sum().item(), model.out.weight.abs().sum().item())
