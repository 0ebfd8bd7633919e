"""torch.multiprocessing: queues, shared memory, spawn, pools, events, and results from other processes."""

import torch
import torch.multiprocessing as mp
from torch import nn


def produce(q, n, done):
    for i in range(n):
        q.put(torch.full((2,), float(i)))
    q.put(None)
    done.wait()


def fill(t, i):
    t[i] += i + 1


def train(rank, model, lock):
    torch.manual_seed(rank)
    for _ in range(3):
        with lock:
            model.weight.data.add_(1.0)


def square(t):
    return t * t


if __name__ == "__main__":
    mp.set_start_method("fork", force=True)
    q, done = mp.Queue(), mp.Event()
    p = mp.Process(target=produce, args=(q, 3, done))
    p.start()
    got = []
    while (item := q.get()) is not None:
        got.append(item.clone())
    done.set()
    p.join()
    print(got, p.exitcode)
    t = torch.zeros(3).share_memory_()
    ps = [mp.Process(target=fill, args=(t, i)) for i in range(3)]
    [x.start() for x in ps]
    [x.join() for x in ps]
    print(t, t.is_shared())
    m = nn.Linear(2, 1, bias=False)
    m.weight.data.zero_()
    m.share_memory()
    lock = mp.get_context("spawn").Lock()
    ctx = mp.spawn(train, args=(m, lock), nprocs=2, join=False)
    while not ctx.join():  # which returns when one of them has ended
        pass
    print(m.weight, m.weight.is_shared())
    with mp.Pool(2) as pool:
        print(pool.map(square, [torch.tensor([1.0, 2.0]), torch.tensor([3.0])]))
    print(mp.get_sharing_strategy() in mp.get_all_sharing_strategies(), mp.get_start_method(), mp.current_process().name)
    s = mp.SimpleQueue()
    s.put({"a": torch.ones(2), "n": 3})
    print(s.get())
    a, b = mp.Pipe()
    a.send([torch.arange(3), "x"])
    print(b.recv())
