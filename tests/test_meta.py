"""Tensors on `meta` have shapes, dtypes, strides and histories, and no memory."""

import copy
import resource

import pytest

import pedigrad as torch


def test_factories_make_them():
    for make in (torch.empty, torch.zeros, torch.rand, torch.randn):
        x = make(2, 3, device="meta")
        assert x.is_meta and x.device == torch.device("meta") and x.shape == (2, 3) and x.stride() == (3, 1) and not x.is_cpu
    assert torch.full((2,), 1.5, device="meta").dtype is torch.float32
    assert torch.arange(5, device="meta").dtype is torch.int64 and torch.tensor([1.0], device="meta").is_meta
    assert torch.zeros_like(x).is_meta and x.new_empty(4).is_meta and not torch.zeros_like(x, device="cpu").is_meta


def test_they_take_no_memory():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    layers = [torch.nn.Linear(20_000, 20_000, device="meta") for _ in range(20)]  # 32 GB
    torch.nn.init.kaiming_normal_(layers[0].weight)
    with torch.no_grad():
        layers[0].weight.zero_()
        layers[0].bias[2:].fill_(3)
        layers[0].weight.copy_(layers[1].weight)
        layers[0].weight[0] = 1
    assert sum(p.numel() for layer in layers for p in layer.parameters()) == 20 * (20_000**2 + 20_000)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < before + 200_000


def test_operations_give_shapes_dtypes_and_strides():
    x, y = torch.empty(4, 3, device="meta"), torch.empty(3, 5, device="meta", dtype=torch.float32)
    for f in (
        lambda x, y: x @ y,
        lambda x, y: (x * 2 + 1).t().sum(0),
        lambda x, y: torch.cat([x, x], 1),
        lambda x, y: x.softmax(-1).argmax(1),
        lambda x, y: x.t()[1:].unsqueeze(0),
        lambda x, y: torch.nn.functional.layer_norm(x, (3,)),
        lambda x, y: x.to(torch.bfloat16).mean(),
    ):
        got, real = f(x, y), f(torch.ones(4, 3), torch.ones(3, 5))
        assert got.is_meta and (got.shape, got.dtype, got.stride()) == (real.shape, real.dtype, real.stride())
    assert x[1:].storage_offset() == 3 and x.t()._base is x


def test_elements_are_refused():
    x = torch.ones(2, device="meta")
    for ask in (x.tolist, lambda: x.to("cpu"), x.cpu, lambda: torch.ones(2).copy_(x)):
        with pytest.raises(NotImplementedError, match="no data"):
            ask()
    assert repr(x) == "tensor(..., device='meta', size=(2,))"


def test_a_device_block_says_where_tensors_are_made():
    with torch.device("meta"):
        net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Embedding(5, 2), torch.nn.LSTM(3, 4))
        inner = torch.zeros(2, device="cpu")
    assert all(t.is_meta for t in net.state_dict().values()) and not inner.is_meta and not torch.zeros(2).is_meta
    assert torch.nn.Linear(2, 2).weight.device.type == "cpu"


def test_a_module_gets_memory_by_to_empty_or_assign():
    real = torch.nn.Linear(3, 2)
    with torch.device("meta"):
        net = torch.nn.Linear(3, 2)
    assert copy.deepcopy(net).weight.is_meta
    net.load_state_dict(real.state_dict(), assign=True)
    assert torch.equal(net(torch.ones(1, 3)), real(torch.ones(1, 3))) and net.weight.requires_grad
    net = torch.nn.Linear(3, 2, device="meta").to_empty(device="cpu")
    assert not net.weight.is_meta and isinstance(net.weight, torch.nn.Parameter)
    with pytest.raises(NotImplementedError, match="to_empty"):
        torch.nn.Linear(3, 2, device="meta").to("cpu")
    assert torch.nn.Linear(3, 2).to("meta").weight.is_meta


def test_histories_and_gradients():
    x = torch.ones(2, 3, device="meta", requires_grad=True)
    loss = (x * x).sum()
    assert loss.grad_fn.name() == "SumBackward0"
    loss.backward()
    assert x.grad.shape == (2, 3)


def test_the_short_way_is_back_when_they_are_gone():
    from pedigrad.core import meta, modes

    before, alive = modes.special, meta.alive
    x = torch.ones(2, device="meta")
    assert modes.special == before + 1
    del x
    assert (modes.special, meta.alive) == (before, alive)
