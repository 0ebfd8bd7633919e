"""Tensors that go from process to process."""

import os
import pathlib
import sys

import pytest

import pedigrad as torch
import pedigrad.multiprocessing as mp

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import sharing

METHODS = ["fork", "spawn"]
pytestmark = [pytest.mark.skipif(sys.platform == "win32", reason="descriptors are POSIX's"), pytest.mark.filterwarnings("ignore")]


@pytest.fixture(params=sorted(mp.get_all_sharing_strategies()))
def strategy(request):
    before = mp.get_sharing_strategy()
    mp.set_sharing_strategy(request.param)
    yield request.param
    mp.set_sharing_strategy(before)


@pytest.mark.parametrize("method", METHODS)
def test_what_is_put_into_a_queue_is_shared(method, strategy):
    context = mp.get_context(method)
    queue, event = context.Queue(), context.Event()
    process = context.Process(target=sharing.double, args=(0, queue, event))
    process.start()
    tensors = [torch.ones(3).share_memory_(), torch.ones(2, 2), torch.nn.Parameter(torch.ones(1)).detach()]
    part = tensors[0][1:]
    for t in (*tensors, part):
        queue.put(t)
    queue.put(None)
    assert event.wait(60)
    process.join(60)
    assert tensors[0].tolist() == [2, 4, 4] and tensors[1].tolist() == [[2, 2], [2, 2]] and part.tolist() == [4, 4]


@pytest.mark.parametrize("method", METHODS)
def test_what_comes_from_a_queue(method, strategy):
    context = mp.get_context(method)
    queue, event = context.Queue(), context.Event()
    process = context.Process(target=sharing.give, args=(0, queue, event))
    process.start()
    weight, b, view, empty = queue.get(timeout=60)
    event.set()
    process.join(60)
    assert isinstance(weight, torch.nn.Parameter) and weight.requires_grad and weight.shape == (2, 2)
    assert b.dtype is torch.bfloat16 and b.tolist() == [1, 1, 1] and view.tolist() == [[1, 4], [2, 5]] and empty.shape == (0,)


def test_pools():
    with mp.get_context("fork").Pool(2) as pool:
        assert [t.tolist() for t in pool.map(sharing.squares, [torch.tensor([1, 2]), torch.tensor([3])])] == [[1, 4], [9]]


def test_tensors_with_a_history_stay():
    queue = mp.SimpleQueue()
    with pytest.raises(RuntimeError, match=r"detach\(\)"):
        queue.put(torch.ones(2, requires_grad=True) * 2)


def test_spawn():
    model = torch.nn.Linear(2, 1).share_memory()
    data = torch.ones(4, 2)
    before = ((model(data) - 1) ** 2).mean().item()
    mp.spawn(sharing.train, (model, data), nprocs=2)
    assert ((model(data) - 1) ** 2).mean().item() < before / 2
    with pytest.raises(mp.ProcessRaisedException, match="from process 0"):
        mp.spawn(sharing.fail, nprocs=1, start_method="fork")
    with pytest.raises(mp.ProcessExitedException, match="exit code 3") as error:
        mp.spawn(sharing.stop, nprocs=2, start_method="fork")
    assert error.value.exit_code == 3


def test_descriptors_are_closed():
    def count():
        return len(os.listdir("/proc/self/fd"))

    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("descriptors are counted in /proc")
    before = count()
    for _ in range(20):
        torch.ones(3).share_memory_()
    assert count() <= before + 1


def test_files_are_removed(strategy):
    def files():
        return {each for each in os.listdir(torch.core.shared.FOLDER) if each.startswith(f"pedigrad-{os.getpid()}-")}

    before = files()
    t = torch.ones(3).share_memory_()
    assert len(files()) == len(before) + (strategy == "file_system")
    del t
    assert files() == before


def test_strategies():
    assert mp.get_all_sharing_strategies() == {"file_descriptor", "file_system"}
    with pytest.raises(AssertionError):
        mp.set_sharing_strategy("other")
