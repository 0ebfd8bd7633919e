"""The machinery of optimizers: buckets, state that stays true, hooks, copies."""

import copy
import gc
import pathlib
import pickle
import weakref

import numpy as np
import pytest

import pedigrad as torch
from pedigrad.optim import bucket

CLASSES = {
    "SGD": {"lr": 0.1, "momentum": 0.9},
    "Adam": {"lr": 0.1, "amsgrad": True},
    "AdamW": {"lr": 0.1},
    "Adadelta": {},
    "Adagrad": {"lr": 0.1},
    "Adamax": {"lr": 0.1},
    "RMSprop": {"lr": 0.1, "momentum": 0.9, "centered": True},
    "NAdam": {"lr": 0.1},
    "RAdam": {"lr": 0.1},
    "ASGD": {"lr": 0.1, "t0": 2},
    "Rprop": {},
    "Adafactor": {"lr": 0.1},
    "Muon": {"lr": 0.1},
}


def parameters(shapes=((2, 3), (4, 2), (1, 1)), seed=0):
    rng = np.random.default_rng(seed)
    return [torch.nn.Parameter(torch.from_numpy(rng.standard_normal(shape).astype(np.float32))) for shape in shapes]


def give_gradients(params, step=0, absent=()):
    rng = np.random.default_rng(50 + step)
    for i, p in enumerate(params):
        g = torch.from_numpy(np.asarray(rng.standard_normal(p._array.shape), p._array.dtype))
        p.grad = None if i in absent else g


def values(params):
    return [p._array.copy() for p in params]


def made(name, params, **kwargs):
    return getattr(torch.optim, name)(params, **{**CLASSES[name], **kwargs})


@pytest.fixture(params=CLASSES)
def name(request):
    return request.param


# Parameters updated together or alone, in blocks or whole, are the same


def run(name, steps=6, absent=lambda step: (), **shapes):
    params = parameters(**shapes)
    optimizer = made(name, params)
    for step in range(steps):
        give_gradients(params, step, absent(step))
        optimizer.step()
    return values(params), [{n: v.item() if v.numel() == 1 else v.tolist() for n, v in optimizer.state[p].items()} for p in params]


@pytest.mark.parametrize("absent", [lambda step: (), lambda step: (step % 3,), lambda step: (0,) if step < 2 else ()])
def test_together_as_alone(name, absent, monkeypatch):
    together = run(name, absent=absent)
    monkeypatch.setattr(bucket, "SMALL", 0)
    alone = run(name, absent=absent)
    for a, b in zip(together[0], alone[0], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)
    for a, b in zip(together[1], alone[1], strict=True):
        assert list(a) == list(b)
        for entry in a:
            np.testing.assert_allclose(a[entry], b[entry], rtol=1e-6)


