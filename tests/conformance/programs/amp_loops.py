"""Mixed precision loops: autocast in its forms, GradScaler with overflow, custom_fwd, dtypes of results."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.amp import GradScaler, autocast, custom_bwd, custom_fwd

torch.manual_seed(0)
m = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3))
opt = torch.optim.SGD(m.parameters(), 0.05, momentum=0.9)
scaler = GradScaler("cpu", init_scale=2.0**8, growth_interval=3)
x, y = torch.randn(6, 1, 6, 6), torch.randint(0, 3, (6,))
for i in range(7):
    opt.zero_grad()
    with autocast("cpu", dtype=torch.bfloat16):
        out = m(x)
        loss = F.cross_entropy(out, y)
    scaler.scale(loss).backward()
    if i == 4:
        m[0].weight.grad[0] = float("inf")
    scaler.unscale_(opt)
    n = nn.utils.clip_grad_norm_(m.parameters(), 1.0)
    scaler.step(opt)
    scaler.update()
    print(i, out.dtype, loss.dtype, round(loss.item(), 1), scaler.get_scale(), bool(torch.isfinite(n)))
print({k: v for k, v in scaler.state_dict().items()}, scaler.is_enabled(), GradScaler(enabled=False).scale(torch.ones(1)))
a = torch.randn(4, 4)
with torch.autocast("cpu", torch.bfloat16):
    print(
        (a @ a).dtype,
        (a + a).dtype,
        a.exp().dtype,
        F.softmax(a @ a, -1).dtype,
        F.linear(a, a).dtype,
        F.layer_norm(a, (4,)).dtype,
        torch.cat([a @ a, a]).dtype,
        F.mse_loss(a @ a, a).dtype,
        torch.einsum("ij,jk", a, a).dtype,
        torch.is_autocast_enabled("cpu"),
        torch.get_autocast_dtype("cpu"),
    )
    with torch.autocast("cpu", enabled=False):
        print((a @ a).dtype)
    print(
        nn.LSTM(4, 3)(a.view(4, 1, 4))[0].dtype,
        F.scaled_dot_product_attention(a.view(1, 1, 4, 4), a.view(1, 1, 4, 4), a.view(1, 1, 4, 4)).dtype,
        torch.linalg.inv(a).dtype,
        (a.double() @ a.double()).dtype,
        torch.bmm(a[None], a[None]).sum().dtype,
        F.binary_cross_entropy_with_logits(a, a.sigmoid()).dtype,
        a.to(torch.float16).matmul(a.to(torch.float16)).dtype,
    )


@autocast("cpu", dtype=torch.float16)
def half(t):
    return t @ t


print(half(a).dtype, torch.is_autocast_enabled("cpu"))


class Mul(torch.autograd.Function):
    @staticmethod
    @custom_fwd(device_type="cpu", cast_inputs=torch.float32)
    def forward(ctx, a, b):
        ctx.save_for_backward(a, b)
        return a @ b

    @staticmethod
    @custom_bwd(device_type="cpu")
    def backward(ctx, g):
        a, b = ctx.saved_tensors
        return g @ b.T, a.T @ g


p = a.bfloat16().requires_grad_()
with autocast("cpu"):
    o = Mul.apply(p, a)
    o.sum().backward()
print(o.dtype, p.grad.dtype)
h = m.to(torch.bfloat16)
print(
    h(x.bfloat16()).dtype,
    sorted(str(v.dtype) for v in h.state_dict().values()),
    h.float()[0].weight.dtype,
    m.half()[0].bias.dtype,
    m.double()[4].weight.dtype,
)
print(
    torch.tensor([1e5]).half(),
    torch.tensor([1.001]).bfloat16().item(),
    torch.finfo(torch.bfloat16).eps,
    torch.promote_types(torch.float16, torch.bfloat16),
    torch.result_type(torch.ones(1).half(), 1.5),
    (torch.ones(2).half() * torch.tensor(2.0)).dtype,
    torch.ones(2).half().sum().dtype,
    torch.cuda.amp.GradScaler is not None,
    torch.can_cast(torch.float32, torch.int32),
)
for bad in (lambda: autocast("tpu"), lambda: scaler.unscale_(opt), lambda: GradScaler("cpu").update()):
    try:
        print(type(bad()).__name__)
    except Exception as e:
        print(type(e).__name__)
