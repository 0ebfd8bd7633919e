"""Functions, methods and what holds them go through pickle, copy and a spawned process."""

import copy
import functools
import multiprocessing
import pickle

import torch
import torch.nn.functional as F


class Net(torch.nn.Module):
    def __init__(self, activation, pool, normalize=torch.nn.functional.layer_norm):
        super().__init__()
        self.activation, self.pool = activation, pool
        self.normalize = functools.partial(normalize, normalized_shape=(2,))

    def forward(self, x):
        return self.normalize(self.pool(self.activation(x)))


def again(thing):
    return pickle.loads(pickle.dumps(thing))


def applied(function, numbers):
    return function(torch.tensor(numbers)).tolist()


if __name__ == "__main__":
    functions = [torch.add, torch.max, torch.norm, torch.stft, torch.tanh_, torch.cat, torch.zeros_like, torch.linalg.svd]
    functions += [F.softmax, F.conv2d, F.embedding, F.one_hot, F.selu, F.celu_, F.relu, F.prelu, F.sigmoid, F.log_softmax]
    functions += [torch.Tensor.add, torch.Tensor.softmax, torch.Tensor.view, torch.special.expit, torch.fft.rfft, torch.FloatTensor]
    print([again(function) is function for function in functions])
    net = Net(torch.selu, functools.partial(F.avg_pool1d, kernel_size=2))
    x = torch.arange(8.0).view(1, 2, 4)
    print(net(x), torch.equal(again(net)(x), net(x)), torch.equal(copy.deepcopy(net)(x), net(x)))
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.starmap(applied, [(torch.softmax, [1.0, 1.0]), (torch.max, [2, 5])][1:]))
        print(pool.starmap(applied, [(functools.partial(F.softmax, dim=0), [1.0, 1.0])]))