def test_blocks_as_whole(name, monkeypatch):
    whole = run(name, shapes=((40, 30), (7, 5)))
    monkeypatch.setattr(bucket, "SMALL", 100)
    monkeypatch.setattr(bucket, "BLOCK", 128)
    blocks = run(name, shapes=((40, 30), (7, 5)))
    for a, b in zip(whole[0], blocks[0], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


def test_parameters_that_come_and_go_often(name):
    """After a while they are no longer laid end to end; nobody can tell."""
    a, b = (run(name, steps=40, absent=lambda step: (step % 2,)) for _ in range(2))
    for x, y in zip(a[0], b[0], strict=True):
        np.testing.assert_array_equal(x, y)
    params = parameters()
    optimizer = made(name, params)
    for step in range(40):
        give_gradients(params, step, (step % 2,))
        optimizer.step()
    assert [len(each.arrays) for each in optimizer._plans[0].buckets] == [1, 1]


# The state is the truth


def test_state_tensors_stay_the_same_and_valid(name):
    params = parameters()
    optimizer = made(name, params)
    give_gradients(params)
    optimizer.step()
    held = [dict(optimizer.state[p]) for p in params]
    for step in range(1, 6):
        give_gradients(params, step, absent=(step % 3,))
        optimizer.step()
        for p, state in zip(params, held, strict=True):
            for entry, tensor in state.items():
                assert optimizer.state[p][entry] is tensor
    if "step" in held[0]:
        assert [state["step"].item() for state in held] == [5.0, 4.0, 4.0]


def test_state_replaced_by_the_user():
    params = parameters()
    optimizer = made("Adam", params)
    give_gradients(params)
    optimizer.step()
    change = [
        lambda state: state.update(exp_avg=torch.zeros(2, 3)),
        lambda state: state["exp_avg"].zero_(),
        lambda state: setattr(state["exp_avg"], "data", torch.zeros(2, 3)),
        lambda state: state["step"].fill_(0),
        lambda state: state.update(step=torch.tensor(0.0)),
        lambda state: state.clear(),
        lambda state: optimizer.state.clear(),
        lambda state: optimizer.state.update({params[0]: {n: t.clone() for n, t in state.items()}}),
        lambda state: state.update(note="mine"),
    ]
    for edit in change:
        reference = parameters()
        for p, q in zip(reference, params, strict=True):
            p.data = q.detach().clone()
        edit(optimizer.state[params[0]])
        again = made("Adam", reference)
        again.load_state_dict(copy.deepcopy(optimizer.state_dict()))
        give_gradients(params, 3)
        give_gradients(reference, 3)
        optimizer.step()
        again.step()
        for p, q in zip(params, reference, strict=True):
            np.testing.assert_allclose(p._array, q._array, rtol=1e-6)
            assert optimizer.state[p]["step"].item() == again.state[q]["step"].item()
    assert optimizer.state[params[0]]["note"] == "mine"


def test_state_of_another_shape_is_refused():
    params = parameters()
    optimizer = made("Adam", params)
    give_gradients(params)
    optimizer.step()
    params[0].data = torch.zeros(5, 2)
    params[0].grad = torch.zeros(5, 2)
    with pytest.raises(RuntimeError, match=r"state 'exp_avg' has shape \(2, 3\), the parameter has \(5, 2\)"):
        optimizer.step()


@pytest.mark.parametrize("count", [1, 3])
def test_data_replaced(name, count):
    params = parameters()[:count]
    optimizer = made(name, params)
    give_gradients(params)
    optimizer.step()
    old = params[0]._array
    kept = old.copy()
    for p in params:
        p.data = p.data.clone()
    give_gradients(params, 1)
    optimizer.step()
    assert (old == kept).all() and not (params[0]._array == kept).all()
    for p in params:
        p.data = p.data.double()
    give_gradients(params, 2)
    assert params[0].grad.dtype is torch.float64
    optimizer.step()
    assert params[0].dtype is torch.float64
    for entry, tensor in optimizer.state[params[0]].items():
        assert tensor.dtype is (torch.float64 if entry not in optimizer.numbers else torch.float32)


def test_mixed_dtypes_and_orders():
    a = torch.nn.Parameter(torch.ones(3, dtype=torch.float64))
    b = torch.nn.Parameter(torch.ones(3))
    c = torch.nn.Parameter(torch.ones(3, dtype=torch.complex64))
    d = torch.nn.Parameter(torch.arange(6.0).reshape(2, 3).t())
    optimizer = torch.optim.Adam([a, b, c, d], lr=0.5)
    for p in (a, b, c, d):
        p.grad = torch.ones_like(p)
    optimizer.step()
    np.testing.assert_allclose(a.tolist(), [0.5] * 3)
    np.testing.assert_allclose(b.tolist(), [0.5] * 3, rtol=1e-6)
    np.testing.assert_allclose(c.tolist(), [0.5] * 3, rtol=1e-6)
    np.testing.assert_allclose(d.tolist(), [[-0.5, 2.5], [0.5, 3.5], [1.5, 4.5]], rtol=1e-6)
    assert d._array.T.flags.c_contiguous


# Copies


def test_load_state_dict_copies(name):
    params = parameters()
    optimizer = made(name, params)
    give_gradients(params)
    optimizer.step()
    state = copy.deepcopy(optimizer.state_dict())
    before = copy.deepcopy(state)
    twins = [torch.nn.Parameter(p.detach().clone()) for p in params]
    twin = made(name, twins)
    twin.load_state_dict(state)
    for step in range(1, 4):
        give_gradients(params, step)
        give_gradients(twins, step)
        optimizer.step()
        twin.step()
    for p, q in zip(params, twins, strict=True):
        np.testing.assert_array_equal(p._array, q._array)
    for number, entries in before["state"].items():
        for entry, value in entries.items():
            np.testing.assert_array_equal(value.numpy(), state["state"][number][entry].numpy())


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o))], ids=["deepcopy", "pickle"])
def test_copies_of_optimizers(name, duplicate):
    params = parameters()
    optimizer = made(name, params)
    give_gradients(params)
    optimizer.step()
    twin = duplicate(optimizer)
    twins = twin.param_groups[0]["params"]
    assert list(twin.state) == [] or all(any(p is q for q in twins) for p in twin.state)
    for step in range(1, 4):
        give_gradients(params, step)
        optimizer.step()
    for step in range(1, 4):
        give_gradients(twins, step)
        twin.step()
    for p, q in zip(params, twins, strict=True):
        assert p is not q
        np.testing.assert_array_equal(p._array, q._array)


