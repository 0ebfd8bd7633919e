"""Models made on meta, filled by load_state_dict(assign=True), to_empty and device contexts."""

import torch
from torch import nn

torch.manual_seed(0)


def make():
    return nn.Sequential(nn.Embedding(10, 4), nn.LSTM(4, 3, batch_first=True))


real = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.MultiheadAttention(4, 2))
with torch.device("meta"):
    m = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.MultiheadAttention(4, 2))
    t = torch.ones(3)
print(
    m[0].weight,
    m[1].running_mean.device,
    t.is_meta,
    t.device,
    m[0].weight.requires_grad,
    sum(p.numel() for p in m.parameters()),
    all(p.is_meta for p in m.parameters()),
)
print(
    m.load_state_dict(real.state_dict(), assign=True),
    m[0].weight is real[0].weight,
    m[0].weight.device,
    isinstance(m[0].weight, nn.Parameter),
    torch.equal(m[0](torch.ones(1, 4)), real[0](torch.ones(1, 4))),
)
e = nn.Linear(2, 2, device="meta").to_empty(device="cpu")
print(e.weight.device, e.weight.shape)
e.reset_parameters()
x = torch.empty(2, 3, 8, 8, device="meta")
print(
    nn.Conv2d(3, 4, 3, stride=2, device="meta")(x).shape,
    (x + 1).device,
    torch.cat([x, x]).shape,
    x.mean((2, 3)).shape,
    x.view(2, -1).shape,
    x[:, 0].stride(),
    (x @ x.transpose(-1, -2)).shape,
    x.to(torch.float16).dtype,
    torch.zeros_like(x).is_meta,
    x.unsqueeze(0).is_meta,
    x.new_ones(2).is_meta,
    nn.functional.softmax(x, -1).shape,
    x.argmax(1).dtype,
    repr(x)[:60],
)
for bad in (
    lambda: x.numpy(),
    lambda: x.nonzero(),
    lambda: torch.ones(2, 3, 8, 8) * x,
    lambda: nn.Linear(2, 2)(torch.ones(1, 2, device="meta")),
    lambda: torch.cat([x, torch.ones(2, 3, 8, 8)]),
    lambda: x.sum().item(),
    lambda: x.cpu(),
    lambda: x.tolist(),
    lambda: nn.Linear(2, 2, device="meta").to("cpu"),
    lambda: bool(x.sum() > 0),
    lambda: x + torch.ones(2, 3, 8, 8),
):
    try:
        print(type(bad()).__name__)
    except Exception as err:
        print(type(err).__name__)
with torch.device("cpu"):
    print(torch.ones(1).device)
torch.set_default_device("meta")
print(torch.ones(2).device, torch.get_default_device())
torch.set_default_device("cpu")
print(torch.ones(1).device)
sd = {k: v.to("meta") for k, v in real.state_dict().items()}
print({str(v.device) for v in sd.values()})
try:
    real.load_state_dict(sd)
    print(real[0].weight.device)
except Exception as err:
    print(type(err).__name__)
lstm = make().to("meta")
print(lstm[1](lstm[0](torch.zeros(2, 5, dtype=torch.long, device="meta")))[0].shape)
n = nn.Module()
n.register_parameter("w", nn.Parameter(torch.empty(2, device="meta")))
n.load_state_dict({"w": torch.ones(2, dtype=torch.float64)}, assign=True)
print(n.w.dtype, type(n.w).__name__)
