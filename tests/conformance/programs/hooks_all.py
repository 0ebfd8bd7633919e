"""Hooks of all kinds on modules, tensors, nodes, optimizers and state dicts."""

import torch
from torch import nn

torch.manual_seed(0)
m = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
log = []
h = [
    m[0].register_forward_pre_hook(lambda mod, a: log.append(("pre", len(a)))),
    m[0].register_forward_hook(lambda mod, a, o: o * 2),
    m[2].register_forward_hook(lambda mod, a, kw, o: log.append(("kw", sorted(kw))), with_kwargs=True),
    m.register_full_backward_hook(lambda mod, gi, go: log.append(("full", gi[0] is None, go[0].shape))),
    m[2].register_full_backward_pre_hook(lambda mod, go: (go[0] * 3,)),
    m[0].register_forward_hook(lambda mod, a, o: log.append("always"), always_call=True),
    m[1].register_forward_pre_hook(lambda mod, a: (a[0] + 1,), prepend=True),
]
x = torch.ones(4, 2, requires_grad=True)
m(x).sum().backward()
print(log, x.grad[0])
log.clear()
for each in h:
    each.remove()
g = nn.modules.module.register_module_forward_hook(lambda mod, a, o: log.append(type(mod).__name__))
gb = nn.modules.module.register_module_full_backward_hook(lambda mod, gi, go: log.append("b" + type(mod).__name__))
m(x).sum().backward()
print(log)
g.remove()
gb.remove()
log.clear()
t = torch.ones(2, requires_grad=True)
u = t * 2
u.register_hook(lambda g: g * 10)
u.retain_grad()
r = t.register_hook(lambda g: log.append(g.clone()))
t.register_post_accumulate_grad_hook(lambda p: log.append(("acc", p.grad.clone())))
u.sum().backward()
print(log, u.grad, t.grad)
log.clear()
v = (t * 3).sum()
v.grad_fn.register_hook(lambda gi, go: log.append((len(gi), go[0].item())))
v.grad_fn.register_prehook(lambda go: (go[0] * 2,))
v.backward()
print(log, t.grad)
log.clear()
o = torch.optim.SGD(m.parameters(), 0.1)
o.register_step_pre_hook(lambda opt, a, k: log.append("before"))
o.register_step_post_hook(lambda opt, a, k: log.append("after"))
o.register_state_dict_post_hook(lambda opt, sd: {**sd, "mine": 1})
o.register_load_state_dict_pre_hook(lambda opt, sd: log.append(sorted(sd)))
m.zero_grad()
m(x).sum().backward()
o.step()
o.load_state_dict(o.state_dict())
print(log)
log.clear()
m.register_state_dict_post_hook(lambda mod, sd, prefix, meta: sd.update(extra=torch.ones(1))) if hasattr(
    m, "register_state_dict_post_hook"
) else None
m.register_state_dict_pre_hook(lambda mod, prefix, keep: log.append(prefix))
m.register_load_state_dict_pre_hook(lambda mod, sd, prefix, *a: sd.pop("extra", None))
m.register_load_state_dict_post_hook(lambda mod, bad: log.append(bad))
sd = m.state_dict()
print(sorted(sd), log)
log.clear()
print(m.load_state_dict(sd), log)
log.clear()


class Extra(nn.Module):
    def __init__(self):
        super().__init__()
        self.n = 5
        self.register_buffer("b", torch.ones(1), persistent=False)

    def get_extra_state(self):
        return {"n": self.n}

    def set_extra_state(self, s):
        self.n = s["n"]


e = Extra()
s = e.state_dict()
print(s)
f = Extra()
f.n = 0
f.load_state_dict(s)
print(f.n)
with torch.autograd.graph.saved_tensors_hooks(lambda t: (log.append(t.shape), t.numpy())[1], torch.from_numpy):
    w = (torch.ones(2, requires_grad=True) ** 2).sum()
w.backward()
print(log)
log.clear()
with torch.autograd.graph.save_on_cpu():
    (x * x).sum().backward()
a, b = torch.ones(1, requires_grad=True), torch.ones(1, requires_grad=True)
mh = torch.autograd.graph.register_multi_grad_hook((a, b), lambda gs: log.append([g.item() for g in gs]))
(a * 2 + b * 3).backward()
print(log)
mh.remove()
