"""A U-Net trained on noise, and a sampler."""

import torch
from diffusers import DDIMScheduler, DDPMScheduler, UNet2DModel

torch.manual_seed(0)
m = UNet2DModel(
    sample_size=8,
    in_channels=1,
    out_channels=1,
    layers_per_block=1,
    block_out_channels=(8, 16),
    norm_num_groups=4,
    down_block_types=("DownBlock2D", "AttnDownBlock2D"),
    up_block_types=("AttnUpBlock2D", "UpBlock2D"),
    attention_head_dim=8,
)
s = DDPMScheduler(50)
o = torch.optim.AdamW(m.parameters(), 1e-3)
for _ in range(2):
    x = torch.randn(2, 1, 8, 8)
    n = torch.randn_like(x)
    t = torch.randint(0, 50, (2,))
    l = torch.nn.functional.mse_loss(m(s.add_noise(x, n, t), t).sample, n)
    o.zero_grad()
    l.backward()
    o.step()
    print(l.item())
d = DDIMScheduler(50)
d.set_timesteps(3)
x = torch.randn(1, 1, 8, 8)
with torch.no_grad():
    for t in d.timesteps:
        x = d.step(m(x, t).sample, t, x).prev_sample
print(x.sum().item())
m.save_pretrained("unet")
print(UNet2DModel.from_pretrained("unet").config.sample_size)
