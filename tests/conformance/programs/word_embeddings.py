"""Embeddings: skip-gram with negative samples, continuous bags of words, EmbeddingBag, frozen and clipped vectors."""

import torch
import torch.nn as nn
import torch.nn.functional as F

text = """the tensors remember where they come from and the gradients find the way back to where they come from
the leaves of the graph receive the gradients and the optimizer moves the leaves a little""".split()
torch.manual_seed(1)
vocabulary = sorted(set(text))
index = {w: i for i, w in enumerate(vocabulary)}
ids = torch.tensor([index[w] for w in text])


class CBOW(nn.Module):
    def __init__(self, words, size):
        super().__init__()
        self.embeddings = nn.Embedding(words, size, max_norm=1.0)
        self.linear = nn.Linear(size, words)

    def forward(self, context):
        return F.log_softmax(self.linear(self.embeddings(context).sum(dim=1)), dim=1)


context = torch.stack([torch.cat([ids[i - 2 : i], ids[i + 1 : i + 3]]) for i in range(2, len(ids) - 2)])
model = CBOW(len(vocabulary), 10)
optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
for epoch in range(10):
    loss = nn.NLLLoss()(model(context), ids[2:-2])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if epoch % 3 == 0:
        print(epoch, loss.item(), model.embeddings.weight.norm(dim=1).max().item())

center, outside = nn.Embedding(len(vocabulary), 8), nn.Embedding(len(vocabulary), 8)
optimizer = torch.optim.Adadelta([*center.parameters(), *outside.parameters()], lr=1.0)
counts = torch.bincount(ids).float() ** 0.75
for step in range(20):
    negatives = torch.multinomial(counts, len(ids) * 3, replacement=True).view(-1, 3)[1:]
    c = center(ids[:-1])
    positive = F.logsigmoid((c * outside(ids[1:])).sum(1))
    negative = F.logsigmoid(-torch.bmm(outside(negatives), c.unsqueeze(2)).squeeze(2)).sum(1)
    loss = -(positive + negative).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(loss.item(), F.cosine_similarity(center.weight[:1], center.weight).topk(3))
bag = nn.EmbeddingBag.from_pretrained(center.weight.detach(), freeze=False, mode="mean")
out = bag(ids[:10], torch.tensor([0, 4, 7]))
out.pow(2).sum().backward()
print(out.sum(), bag.weight.grad.norm(), nn.Embedding.from_pretrained(torch.eye(3)).weight.requires_grad)