def test_an_optimizer_and_its_state_are_freed():
    params = parameters()
    optimizer = made("Adam", params)
    give_gradients(params)
    optimizer.step()
    gone = [weakref.ref(optimizer), weakref.ref(optimizer.state[params[0]]["exp_avg"])]
    gc.disable()
    try:
        del optimizer
        assert [each() for each in gone] == [None, None]
    finally:
        gc.enable()


# Writes in place are noticed


def test_a_step_between_forward_and_backward_is_noticed(name):
    params = parameters(shapes=((3, 3),))
    optimizer = made(name, params)
    loss = (params[0] @ params[0]).sum()
    give_gradients(params)
    optimizer.step()
    with pytest.raises(RuntimeError, match=rf"(?s)modified.*{name}\.step|{name}\.step.*modified"):
        loss.backward()


def test_a_step_counts_as_a_version():
    p = parameters()[0]
    before = p._version
    p.grad = torch.ones(2, 3)
    made("SGD", [p]).step()
    assert p._version == before + 1


# Gradients


def test_zero_grad_is_lazy_and_reads_as_zero():
    p = torch.nn.Parameter(torch.ones(2))
    optimizer = torch.optim.SGD([p], lr=1.0)
    (p * 3).sum().backward()
    optimizer.zero_grad()
    assert p._node.zeroed
    assert p.grad.tolist() == [0.0, 0.0] and not p._node.zeroed
    (p * 3).sum().backward()
    assert p.grad.tolist() == [3.0, 3.0]
    optimizer.zero_grad()
    (p * 5).sum().backward()
    assert p.grad.tolist() == [5.0, 5.0]


def test_zero_grad_writes_into_the_gradient_of_a_frozen_parameter():
    p = torch.nn.Parameter(torch.ones(2))
    optimizer = torch.optim.SGD([p], lr=0.1)
    p.sum().backward()
    g = p.grad
    p.requires_grad_(False)
    optimizer.zero_grad(set_to_none=False)
    assert p.grad is g
    assert g.tolist() == [0.0, 0.0]


def test_a_step_after_zero_grad_sees_zeros():
    p = torch.nn.Parameter(torch.ones(2))
    optimizer = torch.optim.SGD([p], lr=1.0, weight_decay=0.5)
    (p * 3).sum().backward()
    optimizer.zero_grad()
    optimizer.step()
    assert p.tolist() == [0.5, 0.5]


def test_zero_grad_of_gradients_somebody_holds():
    p = torch.nn.Parameter(torch.ones(2))
    optimizer = torch.optim.SGD([p], lr=1.0)
    (p * 3).sum().backward()
    held = p.grad
    array = held.numpy()
    optimizer.zero_grad()
    assert held.tolist() == [0.0, 0.0] and array.tolist() == [0.0, 0.0]
    optimizer.zero_grad(set_to_none=True)
    assert p.grad is None


def test_steps_do_not_change_gradients(name):
    params = parameters()
    optimizer = made(name, params)
    for step in range(3):
        give_gradients(params, step)
        before = [p.grad._array.copy() for p in params]
        optimizer.step()
        for p, g in zip(params, before, strict=True):
            np.testing.assert_array_equal(p.grad._array, g)


def test_updates_are_pure(name):
    """An update neither writes into what it is given nor gives the caller's arrays back changed."""
    cls = getattr(torch.optim, name)
    params = parameters(shapes=((3, 2),))
    optimizer = made(name, params)
    group = optimizer.param_groups[0]
    p, g = params[0]._array, np.ones((3, 2), np.float32)
    state = optimizer.begin(p, group)
    for step in range(1, 4):
        given = [p, g, *[s for s in state or () if isinstance(s, np.ndarray)]]
        copies = [a.copy() for a in given]
        for a in given:
            a.flags.writeable = False
        new, state = cls.update(p, g, state, step, group)
        for a, b in zip(given, copies, strict=True):
            np.testing.assert_array_equal(a, b)
        assert new.dtype == np.float32 and all(s.dtype == np.float32 for s in state if isinstance(s, np.ndarray))
        p = new


