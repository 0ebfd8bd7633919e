"""Deep Q-learning with a replay memory and a slow target network on a chain of states."""

import random
from collections import deque, namedtuple

import torch
import torch.nn.functional as F
from torch import nn

Transition = namedtuple("Transition", ("state", "action", "next_state", "reward"))


class ReplayMemory:
    def __init__(self, capacity):
        self.memory = deque(maxlen=capacity)

    def push(self, *args):
        self.memory.append(Transition(*args))

    def sample(self, batch_size):
        return random.sample(self.memory, batch_size)

    def __len__(self):
        return len(self.memory)


torch.manual_seed(0)
random.seed(0)
states = torch.eye(6)
policy, target = (nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 2)) for _ in range(2))
target.load_state_dict(policy.state_dict())
optimizer = torch.optim.AdamW(policy.parameters(), lr=5e-3, amsgrad=True)
memory = ReplayMemory(500)
for episode in range(12):
    place, total = 0, 0.0
    for t in range(15):
        if random.random() < 0.3:
            action = torch.tensor([[random.randrange(2)]], dtype=torch.long)
        else:
            with torch.no_grad():
                action = policy(states[place : place + 1]).max(1).indices.view(1, 1)
        following = min(place + 1, 5) if action.item() == 1 else 0
        reward = torch.tensor([1.0 if following == 5 else 0.01 * (following == 0)])
        done = following == 5
        memory.push(states[place : place + 1], action, None if done else states[following : following + 1], reward)
        place, total = following, total + reward.item()
        if len(memory) >= 16:
            batch = Transition(*zip(*memory.sample(16), strict=True))
            mask = torch.tensor(tuple(s is not None for s in batch.next_state), dtype=torch.bool)
            values = policy(torch.cat(batch.state)).gather(1, torch.cat(batch.action))
            next_values = torch.zeros(16)
            with torch.no_grad():
                next_values[mask] = target(torch.cat([s for s in batch.next_state if s is not None])).max(1).values
            loss = F.smooth_l1_loss(values, (next_values * 0.9 + torch.cat(batch.reward)).unsqueeze(1))
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_value_(policy.parameters(), 100)
            optimizer.step()
            state = target.state_dict()
            for key, value in policy.state_dict().items():
                state[key] = value * 0.05 + state[key] * 0.95
            target.load_state_dict(state)
        if done:
            break
    print(episode, t, f"{total:.2f}", f"{loss.item():.5f}" if len(memory) >= 16 else "")
with torch.no_grad():
    print(policy(states))
