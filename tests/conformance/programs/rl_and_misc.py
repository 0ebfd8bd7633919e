"""Replay buffers, advantages, Gumbel softmax, straight-through, schedules, LBFGS closures, loss curves, numpy exchange, formatting."""

import copy
import random
from collections import deque, namedtuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn, optim

random.seed(0)
np.random.seed(0)
torch.manual_seed(0)
T = namedtuple("T", "s a r s2 d")
buf = deque(maxlen=50)
for i in range(60):
    buf.append(T(torch.randn(3), random.randrange(2), random.random(), torch.randn(3), i % 10 == 9))
q = nn.Sequential(nn.Linear(3, 16), nn.ReLU(), nn.Linear(16, 2))
tq = copy.deepcopy(q)
opt = optim.Adam(q.parameters(), 1e-2)
for it in range(6):
    b = T(*zip(*random.sample(list(buf), 16), strict=False))
    s, s2 = torch.stack(b.s), torch.stack(b.s2)
    a, r, d = torch.tensor(b.a), torch.tensor(b.r), torch.tensor(b.d, dtype=torch.float32)
    with torch.no_grad():
        y = r + 0.9 * (1 - d) * tq(s2).gather(1, q(s2).argmax(1, keepdim=True)).squeeze(1)
    loss = F.smooth_l1_loss(q(s).gather(1, a[:, None]).squeeze(1), y)
    opt.zero_grad()
    loss.backward()
    [p.grad.data.clamp_(-1, 1) for p in q.parameters()]
    opt.step()
    for p, tp in zip(q.parameters(), tq.parameters(), strict=False):
        tp.data.copy_(0.95 * tp.data + 0.05 * p.data)
    print(it, f"{loss.item():.5f}", f"{loss:.3f}", f"{loss:.4f}", format(loss, ".2e"))


def gae(r, v, g=0.99, lam=0.95):
    adv, last = torch.zeros_like(r), 0.0
    for t in reversed(range(len(r))):
        last = r[t] + g * (v[t + 1] if t + 1 < len(v) else 0) - v[t] + g * lam * last
        adv[t] = last
    return adv


print(gae(torch.rand(5), torch.rand(5)), torch.distributions.Categorical(logits=q(torch.zeros(3))).entropy())
lg = torch.randn(3, 4, requires_grad=True)
y = F.gumbel_softmax(lg, tau=0.5, hard=True)
y.sum(0)[1].backward()
print(y, lg.grad.abs().sum() > 0, F.gumbel_softmax(lg, 1.0).sum(1))
h = torch.randn(4, requires_grad=True)
st = h + (h.round() - h).detach()
st.sum().backward()
print(st, h.grad)


def rosen(p):
    return (1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2


p = torch.tensor([-1.0, 1.0], requires_grad=True)
lb = optim.LBFGS([p], lr=1, max_iter=10, line_search_fn="strong_wolfe")


def closure():
    lb.zero_grad()
    l = rosen(p)
    l.backward()
    return l


print(lb.step(closure).item())
for name, kw in (
    ("SGD", dict(lr=1e-3, nesterov=True, momentum=0.9)),
    ("Rprop", {}),
    ("Adamax", {}),
    ("ASGD", {}),
    ("Adadelta", {}),
    ("Adagrad", {}),
    ("RMSprop", dict(centered=True, momentum=0.1)),
    ("NAdam", {}),
    ("RAdam", {}),
    ("AdamW", dict(amsgrad=True, maximize=True)),
    ("Adafactor", {}),
):
    w = torch.tensor([[0.5, -1.0]], requires_grad=True)
    o = getattr(optim, name)([w], **kw)
    for _ in range(3):
        o.zero_grad()
        (w**2).sum().backward()
        o.step()
    print(name, w.detach(), sorted(next(iter(o.state.values()), {})))
n = np.arange(6, dtype=np.float32).reshape(2, 3)
t = torch.from_numpy(n)
t[0, 0] = 7
n[1, 1] = 9
print(
    t,
    n[0, 0],
    torch.as_tensor(n) is not t,
    torch.tensor(n).dtype,
    np.mean(t.numpy()),
    torch.from_numpy(n.T).stride(),
    (t + torch.from_numpy(np.ones(3))).dtype,
    np.array(t).shape,
    np.stack([t, t]).shape,
    float(t[0, 1]),
    t.sum().numpy().item(),
    torch.tensor(np.float64(3)).dtype,
    torch.tensor([np.int32(1)]).dtype,
    list(t[0]),
    [v.item() for v in t.flatten()][:3],
    t.mean().item().__class__.__name__,
)
print(
    torch.tensor([1.0, 1e-8, 1e8]),
    torch.tensor([[1, -2], [30, 4]]),
    torch.tensor(3.14159),
    torch.tensor([True]),
    torch.zeros(0, 3),
    torch.tensor([1 + 2j]),
    torch.arange(1100.0)[:3],
    torch.tensor([float("nan"), float("inf")]),
    torch.ones(2, dtype=torch.bfloat16),
    torch.ones(1, requires_grad=True) * 2,
    nn.Parameter(torch.ones(1)),
    torch.ones(2, 2).to(torch.int8),
    torch.Size([1, 2]),
    torch.float32,
    torch.device("cpu"),
    torch.finfo(torch.float16).max,
    torch.iinfo(torch.int8),
)
print(torch.arange(2000).view(50, 40))
torch.set_printoptions(precision=2, sci_mode=False, threshold=5, edgeitems=1, linewidth=60)
print(torch.rand(10, 10) * 1e-3, torch.randn(3))
torch.set_printoptions(profile="default")
print(
    q,
    nn.Bilinear(2, 3, 4),
    nn.TransformerEncoderLayer(4, 2),
    nn.ModuleList([nn.Identity(), nn.Dropout(0.2)]),
    nn.ParameterList([torch.ones(2)]),
    opt,
)
