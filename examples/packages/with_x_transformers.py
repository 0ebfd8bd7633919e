"""A decoder with rotary embeddings trained, and sampled from."""

import torch
from x_transformers import AutoregressiveWrapper, Decoder, Encoder, TransformerWrapper, ViTransformerWrapper

torch.manual_seed(0)
m = AutoregressiveWrapper(
    TransformerWrapper(num_tokens=20, max_seq_len=16, attn_layers=Decoder(dim=16, depth=2, heads=2, rotary_pos_emb=True, attn_flash=True))
)
o = torch.optim.Adam(m.parameters(), 1e-3)
x = torch.randint(0, 20, (2, 16))
for _ in range(3):
    l = m(x)
    o.zero_grad()
    l.backward()
    o.step()
    print(l.item())
print(m.generate(x[:, :2], 5, temperature=0.0).shape)
v = ViTransformerWrapper(image_size=8, patch_size=4, num_classes=3, attn_layers=Encoder(dim=16, depth=1, heads=2))
print(v(torch.randn(1, 3, 8, 8)).shape)
