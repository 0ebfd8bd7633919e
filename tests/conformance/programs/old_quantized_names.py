"""Quantized modules by the names that `torch.nn` had for them, as tutorials write them."""

import torch
import torch.nn.intrinsic.qat
import torch.nn.quantized.dynamic as nnqd
from torch import nn


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.add = nn.quantized.FloatFunctional()

    def forward(self, x):
        return self.add.add(x, self.linear(x))


torch.manual_seed(0)
model = Residual()
print(model, model(torch.ones(1, 4)))
print(nn.quantized.FloatFunctional is torch.ao.nn.quantized.FloatFunctional, nn.intrinsic.ConvReLU2d is torch.ao.nn.intrinsic.ConvReLU2d)
print(nnqd.Linear is torch.ao.nn.quantized.dynamic.Linear, torch.nn.intrinsic.qat.LinearReLU.__name__, nn.qat.Linear.__name__)
quantized = torch.quantization.quantize_dynamic(model, {nn.Linear}, dtype=torch.qint8)
print(isinstance(quantized.linear, nnqd.Linear), type(quantized.add).__name__)
