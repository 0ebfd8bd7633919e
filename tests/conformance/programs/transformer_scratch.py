"""nn.Transformer and its parts with masks, caches, rotary positions, ALiBi, grouped heads, and a small training loop."""

import math

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
t = nn.Transformer(8, 2, 1, 1, 16, dropout=0.0, batch_first=True, norm_first=True)
src, tgt = torch.randn(2, 5, 8), torch.randn(2, 4, 8)
mask = nn.Transformer.generate_square_subsequent_mask(4)
pad = torch.tensor([[False] * 5, [False] * 3 + [True] * 2])
print(mask)
print(t(src, tgt, tgt_mask=mask, tgt_is_causal=True, src_key_padding_mask=pad, memory_key_padding_mask=pad).square().sum((1, 2)))
enc = nn.TransformerEncoder(
    nn.TransformerEncoderLayer(8, 2, 16, 0.0, "gelu", batch_first=True), 2, nn.LayerNorm(8), enable_nested_tensor=False
)
print(enc(src, src_key_padding_mask=pad).abs().sum(), enc.eval()(src, mask=torch.triu(torch.full((5, 5), -math.inf), 1)).abs().sum())
dec = nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2, 16, 0.0, F.relu), 2)
print(dec(tgt.transpose(0, 1), src.transpose(0, 1)).abs().sum())
mha = nn.MultiheadAttention(8, 2, kdim=6, vdim=4, add_bias_kv=True, add_zero_attn=True, batch_first=True)
o, w = mha(src, torch.randn(2, 3, 6), torch.randn(2, 3, 4), average_attn_weights=False)
print(o.sum(), w.shape, w.sum(-1)[0, 0])


def rope(x, base=10000):
    n, d = x.shape[-2:]
    f = 1 / base ** (torch.arange(0, d, 2) / d)
    a = torch.outer(torch.arange(n), f)
    c = torch.polar(torch.ones_like(a), a)
    return torch.view_as_real(torch.view_as_complex(x.unflatten(-1, (-1, 2))) * c).flatten(-2)


class Attn(nn.Module):
    def __init__(self, d, h, kv):
        super().__init__()
        self.h, self.kv = h, kv
        self.q = nn.Linear(d, d, bias=False)
        self.k = nn.Linear(d, d // h * kv, bias=False)
        self.v = nn.Linear(d, d // h * kv, bias=False)
        self.o = nn.Linear(d, d)

    def forward(self, x, cache=None):
        q, k, v = (
            self.q(x).unflatten(-1, (self.h, -1)).transpose(1, 2),
            self.k(x).unflatten(-1, (self.kv, -1)).transpose(1, 2),
            self.v(x).unflatten(-1, (self.kv, -1)).transpose(1, 2),
        )
        if cache is not None:
            if cache:
                k, v = torch.cat([cache["k"], k], 2), torch.cat([cache["v"], v], 2)
            cache.update(k=k, v=v)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=q.size(2) > 1, enable_gqa=True)
        return self.o(y.transpose(1, 2).flatten(2))


a = Attn(8, 4, 2)
full = a(src)
cache = {}
parts = [a(src[:, i : i + 1], cache) for i in range(5)]
print(torch.allclose(torch.cat(parts, 1), full, atol=1e-5), rope(torch.ones(1, 3, 4)), full.sum())
slopes = 2 ** (-8 * torch.arange(1, 3) / 2)
alibi = slopes[:, None, None] * (torch.arange(5)[None, :] - torch.arange(5)[:, None]).clamp(max=0)
qkv = torch.randn(3, 1, 2, 5, 4)
print(
    F.scaled_dot_product_attention(*qkv, attn_mask=alibi + torch.triu(torch.full((5, 5), -math.inf), 1)).sum(),
    F.scaled_dot_product_attention(*qkv, attn_mask=torch.ones(5, 5).tril().bool(), scale=0.3).sum(),
)
with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
    print(F.scaled_dot_product_attention(*qkv, is_causal=True).sum())


class LM(nn.Module):
    def __init__(self, v=11):
        super().__init__()
        self.e = nn.Embedding(v, 8)
        self.p = nn.Parameter(torch.zeros(6, 8))
        self.b = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, 0.1, batch_first=True), 1)
        self.h = nn.Linear(8, v, bias=False)
        self.h.weight = self.e.weight

    def forward(self, x):
        return self.h(
            self.b(
                self.e(x) * math.sqrt(8) + self.p[: x.size(1)], nn.Transformer.generate_square_subsequent_mask(x.size(1)), is_causal=True
            )
        )


m = LM()
opt = torch.optim.AdamW(
    [
        {"params": [p for p in m.parameters() if p.dim() > 1], "weight_decay": 0.1},
        {"params": [p for p in m.parameters() if p.dim() < 2], "weight_decay": 0.0},
    ],
    1e-2,
    fused=False,
)
sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda s: min((s + 1) / 3, 0.5 * (1 + math.cos(math.pi * s / 8))))
d = torch.randint(0, 11, (4, 7))
m.eval()
for i in range(5):
    l = F.cross_entropy(m(d[:, :-1]).transpose(1, 2), d[:, 1:])
    opt.zero_grad()
    l.backward()
    nn.utils.clip_grad_norm_(m.parameters(), 1.0)
    opt.step()
    sched.step()
    print(i, l.item(), sched.get_last_lr()[0])
