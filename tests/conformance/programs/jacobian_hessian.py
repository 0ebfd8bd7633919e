"""Jacobians and Hessians in several ways, products with vectors, Newton's method, the Laplacian, Gauss-Newton."""

import torch
from torch.autograd.functional import hessian, hvp, jacobian, jvp, vhp, vjp
from torch.func import hessian as func_hessian
from torch.func import jacfwd, jacrev, vmap
from torch.func import jvp as func_jvp
from torch.func import vjp as func_vjp

torch.manual_seed(0)
torch.set_printoptions(precision=3)


def rosenbrock(x):
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def spiral(x):
    return torch.stack([x[0] * torch.cos(x[1]), x[0] * torch.sin(x[1]), x[2].exp()])


x, v = torch.tensor([0.5, 1.0, -0.5], dtype=torch.float64), torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
print(jacobian(spiral, x), jacrev(spiral)(x), jacfwd(spiral)(x))
print(hessian(rosenbrock, x), func_hessian(rosenbrock)(x))
print(vjp(spiral, x, v), jvp(spiral, x, v), hvp(rosenbrock, x, v), vhp(rosenbrock, x, v))
output, pullback = func_vjp(spiral, x)
print(output, pullback(v), func_jvp(spiral, (x,), (v,)))
for _step in range(12):
    g = torch.autograd.functional.jacobian(rosenbrock, x)
    x = x - torch.linalg.solve(hessian(rosenbrock, x), g)
print("Newton", x)
points = torch.randn(4, 2, dtype=torch.float64)
laplacian = vmap(lambda p: torch.trace(func_hessian(lambda q: torch.sin(q[0]) * q[1] ** 2)(p)))(points)
print(laplacian, -torch.sin(points[:, 0]) * points[:, 1] ** 2 + 2 * torch.sin(points[:, 0]))
inputs = (torch.ones(2), torch.full((2,), 2.0))
print(jacobian(lambda a, b: a * b**2, inputs), hessian(lambda a, b: (a * b**2).sum(), inputs))

t = torch.linspace(0, 2, 20, dtype=torch.float64)
y = 2.5 * torch.exp(-1.3 * t) + 0.5
p = torch.tensor([1.0, -1.0, 0.0], dtype=torch.float64)
for _ in range(10):
    residual = lambda p: p[0] * torch.exp(p[1] * t) + p[2] - y  # noqa: E731
    J, r = jacobian(residual, p), residual(p)
    p = p - torch.linalg.lstsq(J, r.unsqueeze(1)).solution.squeeze(1)
print("Gauss-Newton", p)
z = torch.tensor(1.5, requires_grad=True)
derivative = torch.sin(z)
for order in range(1, 5):
    (derivative,) = torch.autograd.grad(derivative, z, create_graph=True)
    print(order, derivative)
