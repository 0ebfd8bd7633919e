"""PyTorch's own module samples (`module_db`) on both libraries: initial values, state, text, results, gradients."""

import fnmatch

import numpy as np
import pytest
import torch
from agreement import Disagreement, compare, compare_gradients
from bridge import fresh, named, ours
from torch.testing._internal.common_modules import module_db

import pedigrad

MODULES = {}
for info in module_db:
    MODULES.setdefault(info.name.removeprefix("nn."), info)


SLOW = {"LinearCrossEntropyLoss", "Transformer"}

# Differences on purpose: by module, dtype and the text of the disagreement, with the reason.
KNOWN = (("CTCLoss", "float32", "for input 0: *", "PyTorch adds its probabilities up in float32, we in float64"),)


def samples(info, dtype, training):
    """Some samples of an entry, evenly spread over its own."""
    torch.manual_seed(0)
    inputs = info.module_inputs_func(info, device="cpu", dtype=dtype, requires_grad=True, training=training)
    inputs = [each for each in inputs if each.forward_input is not None]
    count = 2 if info.name.removeprefix("nn.") in SLOW else 6
    return inputs if len(inputs) <= count else [inputs[i * (len(inputs) - 1) // (count - 1)] for i in range(count)]


def constructed(nn, cls, given, convert, seed):
    seed(1)
    return getattr(nn, cls)(*convert(given.args), **convert(given.kwargs))


def state_of(module):
    return {name: value.detach().numpy() for name, value in module.state_dict().items() if value is not None and hasattr(value, "detach")}


def run(module, given, seed):
    seed(2)
    return module(*given[0], **given[1])


def compare_states(theirs, mine, when):
    expected, got = state_of(theirs), state_of(mine)
    assert list(got) == list(expected), when
    for key, value in expected.items():
        assert got[key].shape == value.shape and got[key].dtype == value.dtype, f"{key} {when}"
        np.testing.assert_allclose(got[key], value, rtol=2e-5, atol=1e-6, err_msg=f"{key} {when}")


def agree(info, sample, dtype, training):
    """Build, compare, run, compare one sample of one module."""
    name = info.name.removeprefix("nn.")
    theirs = constructed(torch.nn, name, sample.constructor_input, fresh, torch.manual_seed).train(training)
    mine = constructed(pedigrad.nn, name, sample.constructor_input, ours, pedigrad.manual_seed).train(training)
    assert repr(mine) == repr(theirs)
    mine.to(named(pedigrad, str(dtype).removeprefix("torch.")))
    theirs.to(dtype)
    if not name.startswith("Lazy"):  # whose parameters have no values before the first call
        compare_states(theirs, mine, "as constructed")
        mine.load_state_dict({key: pedigrad.from_numpy(value.copy()) for key, value in state_of(theirs).items()})
    memo = (sample.forward_input.args, sample.forward_input.kwargs)
    given, our_given = fresh(memo), ours(memo)
    out, our_out = run(theirs, given, torch.manual_seed), run(mine, our_given, pedigrad.manual_seed)
    compare(out, our_out, "forward")
    parameters, our_parameters = list(theirs.parameters()), list(mine.parameters())
    compare_gradients(out, our_out, (given, parameters), (our_given, our_parameters), twice=False)
    compare_states(theirs, mine, "after the call")
    assert repr(mine) == repr(theirs)


def known(name, dtype, text):
    """Whether a disagreement is a known one."""
    return any(all(map(fnmatch.fnmatchcase, (name, dtype, text), each[:3])) for each in KNOWN)


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("name", sorted(MODULES))
def test_module(name, dtype, training):
    for sample in samples(MODULES[name], dtype, training):
        try:
            agree(MODULES[name], sample, dtype, training)
        except Disagreement as difference:
            if not known(name, str(dtype).removeprefix("torch."), str(difference)):
                raise