def test_parameters_without_gradients_are_left_alone():
    params = parameters()
    optimizer = made("Adam", params)
    before = values(params)
    optimizer.step()
    assert not optimizer.state
    give_gradients(params, absent=(1,))
    optimizer.step()
    np.testing.assert_array_equal(params[1]._array, before[1])
    assert params[1] not in optimizer.state and len(optimizer.state) == 2


def test_sgd_without_momentum_has_no_state():
    params = parameters()
    optimizer = torch.optim.SGD(params)
    give_gradients(params)
    optimizer.step()
    assert optimizer.state_dict()["state"] == {}


# Closures, hooks and users' own optimizers


def test_closure_runs_with_gradients():
    p = torch.nn.Parameter(torch.ones(1))
    optimizer = torch.optim.SGD([p], lr=0.25)

    def closure():
        optimizer.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    with torch.no_grad():
        loss = optimizer.step(closure)
    assert loss.item() == 1.0 and p.item() == 0.5
    assert optimizer.step(closure=closure).item() == 0.25


def test_an_update_of_the_users():
    class SignDescent(torch.optim.Optimizer):
        """Steps of equal size, whose number is counted."""

        def __init__(self, params, lr=0.1):
            super().__init__(params, {"lr": lr})

        def state_names(self, group, p):
            return ("last",)

        @staticmethod
        def update(p, g, state, step, group):
            return p - np.sign(g) * group["lr"] / step, (np.sign(g),)

    params = parameters()
    before = values(params)
    optimizer = SignDescent(params, lr=0.5)
    give_gradients(params)
    optimizer.step()
    np.testing.assert_allclose(np.abs(params[0]._array - before[0]), 0.5, rtol=1e-5)
    assert list(optimizer.state[params[0]]) == ["step", "last"]


def test_the_base_class_has_no_update():
    p = torch.nn.Parameter(torch.ones(1))
    p.grad = torch.ones(1)
    with pytest.raises(NotImplementedError):
        torch.optim.Optimizer([p], {"lr": 0.1}).step()


def test_unsupported_options():
    with pytest.raises(NotImplementedError, match="differentiable=True"):
        torch.optim.SGD(parameters(), differentiable=True)


def test_fitting_a_line():
    """Each optimizer finds the line, which its formulas would not with a sign wrong."""
    x = torch.linspace(-1, 1, 11).reshape(-1, 1)
    y = x * 2 + 1
    rates = {"Adadelta": {"lr": 1.0, "eps": 1e-3}, "Adagrad": {"lr": 0.5}, "ASGD": {"lr": 0.3}, "SGD": {"lr": 0.3}}
    for name in [*CLASSES, "LBFGS"]:
        if name == "Muon":
            continue
        torch.manual_seed(0)
        model = torch.nn.Linear(1, 1)
        optimizer = getattr(torch.optim, name)(model.parameters(), **rates.get(name, {"lr": 0.05} if name != "LBFGS" else {}))

        def closure(model=model, optimizer=optimizer):
            optimizer.zero_grad()
            loss = ((model(x) - y) ** 2).mean()
            loss.backward()
            return loss

        for _ in range(400 if name != "LBFGS" else 5):
            optimizer.step(closure)
        assert closure().item() < 1e-2, name


def test_muon_steps_are_orthogonal():
    p = torch.nn.Parameter(torch.zeros(6, 4))
    p.grad = torch.from_numpy(np.random.default_rng(0).standard_normal((6, 4)).astype(np.float32))
    torch.optim.Muon([p], lr=1.0, weight_decay=0.0, adjust_lr_fn="match_rms_adamw").step()
    sizes = np.linalg.svd(p._array / (0.2 * 6**0.5), compute_uv=False)
    assert ((sizes > 0.6) & (sizes < 1.3)).all()


def test_the_folder_finds_the_optimizers_by_their_files():
    folder = pathlib.Path(torch.optim.__file__).parent
    names = set(torch.optim.__all__) - {"Optimizer", "lr_scheduler", "swa_utils"}
    kinds = {name: getattr(torch.optim, name) for name in names}
    assert {kind.__module__.rpartition(".")[2] for kind in kinds.values()} <= {path.stem for path in folder.glob("*.py")}
    assert {"SGD", "Adam", "LBFGS", "SparseAdam"} <= names <= set(dir(torch.optim))
    assert all(issubclass(kind, torch.optim.Optimizer) and kind.__name__ == name for name, kind in kinds.items())
    stub = (folder / "__init__.pyi").read_text(encoding="utf-8")
    assert all(f"class {name}(" in stub for name in names)
