"""Tensors and autograd, as an introduction shows them: printing, indexing, views, in-place writes, gradients of vectors."""

import numpy as np
import torch

torch.manual_seed(0)
data = [[1, 2], [3, 4]]
x = torch.tensor(data)
print(x, torch.ones_like(x), torch.rand_like(x, dtype=torch.float))
print(torch.from_numpy(np.array(data)))
tensor = torch.ones(4, 4)
print(f"Shape: {tensor.shape}, datatype: {tensor.dtype}, device: {tensor.device}")
tensor[:, 1] = 0
print(tensor, torch.cat([tensor, tensor], dim=1))
print(tensor.mul(tensor), tensor @ tensor.T, tensor.add_(5))
array = tensor.numpy()
tensor.add_(1)
print(array)
a = torch.tensor([2.0, 3.0], requires_grad=True)
b = torch.tensor([6.0, 4.0], requires_grad=True)
Q = 3 * a**3 - b**2
print(Q)
Q.backward(gradient=torch.tensor([1.0, 1.0]))
print(9 * a**2 == a.grad, -2 * b == b.grad, a.grad, b.grad)
x, y, z = torch.rand(5, 5), torch.rand(5, 5), torch.rand((5, 5), requires_grad=True)
print((x + y).requires_grad, (x + z).requires_grad)
agg = tensor.sum()
print(agg.item(), type(agg.item()), tensor.max(dim=1), torch.arange(0, 1, 0.1), torch.linspace(-1, 1, 5))
print(torch.randint(10, (3, 4)), torch.randperm(6), torch.bernoulli(torch.full((8,), 0.5)))
print(torch.zeros(2, 3).dtype, (torch.ones(2) + torch.ones(2, dtype=torch.float64)).dtype, torch.tensor(1e-8), torch.tensor([1e5, 1e-5]))
print(torch.tensor([[1.5, float("nan")], [float("inf"), -2.0]]), torch.tensor([True, False]), torch.tensor([], dtype=torch.int32))
