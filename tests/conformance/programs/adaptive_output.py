"""What the adaptive softmax returns prints as the pair that it is."""

import pickle

import torch

torch.manual_seed(0)
layer = torch.nn.AdaptiveLogSoftmaxWithLoss(4, 10, [3])
result = layer(torch.rand(2, 4), torch.tensor([1, 5]))
print(type(result).__name__, result._fields, result.loss.item())
print(type(pickle.loads(pickle.dumps(type(result)(1, 2)))).__name__)
