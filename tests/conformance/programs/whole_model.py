"""Whole models saved and loaded, copies, models to other dtypes, parameters and their kinds, train and eval."""

import copy
import io
import pickle

import torch
from torch import nn


class Residual(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(width, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout(0.5))
        self.scale = nn.Parameter(torch.tensor(0.5))
        self.history = []

    def forward(self, x):
        self.history.append(len(x))
        return x + self.scale * self.layers(x)


if __name__ == "__main__":
    torch.manual_seed(0)
    model = nn.Sequential(Residual(4), Residual(4), nn.Linear(4, 1))
    x = torch.randn(8, 4)
    for _ in range(3):
        model(x)
    buffer = io.BytesIO()
    torch.save(model, buffer)
    buffer.seek(0)
    loaded = torch.load(buffer, weights_only=False)
    buffer.seek(0)
    try:
        torch.load(buffer)
    except Exception as error:
        print(type(error).__name__)
    print(loaded, loaded[0].history)
    model.eval(), loaded.eval()
    print(torch.equal(model(x), loaded(x)), loaded.training, loaded[0].layers[3].training)
    clone = copy.deepcopy(model)
    with torch.no_grad():
        clone[0].scale += 1
    print(model[0].scale, clone[0].scale, clone[0].scale.is_leaf, clone[0].scale.requires_grad)
    again = pickle.loads(pickle.dumps(model.state_dict()))
    print(list(again) == list(model.state_dict()), again["0.layers.1.running_var"])
    print(model.double()[0].scale.dtype, model[0].layers[1].num_batches_tracked.dtype, model(x.double()).dtype)
    print([n for n, m in model.named_modules() if isinstance(m, nn.Linear)], sum(1 for _ in model.modules()))
    print({n: tuple(b.shape) for n, b in model.named_buffers()}, model.get_submodule("1.layers.0"), model.get_parameter("0.scale"))
    model.apply(lambda m: nn.init.constant_(m.weight, 0.1) if type(m) is nn.Linear else None)
    print(model(x.double()).sum())
    del model[1]
    print(len(model), list(model.children())[1:], model[-1].extra_repr(), model.requires_grad_(False)[0].scale.requires_grad)
