"""An equation solved by two methods and their adjoints."""

import torch
from torchdiffeq import odeint, odeint_adjoint

torch.manual_seed(0)


class F(torch.nn.Module):
    def __init__(s):
        super().__init__()
        s.n = torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2))

    def forward(s, t, y):
        return s.n(y)


f = F()
y0 = torch.tensor([[1.0, 0.0]])
t = torch.linspace(0, 1, 5)
o = torch.optim.Adam(f.parameters(), 1e-2)
for m in ("dopri5", "rk4"):
    for solve in (odeint, odeint_adjoint):
        l = solve(f, y0, t, method=m).square().mean()
        o.zero_grad()
        l.backward()
        o.step()
        print(m, l.item())
