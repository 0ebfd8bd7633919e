"""Advantage actor-critic with generalized advantages (Schulman and others, 2015) steers points to a goal.

Many environments are stepped at once, as one tensor; the policy is a normal distribution over accelerations.
"""

import argparse

import torch
import torch.nn.functional as F
from torch import nn
from torch.distributions import Normal


class Points:
    """Points in the plane with a velocity. The reward is better the nearer a point is to the origin."""

    def __init__(self, count, longest=40, dt=0.1):
        self.count, self.longest, self.dt = count, longest, dt

    def reset(self):
        self.place = torch.rand(self.count, 2) * 2 - 1
        self.velocity = torch.zeros(self.count, 2)
        self.steps = 0
        return torch.cat([self.place, self.velocity], dim=1)

    def step(self, action):
        force = action.clamp(-1, 1)
        self.velocity = 0.95 * self.velocity + self.dt * force
        self.place = self.place + self.dt * self.velocity
        self.steps += 1
        reward = -self.place.norm(dim=1) - 0.05 * force.pow(2).sum(dim=1)
        return torch.cat([self.place, self.velocity], dim=1), 0.1 * reward, self.steps >= self.longest


class ActorCritic(nn.Module):
    def __init__(self, hidden=64):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, hidden), nn.Tanh(), nn.Linear(hidden, hidden), nn.Tanh())
        self.mean, self.value = nn.Linear(hidden, 2), nn.Linear(hidden, 1)
        self.log_std = nn.Parameter(torch.full((2,), -0.5))
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.orthogonal_(module.weight, gain=0.01 if module is self.mean else 1.0)
                nn.init.zeros_(module.bias)

    def forward(self, state):
        features = self.body(state)
        return Normal(self.mean(features), self.log_std.exp()), self.value(features).squeeze(-1)


def rollout(environment, model):
    """All that happens in one episode of every environment: tensors of steps by environments."""
    state, done, steps = environment.reset(), False, []
    while not done:
        distribution, value = model(state)
        action = distribution.sample()
        state, reward, done = environment.step(action)
        steps.append((distribution.log_prob(action).sum(dim=-1), distribution.entropy().sum(dim=-1), value, reward))
    return [torch.stack(column) for column in zip(*steps, strict=True)]


def advantages(rewards, values, gamma, trace):
    """How much better than expected each step was, smoothed along the episode."""
    result, running = torch.zeros_like(rewards), torch.zeros_like(rewards[0])
    following = torch.cat([values[1:], torch.zeros_like(values[:1])])
    errors = rewards + gamma * following - values
    for t in reversed(range(len(rewards))):
        running = errors[t] + gamma * trace * running
        result[t] = running
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=150, help="updates of the network")
    parser.add_argument("--environments", type=int, default=32)
    parser.add_argument("--gamma", type=float, default=0.95)
    parser.add_argument("--trace", type=float, default=0.9)
    parser.add_argument("--lr", type=float, default=5e-3)
    parser.add_argument("--log-every", type=int, default=15)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    environment, model = Points(args.environments), ActorCritic()
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    for step in range(1, args.steps + 1):
        log_probs, entropies, values, rewards = rollout(environment, model)
        advantage = advantages(rewards, values.detach(), args.gamma, args.trace)
        value_loss = F.smooth_l1_loss(values, advantage + values.detach())
        normalized = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
        policy_loss = -(log_probs * normalized).mean()
        loss = policy_loss + 0.5 * value_loss - 1e-3 * entropies.mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
        if step == 1 or step % args.log_every == 0:
            reward = rewards.sum(dim=0).mean().item()
            print(f"step {step}: loss {loss.item():.4f}, value loss {value_loss.item():.4f}, reward {reward:.3f}")


if __name__ == "__main__":
    main()
