"""What the processes of test_processes.py run."""

import pedigrad as torch


def double(index, queue, event):
    for t in iter(queue.get, None):
        t.mul_(2)
    event.set()


def squares(t):
    return t * t


def fail(index):
    raise ValueError(f"from process {index}")


def stop(index):
    import os

    os._exit(3)


def give(index, queue, event):
    layer = torch.nn.Linear(2, 2)
    queue.put((layer.weight, torch.ones(3, dtype=torch.bfloat16), torch.arange(6).reshape(2, 3).t()[1:], torch.zeros(0)))
    event.wait()


def train(index, model, data):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    for _ in range(20):
        optimizer.zero_grad()
        ((model(data) - 1) ** 2).mean().backward()
        optimizer.step()
