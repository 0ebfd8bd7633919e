"""Five networks trained a step, a schedule, an average of weights."""

import timm
import timm.optim
import torch

torch.manual_seed(0)
for name, kw in (
    ("resnet18", {}),
    ("vit_tiny_patch16_224", dict(img_size=32, patch_size=8, depth=2)),
    ("mobilenetv3_small_050", {}),
    ("convnext_atto", {}),
    ("efficientnet_lite0", {}),
):
    m = timm.create_model(name, num_classes=3, **kw)
    o = timm.optim.create_optimizer_v2(m, "adamw", lr=1e-3)
    x = torch.randn(2, 3, 32, 32)
    l = torch.nn.functional.cross_entropy(m(x), torch.tensor([0, 1]))
    l.backward()
    o.step()
    print(name, l.item())
from timm.scheduler import CosineLRScheduler

s = CosineLRScheduler(o, 10)
s.step(1)
print(o.param_groups[0]["lr"])
from timm.utils import ModelEmaV3

e = ModelEmaV3(m, decay=0.9)
e.update(m)
print(sum(p.numel() for p in e.parameters()))
