"""A loop with accumulation and clipping, its state saved, a model without memory."""

import torch
from accelerate import Accelerator, init_empty_weights
from torch import nn

torch.manual_seed(0)
a = Accelerator(cpu=True, gradient_accumulation_steps=2)
m = nn.Linear(3, 1)
o = torch.optim.SGD(m.parameters(), 0.1)
s = torch.optim.lr_scheduler.StepLR(o, 1, 0.9)
dl = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.randn(16, 3)), 4)
m, o, dl, s = a.prepare(m, o, dl, s)
for (x,) in dl:
    with a.accumulate(m):
        l = m(x).square().mean()
        a.backward(l)
        a.clip_grad_norm_(m.parameters(), 1.0)
        o.step()
        s.step()
        o.zero_grad()
    print(l.item())
print(a.device, a.is_main_process, a.gather(torch.ones(2)), s.get_last_lr())
a.save_state("acc")
a.load_state("acc")
with init_empty_weights():
    big = nn.Sequential(nn.Linear(10, 10), nn.BatchNorm1d(10))
print(big[0].weight.device, a.unwrap_model(m) is not None)
a.save_model(m, "accm")
print(a.get_state_dict(m).keys())
