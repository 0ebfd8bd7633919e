"""A classifier in scikit-learn's grid search."""

import numpy as np
import torch
from sklearn.datasets import make_classification
from sklearn.model_selection import GridSearchCV
from skorch import NeuralNetClassifier
from skorch.callbacks import LRScheduler

torch.manual_seed(0)
X, y = make_classification(100, 10, random_state=0)
X = X.astype(np.float32)
y = y.astype(np.int64)


class M(torch.nn.Module):
    def __init__(s, h=8):
        super().__init__()
        s.n = torch.nn.Sequential(torch.nn.Linear(10, h), torch.nn.ReLU(), torch.nn.Linear(h, 2), torch.nn.Softmax(-1))

    def forward(s, x):
        return s.n(x)


n = NeuralNetClassifier(M, max_epochs=3, lr=0.1, verbose=0, callbacks=[LRScheduler(policy=torch.optim.lr_scheduler.StepLR, step_size=1)])
n.fit(X, y)
print(n.history[-1, "train_loss"], n.predict_proba(X[:2]))
gs = GridSearchCV(n, {"module__h": [4, 8], "lr": [0.1]}, cv=2, scoring="accuracy", refit=False)
gs.fit(X, y)
print(gs.best_score_)
n.save_params("sk.pt")
n.load_params("sk.pt")
