"""Early stopping with the best state kept in memory and on disk, ReduceLROnPlateau, a history of losses."""

import copy
import os
import tempfile

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class EarlyStopping:
    def __init__(self, patience, path, delta=0.0):
        self.patience, self.path, self.delta = patience, path, delta
        self.best, self.count, self.stop = None, 0, False

    def __call__(self, loss, model):
        if self.best is None or loss < self.best - self.delta:
            self.best, self.count = loss, 0
            torch.save(model.state_dict(), self.path)
            self.state = copy.deepcopy(model.state_dict())
        else:
            self.count += 1
            self.stop = self.count >= self.patience


torch.manual_seed(0)
x = torch.randn(120, 8)
y = x[:, :1] * 2 - x[:, 1:2] + 0.5 * torch.randn(120, 1)
train, valid = DataLoader(TensorDataset(x[:40], y[:40]), 8, shuffle=True), (x[40:], y[40:])
model = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, mode="min", factor=0.5, patience=1)
with tempfile.TemporaryDirectory() as folder:
    stopping = EarlyStopping(4, os.path.join(folder, "best.pt"), delta=1e-3)
    for epoch in range(50):
        model.train()
        for a, b in train:
            optimizer.zero_grad()
            nn.functional.huber_loss(model(a), b).backward()
            optimizer.step()
        model.eval()
        with torch.inference_mode():
            loss = nn.functional.mse_loss(model(valid[0]), valid[1]).item()
        scheduler.step(loss)
        stopping(loss, model)
        print(f"{epoch} {loss:.5f} {optimizer.param_groups[0]['lr']} {stopping.count}")
        if stopping.stop:
            break
    model.load_state_dict(torch.load(stopping.path, weights_only=True))
    print(all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), stopping.state.values(), strict=True)))
with torch.no_grad():
    print(nn.functional.mse_loss(model(valid[0]), valid[1]).item(), stopping.best)
