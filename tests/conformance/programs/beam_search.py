"""A small sequence model: teacher forcing, greedy and beam search, length penalty, top-k and nucleus sampling."""

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
V = 12


class Seq(nn.Module):
    def __init__(self):
        super().__init__()
        self.e = nn.Embedding(V, 8, padding_idx=0)
        self.enc = nn.GRU(8, 8, batch_first=True, bidirectional=True)
        self.b = nn.Linear(16, 8)
        self.dec = nn.GRUCell(16, 8)
        self.q = nn.Linear(8, 16, bias=False)
        self.o = nn.Linear(24, V)

    def encode(self, x):
        lens = (x != 0).sum(1)
        p = nn.utils.rnn.pack_padded_sequence(self.e(x), lens, batch_first=True, enforce_sorted=False)
        m, h = self.enc(p)
        m, _ = nn.utils.rnn.pad_packed_sequence(m, batch_first=True, total_length=x.size(1))
        return m, torch.tanh(self.b(h.transpose(0, 1).flatten(1)))

    def step(self, y, h, m, mask, c):
        h = self.dec(torch.cat([self.e(y), c], -1), h)
        a = torch.einsum("bd,btd->bt", self.q(h), m).masked_fill(~mask, -1e9).softmax(-1)
        c = torch.bmm(a.unsqueeze(1), m).squeeze(1)
        return self.o(torch.cat([h, c], -1)), h, c[:, :8]


m = Seq()
opt = torch.optim.NAdam(m.parameters(), 2e-2)
x = torch.randint(3, V, (8, 5))
x[1, 3:] = 0
x[4, 2:] = 0
y = torch.cat([torch.ones(8, 1, dtype=torch.long), x.flip(1), torch.full((8, 1), 2)], 1)
for i in range(12):
    mem, h = m.encode(x)
    c = torch.zeros(8, 8)
    loss = 0
    for t in range(y.size(1) - 1):
        logit, h, c = m.step(y[:, t], h, mem, x != 0, c)
        loss = loss + F.cross_entropy(logit, y[:, t + 1], ignore_index=0, label_smoothing=0.1)
    opt.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(m.parameters(), 1.0)
    opt.step()
    if i % 4 == 3:
        print(i, loss.item())


@torch.no_grad()
def beam(src, width=3, steps=6, alpha=0.6):
    mem, h = m.encode(src)
    scores = torch.zeros(1)
    seqs = torch.ones(1, 1, dtype=torch.long)
    c = torch.zeros(1, 8)
    done = []
    for t in range(steps):
        logit, h, c = m.step(seqs[:, -1], h, mem.expand(seqs.size(0), -1, -1), (src != 0).expand(seqs.size(0), -1), c)
        lp = scores[:, None] + logit.log_softmax(-1)
        top, ix = lp.flatten().topk(width)
        rows, toks = torch.div(ix, V, rounding_mode="floor"), ix % V
        seqs = torch.cat([seqs[rows], toks[:, None]], 1)
        h, c, scores = h[rows], c[rows], top
        end = toks == 2
        done += [(s.item() / ((5 + t) / 6) ** alpha, q.tolist()) for s, q in zip(scores[end], seqs[end], strict=False)]
        if end.all():
            break
        seqs, h, c, scores = seqs[~end], h[~end], c[~end], scores[~end]
    return sorted(done or [(s.item(), q.tolist()) for s, q in zip(scores, seqs, strict=False)], reverse=True)[:2]


for i in (0, 1):
    print(beam(x[i : i + 1]))
logits = torch.randn(2, V)
v, _ = logits.topk(4)
top = logits.masked_fill(logits < v[:, [-1]], float("-inf"))
print(torch.multinomial(top.softmax(-1), 1, generator=torch.Generator().manual_seed(1)).shape)
s, ix = logits.sort(descending=True)
cum = s.softmax(-1).cumsum(-1)
remove = cum - s.softmax(-1) > 0.8
nucleus = logits.masked_fill(remove.scatter(1, ix, remove), -float("inf"))
print(nucleus.isfinite().sum(1), nucleus.softmax(-1).max(1))
