"""The profiler and what is printed around it: names that were recorded, counts, a schedule of steps."""

import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile, record_function, schedule

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 4))
x = torch.randn(8, 16)
with profile(activities=[ProfilerActivity.CPU], record_shapes=True) as prof:
    with record_function("model_inference"):
        model(x)
    with record_function("backward"):
        model(x).sum().backward()
averages = prof.key_averages()
names = {event.key for event in averages}
print("model_inference" in names, "backward" in names, "aten::linear" in names, "aten::relu" in names)
print({e.key: e.count for e in averages if e.key in ("model_inference", "aten::linear", "aten::relu")})
print(all(e.cpu_time_total > 0 for e in averages if e.key == "model_inference"))
table = averages.table(sort_by="cpu_time_total", row_limit=5)
print("model_inference" in table, "Self CPU" in table)
ready = []
with profile(schedule=schedule(wait=1, warmup=1, active=2, repeat=1), on_trace_ready=lambda p: ready.append(p.step_num)) as prof:
    for _ in range(6):
        model(x)
        prof.step()
print(ready)
with torch.autograd.profiler.profile() as old:
    model(x)
print(any("linear" in e.key for e in old.key_averages()))
