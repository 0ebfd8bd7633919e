"""Two LSTM cells learn sine waves of other phases with LBFGS, and then go on by themselves."""

import argparse

import numpy as np
import torch
from torch import nn


class Sequence(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.hidden = hidden
        self.lstm1 = nn.LSTMCell(1, hidden)
        self.lstm2 = nn.LSTMCell(hidden, hidden)
        self.linear = nn.Linear(hidden, 1)

    def forward(self, series, future=0):
        """The next value after each, and `future` more that follow from the network's own."""
        first = second = (series.new_zeros(len(series), self.hidden),) * 2
        outputs = []
        for i in range(series.shape[1] + future):
            x = series[:, i : i + 1] if i < series.shape[1] else outputs[-1]
            first = self.lstm1(x, first)
            second = self.lstm2(first[0], second)
            outputs.append(self.linear(second[0]))
        return torch.cat(outputs, dim=1)


def waves(count, length, seed):
    shift = np.random.RandomState(seed).randint(-80, 80, (count, 1))
    return torch.from_numpy(np.sin((np.arange(length) + shift) / 10.0))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--length", type=int, default=120)
    parser.add_argument("--future", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    data = waves(16, args.length + args.future, args.seed)
    known, train, test = data[:, : args.length], data[3:], data[:3]
    model = Sequence().double()
    criterion = nn.MSELoss()
    optimizer = torch.optim.LBFGS(model.parameters(), lr=0.8, max_iter=10)

    def closure():
        optimizer.zero_grad()
        loss = criterion(model(train[:, : args.length - 1]), train[:, 1 : args.length])
        loss.backward()
        return loss

    for step in range(1, args.steps + 1):
        loss = optimizer.step(closure)
        with torch.no_grad():
            predicted = model(known[:3], future=args.future - 1)
            seen = criterion(predicted[:, : args.length - 1], test[:, 1 : args.length])
            unseen = criterion(predicted[:, args.length - 1 :], test[:, args.length :])
        print(f"step {step}: loss {loss.item():.6f}, test loss {seen.item():.6f}, future loss {unseen.item():.6f}")


if __name__ == "__main__":
    main()
