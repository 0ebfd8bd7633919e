"""Attention: by hand, MultiheadAttention with masks, scaled_dot_product_attention, a whole Transformer, caches of keys."""

import math

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
q, k, v = (torch.randn(2, 4, 6, 8) for _ in range(3))
scores = q @ k.transpose(-2, -1) / math.sqrt(8)
causal = torch.tril(torch.ones(6, 6, dtype=torch.bool))
by_hand = F.softmax(scores.masked_fill(~causal, float("-inf")), -1) @ v
print(torch.allclose(by_hand, F.scaled_dot_product_attention(q, k, v, is_causal=True), atol=1e-6), by_hand.sum())
print(F.scaled_dot_product_attention(q, k, v, attn_mask=causal).std(), F.scaled_dot_product_attention(q, k, v, attn_mask=scores).mean())
mha = nn.MultiheadAttention(16, 4, batch_first=True, dropout=0.1)
x = torch.randn(2, 5, 16)
padding = torch.tensor([[False] * 5, [False, False, False, True, True]])
mask = nn.Transformer.generate_square_subsequent_mask(5)
out, weights = mha(x, x, x, key_padding_mask=padding, attn_mask=torch.triu(torch.ones(5, 5, dtype=torch.bool), 1))
print(out.sum(), weights[1])
mha.eval()
print(mha(x, x, x, need_weights=False)[0].std(), mha(x, x, x, attn_mask=mask, average_attn_weights=False)[1].shape)
model = nn.Transformer(16, 2, 2, 2, 32, dropout=0.1, batch_first=True)
source, target = torch.randn(3, 7, 16), torch.randn(3, 5, 16)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, betas=(0.9, 0.98), eps=1e-9)
for _ in range(3):
    out = model(source, target, tgt_mask=mask, src_key_padding_mask=torch.zeros(3, 7, dtype=torch.bool))
    loss = out.pow(2).mean() + (out - target).abs().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(loss.item())
model.eval()
with torch.no_grad():
    memory = model.encoder(source)
    print(model.decoder(target, memory, tgt_mask=mask)[0, :, 0])
    keys = values = torch.empty(1, 4, 0, 8)
    for t in range(6):
        keys, values = torch.cat([keys, k[:1, :, t : t + 1]], 2), torch.cat([values, v[:1, :, t : t + 1]], 2)
        step = F.scaled_dot_product_attention(q[:1, :, t : t + 1], keys, values)
    print(torch.allclose(step[:, :, 0], by_hand[:1, :, -1], atol=1e-6))
