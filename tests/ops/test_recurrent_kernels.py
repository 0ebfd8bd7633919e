"""Loops over time in native code give what NumPy's loop gives, whatever the sizes, the direction, and how long sequences are."""

import random

import numpy as np
import pytest

import pedigrad as torch
from pedigrad import nn
from pedigrad.eager import native
from pedigrad.ops.nn import sequences

pytestmark = pytest.mark.skipif(not native.takes_product(np.zeros(1, np.float32), 1 << 60), reason="llvmlite is not installed")

KINDS = {"LSTM": {}, "GRU": {}, "tanh": {}, "relu": {"nonlinearity": "relu"}}
ROUNDING = {torch.float32: 2e-5, torch.float64: 1e-12}


def layer(kind, dtype, chance):
    """A layer of random sizes, and a batch for it: a padded one, or one of sequences of several lengths."""
    inputs, width, batch, length = chance.randint(1, 9), chance.choice([1, 5, 16, 33, 64, 70]), chance.randint(1, 15), chance.randint(1, 7)
    options = {"bias": chance.random() < 0.7, "bidirectional": chance.random() < 0.5, "num_layers": chance.randint(1, 2)}
    module = getattr(nn, kind if kind in ("LSTM", "GRU") else "RNN")(inputs, width, **options, **KINDS[kind]).to(dtype)
    x = torch.randn(length, batch, inputs, dtype=dtype, requires_grad=True)
    lengths = sorted((chance.randint(1, length) for _ in range(batch)), reverse=True) if chance.random() < 0.5 else None
    return module, x, lengths


def results(module, x, lengths, weights):
    """Outputs, states and gradients after a forward and a backward pass."""
    module.zero_grad()
    x.grad = None
    given = x if lengths is None else nn.utils.rnn.pack_padded_sequence(x, lengths)
    out, states = module(given)
    out = out if lengths is None else out.data
    states = states if isinstance(states, tuple) else (states,)
    used = [out, *states] if weights is not None else [states[-1]]
    sum((each * torch.linspace(-1, weights or 1.0, each.numel(), dtype=x.dtype).view(each.shape)).sum() for each in used).backward()
    return [out, *states, x.grad, *(p.grad for p in module.parameters())]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("dtype", ROUNDING)
@pytest.mark.parametrize("kind", KINDS)
def test_native_loops_are_numpys(kind, dtype, seed, monkeypatch):
    chance = random.Random(seed)
    torch.manual_seed(seed)
    module, x, lengths = layer(kind, dtype, chance)
    weights = None if seed == 3 else 2.0  # of the last state alone: nothing comes from the outputs
    monkeypatch.setattr(sequences, "FEWEST", 1 << 60)
    right = [each.detach().clone() for each in results(module, x, lengths, weights)]
    monkeypatch.setattr(sequences, "FEWEST", 1)
    ran = []
    run = native.recur
    monkeypatch.setattr(native, "recur", lambda kind, *rest: (ran.append(kind), run(kind, *rest)))
    monkeypatch.setattr(native, "_threads", 1 + seed % 3)
    for given, wanted in zip(results(module, x, lengths, weights), right, strict=True):
        assert given.shape == wanted.shape and given.dtype == wanted.dtype
        assert (given - wanted).abs().max() <= ROUNDING[dtype] * max(1.0, float(wanted.abs().max()))
    assert {name.removesuffix("_backward") for name in ran} == {kind.lower()} and any(name.endswith("_backward") for name in ran)


@pytest.mark.parametrize("kind", KINDS)
def test_bits_are_the_same_for_any_number_of_threads(kind, monkeypatch):
    torch.manual_seed(0)
    module = getattr(nn, kind if kind in ("LSTM", "GRU") else "RNN")(7, 40, **KINDS[kind])
    x = torch.randn(30, 50, 7, requires_grad=True)
    found = []
    for threads in (1, 2, 5):
        monkeypatch.setattr(native, "_threads", threads)
        found.append([each.detach().clone() for each in results(module, x, None, 2.0)])
    for other in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], other, strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_a_loop_is_one_call_in_a_program(kind):
    torch.manual_seed(0)
    module = getattr(nn, kind if kind in ("LSTM", "GRU") else "RNN")(7, 24, **KINDS[kind])
    usual = getattr(nn, kind if kind in ("LSTM", "GRU") else "RNN")(7, 24, **KINDS[kind])
    usual.load_state_dict(module.state_dict())
    optimizers = [torch.optim.SGD(m.parameters(), lr=0.1) for m in (module, usual)]

    def step(model, optimizer, x):
        optimizer.zero_grad()
        loss = model(x)[0].square().mean()
        loss.backward()
        optimizer.step()
        return loss.detach()

    fast = torch.compile(step)
    for seed in range(6):
        x = torch.randn(12, 5, 7, generator=torch.Generator().manual_seed(seed))
        assert torch.allclose(fast(module, optimizers[0], x), step(usual, optimizers[1], x), rtol=1e-5)
    assert all(torch.allclose(a, b, rtol=1e-4, atol=1e-6) for a, b in zip(module.parameters(), usual.parameters(), strict=True))
    report = str(fast.explain())
    assert "step is compiled" in report and "2 calls to NumPy" in report


def test_rows_that_are_not_numbers_stay_in_their_sequence():
    module = nn.LSTM(4, 32)
    x = torch.randn(20, 6, 4)
    x[3, 2, 1] = float("nan")
    x[5, 4] = float("inf")
    out = module(x)[0]
    bad = out.isnan().any(-1)
    assert not bad[:, [0, 1, 3, 5]].any() and not bad[:3].any() and bad[3:, 2].all()


@pytest.mark.parametrize("width", [3, 40])
def test_gradients_pass_where_relu_of_a_recurrent_layer_is_not_a_number(width):
    layer = nn.RNN(2, width, nonlinearity="relu", bias=False)
    with torch.no_grad():
        for weight in layer.parameters():
            weight.fill_(0.1)
    x = torch.ones(9, 3, 2)
    x[0, 0, 0] = float("nan")
    x.requires_grad_()
    layer(x)[1].sum().backward()
    assert torch.allclose(x.grad[:, 0], x.grad[:, 1]) and (x.grad > 0).all()


def test_a_matrix_that_was_packed_and_then_written_to_is_packed_anew():
    """Also where nobody was told of it: the array under the weights is the user's."""
    cell = torch.nn.GRUCell(64, 96)
    x, h = torch.randn(17, 64), torch.randn(17, 96)
    under = cell.weight_hh.detach().numpy()
    for _ in range(3):
        under[:, 5] += 1
        other = torch.nn.GRUCell(64, 96)
        other.load_state_dict(cell.state_dict())
        np.testing.assert_array_equal(cell(x, h).detach().numpy(), other(x, h).detach().numpy())
        np.testing.assert_array_equal(cell(x, h).detach().numpy(), other(x, h).detach().numpy())
