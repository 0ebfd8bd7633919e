"""Cross-validation with scikit-learn's KFold, weights reset between folds, standardization by the training part."""

import numpy as np
import torch
from sklearn.datasets import load_wine
from sklearn.metrics import f1_score
from sklearn.model_selection import KFold, StratifiedKFold
from torch import nn
from torch.utils.data import DataLoader, Subset, SubsetRandomSampler, TensorDataset


def reset_weights(m):
    if hasattr(m, "reset_parameters"):
        m.reset_parameters()


torch.manual_seed(0)
wine = load_wine()
x, y = torch.from_numpy(wine.data).float(), torch.from_numpy(wine.target)
model = nn.Sequential(nn.Linear(13, 16), nn.ReLU(), nn.Linear(16, 3))
scores = []
for fold, (train, test) in enumerate(KFold(4, shuffle=True, random_state=0).split(x)):
    model.apply(reset_weights)
    mean, std = x[train].mean(0), x[train].std(0, unbiased=False)
    dataset = TensorDataset((x - mean) / std, y)
    loader = DataLoader(dataset, batch_size=16, sampler=SubsetRandomSampler(train))
    optimizer = torch.optim.RAdam(model.parameters(), lr=0.02)
    for _ in range(4):
        for a, b in loader:
            optimizer.zero_grad()
            loss = nn.functional.nll_loss(torch.log_softmax(model(a), -1), b)
            loss.backward()
            optimizer.step()
    with torch.no_grad():
        a, b = next(iter(DataLoader(Subset(dataset, test), batch_size=len(test))))
        predicted = model(a).argmax(-1)
    scores.append((predicted == b).float().mean().item())
    print(fold, loss.item(), scores[-1], f1_score(b, predicted, average="macro"))
print(np.mean(scores), np.std(scores), torch.tensor(scores).std())
folds = [np.bincount(y[test]) for _, test in StratifiedKFold(3).split(x, y)]
print(folds)
