"""REINFORCE (Williams, 1992) balances a pole on a cart."""

import argparse
import math
import random

import torch
from torch import nn
from torch.distributions import Categorical


class CartPole:
    """The cart and pole of Barto, Sutton and Anderson (1983): push left or right, as long as the pole stands."""

    gravity, cart, pole, half_length, force, dt = 9.8, 1.0, 0.1, 0.5, 10.0, 0.02

    def __init__(self, seed, longest=200):
        self.random, self.longest = random.Random(seed), longest

    def reset(self):
        self.state, self.steps = [self.random.uniform(-0.05, 0.05) for _ in range(4)], 0
        return self.state

    def step(self, action):
        x, v, angle, spin = self.state
        force = self.force if action == 1 else -self.force
        sin, cos, total = math.sin(angle), math.cos(angle), self.cart + self.pole
        push = (force + self.pole * self.half_length * spin**2 * sin) / total
        turn = (self.gravity * sin - cos * push) / (self.half_length * (4 / 3 - self.pole * cos**2 / total))
        slide = push - self.pole * self.half_length * turn * cos / total
        self.state = [x + self.dt * v, v + self.dt * slide, angle + self.dt * spin, spin + self.dt * turn]
        self.steps += 1
        fallen = abs(self.state[0]) > 2.4 or abs(self.state[2]) > math.radians(12)
        return self.state, 1.0, fallen or self.steps >= self.longest


class Policy(nn.Module):
    def __init__(self, hidden=64):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(4, hidden), nn.ReLU(), nn.Dropout(0.1), nn.Linear(hidden, 2))

    def forward(self, state):
        return Categorical(logits=self.net(state))


def play(environment, policy):
    """One episode: the log probabilities of what was done, and the rewards."""
    state, done, log_probs, rewards = environment.reset(), False, [], []
    while not done:
        distribution = policy(torch.tensor(state))
        action = distribution.sample()
        log_probs.append(distribution.log_prob(action))
        state, reward, done = environment.step(action.item())
        rewards.append(reward)
    return torch.stack(log_probs), rewards


def discounted(rewards, gamma):
    """The sum of the rewards from each step on, those to come counting less."""
    returns, value = [], 0.0
    for reward in reversed(rewards):
        value = reward + gamma * value
        returns.append(value)
    return torch.tensor(returns[::-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=120, help="episodes")
    parser.add_argument("--gamma", type=float, default=0.99)
    parser.add_argument("--lr", type=float, default=1e-2)
    parser.add_argument("--log-every", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    environment, policy = CartPole(args.seed), Policy()
    optimizer = torch.optim.Adam(policy.parameters(), lr=args.lr)
    running = 10.0
    for episode in range(1, args.steps + 1):
        log_probs, rewards = play(environment, policy)
        returns = discounted(rewards, args.gamma)
        returns = (returns - returns.mean()) / (returns.std() + 1e-8)
        loss = -(log_probs * returns).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        running = 0.95 * running + 0.05 * len(rewards)
        if episode == 1 or episode % args.log_every == 0:
            print(f"episode {episode}: loss {loss.item():.4f}, length {len(rewards)}, average {running:.2f}")


if __name__ == "__main__":
    main()
