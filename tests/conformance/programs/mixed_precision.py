"""Training under autocast in bfloat16 with a GradScaler that does nothing on this device; dtypes of the results."""

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.LayerNorm(32), nn.Linear(32, 4))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
scaler = torch.amp.GradScaler("cpu", enabled=False)
x, y = torch.randn(64, 20), torch.randint(4, (64,))
for epoch in range(5):
    optimizer.zero_grad(set_to_none=True)
    with torch.autocast(device_type="cpu", dtype=torch.bfloat16):
        output = model(x)
        loss = nn.functional.cross_entropy(output, y)
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
    scaler.step(optimizer)
    scaler.update()
    print(epoch, output.dtype, loss.dtype, f"{loss.item():.2f} {norm.item():.1f}", model[0].weight.grad.dtype)

scaler = torch.amp.GradScaler("cpu", init_scale=1024.0, growth_interval=2)
for step in range(6):
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(x), y)
    scaler.scale(loss).backward()
    if step == 3:
        model[0].weight.grad[0, 0] = float("inf")
    before = model[3].bias.clone()
    scaler.step(optimizer)
    scaler.update()
    print(step, scaler.get_scale(), torch.equal(before, model[3].bias))
print(scaler.state_dict())
half = model.half()
print(half[0].weight.dtype, half(x.half()).dtype, model.float()[0].weight.dtype, torch.finfo(torch.bfloat16).eps)
