"""Reinforcement learning."""

import math

import numpy as np

from .parts import initialise
from .registry import workload


def pole(state, push):
    """The next state of a cart with a pole on it, 0.02 s later, and whether the pole still stands."""
    x, v, angle, spin = state
    force = (10.0 if push else -10.0) + 0.05 * spin * spin * math.sin(angle)
    turn = (9.8 * math.sin(angle) - math.cos(angle) * force / 1.1) / (0.5 * (4 / 3 - 0.1 * math.cos(angle) ** 2 / 1.1))
    speed = force / 1.1 - 0.05 * turn * math.cos(angle) / 1.1
    after = (x + 0.02 * v, v + 0.02 * speed, angle + 0.02 * spin, spin + 0.02 * turn)
    return after, abs(after[0]) < 2.4 and abs(after[2]) < 0.21


@workload(steps=2, parts=True, small={"moves": 8, "epochs": 1})
def ppo(torch, compile, moves=128, epochs=4):
    """Proximal policy optimization of a pole on a cart, two layers of 64: 128 moves at batch 1, then 16 updates by Adam."""
    nn = torch.nn

    class Policy(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Sequential(nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh())
            self.action, self.value = nn.Linear(64, 2), nn.Linear(64, 1)

        def forward(self, x):
            x = self.body(x)
            return torch.log_softmax(self.action(x), dim=-1), self.value(x)[:, 0]

    model = initialise(torch, Policy())
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-4)
    rng = np.random.default_rng(1)

    @compile
    def act(state, noise):
        with torch.no_grad():
            logs, value = model(state)
            choice = (logs + noise).argmax(dim=1)
            return choice, logs.gather(1, choice[:, None]), value

    @compile
    def update(states, choices, old, advantages, returns):
        optimizer.zero_grad()
        logs, values = model(states)
        ratio = (logs.gather(1, choices[:, None])[:, 0] - old).exp()
        gain = torch.min(ratio * advantages, ratio.clamp(0.8, 1.2) * advantages).mean()
        entropy = -(logs.exp() * logs).sum(1).mean()
        loss = 0.5 * nn.functional.mse_loss(values, returns) - gain - 0.01 * entropy
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
        return loss

    def play():
        """States, choices, their log-probabilities, values and rewards of so many moves."""
        state, moments = (0.0, 0.0, 0.02, 0.0), []
        noise = rng.gumbel(size=(moves, 1, 2)).astype(np.float32)
        for each in noise:
            seen = np.asarray([state], np.float32)
            choice, log, value = act(torch.from_numpy(seen), torch.from_numpy(each))
            state, stands = pole(state, choice.item() == 1)
            moments.append((seen[0], choice.item(), log.item(), value.item(), 1.0 if stands else -10.0))
            state = state if stands else (0.0, 0.0, 0.02, 0.0)
        return [np.asarray(column) for column in zip(*moments, strict=True)]

    def step():
        states, choices, logs, values, rewards = play()
        returns, after = np.zeros(moves), 0.0
        for i in reversed(range(moves)):
            returns[i] = after = rewards[i] + 0.95 * (after if rewards[i] > 0 else 0.0)
        advantages = returns - values
        advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
        columns = [torch.from_numpy(column.astype(np.float32)) for column in (states, logs, advantages, returns)]
        chosen = torch.from_numpy(choices)
        for _ in range(epochs):
            for part in torch.from_numpy(rng.permutation(moves)).split(moves // 4):
                states_, logs_, advantages_, returns_ = (column[part] for column in columns)
                loss = update(states_, chosen[part], logs_, advantages_, returns_)
        return loss

    return step
