"""Optimizers against PyTorch's: parameters, state, errors, state dicts, hooks, for every configuration of its own tests."""

import copy
import importlib
import inspect
import pathlib
import re
import warnings

import numpy as np
import pytest
import torch
from bridge import ours
from torch.testing._internal.common_optimizers import OptimizerErrorEnum, optim_db

import pedigrad

# SparseAdam takes sparse gradients alone: `test_sparse.py` has them.
SUPPORTED = [info for info in optim_db if hasattr(pedigrad.optim, info.optim_cls.__name__) and not info.only_supports_sparse_grads]
CONFIGS = [
    pytest.param(info.optim_cls, config.kwargs, id=f"{info.optim_cls.__name__}-{i}-{config.desc.replace(' ', '_')}")
    for info in SUPPORTED
    for i, config in enumerate(info.optim_inputs_func("cpu"))
]
EXTRA = [
    (torch.optim.SGD, {"lr": 0.1, "weight_decay": torch.tensor(0.1)}),
    (torch.optim.Adam, {"lr": torch.tensor([0.01]), "betas": (torch.tensor(0.8), torch.tensor(0.9))}),
    (torch.optim.Adam, {"lr": 0.01, "betas": (0.3, 0.6), "amsgrad": True, "decoupled_weight_decay": True, "weight_decay": 0.2}),
    (torch.optim.AdamW, {"lr": 0.01, "maximize": True}),
    (torch.optim.RMSprop, {"lr": torch.tensor(0.001), "momentum": 0.9}),
    (torch.optim.Adagrad, {"lr": torch.tensor(0.01)}),
    (torch.optim.Adamax, {"lr": torch.tensor([0.01])}),
    (torch.optim.NAdam, {"lr": torch.tensor(0.01), "decoupled_weight_decay": True, "weight_decay": 0.1}),
    (torch.optim.RAdam, {"lr": torch.tensor(0.01), "maximize": True}),
    (torch.optim.ASGD, {"lr": torch.tensor(0.02), "t0": 3, "lambd": 0.1}),
    (torch.optim.Rprop, {"lr": torch.tensor(0.002)}),
    (torch.optim.Adafactor, {"lr": torch.tensor(0.02), "eps": (1e-3, 1e-2)}),
    (torch.optim.Muon, {"nesterov": False, "adjust_lr_fn": "match_rms_adamw"}),
    (torch.optim.Muon, {"adjust_lr_fn": "original"}),
    (torch.optim.LBFGS, {"lr": 0.5, "history_size": 2, "max_iter": 5}),
    (torch.optim.LBFGS, {"line_search_fn": "strong_wolfe", "history_size": 3, "lr": 3.0}),
]
CONFIGS += [pytest.param(cls, kwargs, id=f"{cls.__name__}-extra{i}") for i, (cls, kwargs) in enumerate(EXTRA)]
BY_CLASS = [pytest.param(info.optim_cls, id=info.optim_cls.__name__) for info in SUPPORTED]

SHAPES = [(), (3,), (1, 1), (4, 5), (2, 3, 4), (0,), (210, 190)]
MATRICES = [(1, 1), (4, 5), (6, 3), (40, 41)]
pytestmark = pytest.mark.filterwarnings("ignore")


def shapes_of(cls):
    if cls is torch.optim.Adafactor:  # divides by the number of elements
        return [s for s in SHAPES if s != (0,)]
    if cls is torch.optim.LBFGS:
        return SHAPES[:-1]
    return MATRICES if cls is torch.optim.Muon else SHAPES


def twins_for(cls, dtype):
    return twins(shapes_of(cls), dtype, transposed=None if cls is torch.optim.LBFGS else 3)  # PyTorch's takes only contiguous ones


def our_class(cls):
    return getattr(pedigrad.optim, cls.__name__)


def twins(shapes, dtype, seed=0, transposed=3):
    """The same parameters in both libraries; one of them transposed."""
    rng = np.random.default_rng(seed)
    theirs, mine = [], []
    for i, shape in enumerate(shapes):
        values = rng.standard_normal(shape).astype(dtype)
        p, q = torch.from_numpy(values.copy()), pedigrad.from_numpy(values.copy())
        if i == transposed:
            p, q = p.t(), q.t()
        theirs.append(torch.nn.Parameter(p))
        mine.append(pedigrad.nn.Parameter(q))
    return theirs, mine


def give_gradients(theirs, mine, step, absent=None):
    """The same gradients; the parameter `absent` has none at times."""
    rng = np.random.default_rng(100 + step)
    for i, (p, q) in enumerate(zip(theirs, mine, strict=True)):
        g = rng.standard_normal(tuple(p.shape))
        if q.is_complex():
            g = g + 1j * rng.standard_normal(tuple(p.shape))
        g = np.asarray(g, q._array.dtype)
        if i == absent and step % 3 == 1:
            p.grad = q.grad = None
        else:
            p.grad, q.grad = torch.from_numpy(g), pedigrad.from_numpy(g.copy())


def made(cls, kwargs, theirs, mine):
    """The optimizer of both libraries, with two groups where it takes groups; L-BFGS far from the minimum, where all is rounding."""

    def groups(params):
        if cls is torch.optim.LBFGS:
            return params
        return [{"params": params[:2], "lr": 0.03}, {"params": params[2:]}]

    if cls is torch.optim.LBFGS:
        kwargs = {"max_iter": 3, **kwargs}
    return cls(groups(theirs), **copy.deepcopy(kwargs)), our_class(cls)(groups(mine), **ours(kwargs))


def closures(theirs, mine):
    """A loss with a curved valley, whose gradients are the same in both libraries."""

    def values(params, library):
        loss = 0
        for i, p in enumerate(params):
            loss = loss + ((p - 0.5) ** 2 * (1 + i)).sum() + 0.1 * (p**4).sum()
        return loss

    def closure(params, library):
        def call():
            for p in params:
                p.grad = None
            loss = values(params, library)
            loss.backward()
            return loss

        return call

    return closure(theirs, torch), closure(mine, pedigrad)


def step(cls, pair, theirs, mine, number, absent=None):
    """One step of both; L-BFGS needs a closure."""
    if cls is torch.optim.LBFGS:
        for optimizer, closure in zip(pair, closures(theirs, mine), strict=True):
            optimizer.step(closure)
    else:
        give_gradients(theirs, mine, number, absent)
        for optimizer in pair:
            assert optimizer.step() is None


def tolerance(cls, kwargs, dtype):
    """Rounding; numbers that are kept or given in single precision; bfloat16, in which PyTorch's Muon iterates."""
    if cls is torch.optim.Muon:
        return {"rtol": 0.02, "atol": 0.02}
    single = any(isinstance(v, torch.Tensor) for v in kwargs.values()) or cls in (torch.optim.NAdam, torch.optim.ASGD)
    if cls is torch.optim.LBFGS:
        return {"rtol": 1e-2, "atol": 1e-3} if dtype == "float32" else {"rtol": 1e-7, "atol": 1e-8}
    return {"rtol": 3e-5, "atol": 3e-6} if dtype == "float32" else {"rtol": 2e-6 if single else 1e-10, "atol": 1e-7 if single else 1e-12}


def array(value):
    return value.detach().numpy() if isinstance(value, (torch.Tensor, pedigrad.Tensor)) else np.asarray(value)


def compare_values(theirs, mine, what, **near):
    if isinstance(theirs, (list, tuple)):
        assert len(theirs) == len(mine), what
        for i, (a, b) in enumerate(zip(theirs, mine, strict=True)):
            compare_values(a, b, f"{what}[{i}]", **near)
    elif theirs is None:
        assert mine is None, what
    elif isinstance(theirs, str):
        assert theirs == mine, what
    else:
        a, b = array(theirs), array(mine)
        assert a.shape == b.shape, what
        np.testing.assert_allclose(b, a, err_msg=what, **near)


def compare_states(theirs, mine, params, our_params, **near):
    """Names in order, shapes and values of the state of each parameter."""
    assert len(theirs.state) == len(mine.state)
    for i, (p, q) in enumerate(zip(params, our_params, strict=True)):
        assert (p in theirs.state) == (q in mine.state)
        if p not in theirs.state:
            continue
        state, our_state = theirs.state[p], mine.state[q]
        assert set(state) == set(our_state) if "func_evals" in state else list(state) == list(our_state)
        for name, value in state.items():
            if isinstance(value, torch.Tensor) and isinstance(our_state[name], pedigrad.Tensor):
                assert str(value.dtype) == str(our_state[name].dtype), (i, name)
            compare_values(value, our_state[name], f"state {name!r} of parameter {i}", **near)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("cls", "kwargs"), CONFIGS)
def test_steps(cls, kwargs, dtype):
    theirs, mine = twins_for(cls, dtype)
    pair = made(cls, kwargs, theirs, mine)
    near = tolerance(cls, kwargs, dtype)
    for number in range(8):
        step(cls, pair, theirs, mine, number, absent=1)
        compare_values(theirs, mine, f"parameter after step {number}", **near)
        if cls is not torch.optim.LBFGS or number < 2:  # near the minimum the last differences are rounding
            compare_states(*pair, theirs, mine, **near)


@pytest.mark.parametrize(("cls", "kwargs"), [c for c in CONFIGS if c.values[0] not in (torch.optim.Muon, torch.optim.Adafactor)])
def test_complex_parameters(cls, kwargs):
    rng = np.random.default_rng(1)
    values = [(rng.standard_normal(s) + 1j * rng.standard_normal(s)) for s in [(3,), (2, 2), ()]]
    values = [np.asarray(v, "complex64") for v in values]
    theirs = [torch.nn.Parameter(torch.from_numpy(v.copy())) for v in values]
    mine = [pedigrad.nn.Parameter(pedigrad.from_numpy(v.copy())) for v in values]
    pair = cls(theirs, **copy.deepcopy(kwargs)), our_class(cls)(mine, **ours(kwargs))
    for number in range(5):
        if cls is torch.optim.LBFGS:
            for optimizer, params in zip(pair, (theirs, mine), strict=True):

                def closure(params=params):
                    for p in params:
                        p.grad = None
                    loss = sum(((p - 1).abs() ** 2).sum() for p in params)
                    loss.backward()
                    return loss

                optimizer.step(closure)
        else:
            give_gradients(theirs, mine, number)
            for optimizer in pair:
                optimizer.step()
        compare_values(theirs, mine, f"parameter after step {number}", rtol=1e-4, atol=1e-5)
        if cls is not torch.optim.LBFGS:
            compare_states(*pair, theirs, mine, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("cls", [c for c in BY_CLASS if c.values[0] not in (torch.optim.LBFGS, torch.optim.Muon)])
def test_half_precision(cls, dtype):
    eps = {"eps": 1e-2} if "eps" in inspect.signature(cls).parameters and cls is not torch.optim.Adafactor else {}
    theirs, mine = twins([(4, 4), (3, 2)], "float32")
    theirs = [torch.nn.Parameter(p.detach().to(getattr(torch, dtype))) for p in theirs]
    mine = [pedigrad.nn.Parameter(q.detach().to(getattr(pedigrad, dtype))) for q in mine]
    pair = cls(theirs, lr=0.1, **eps), our_class(cls)(mine, lr=0.1, **eps)
    for number in range(4):
        rng = np.random.default_rng(number)
        for p, q in zip(theirs, mine, strict=True):
            g = rng.standard_normal(tuple(p.shape)).astype("float32")
            p.grad, q.grad = torch.from_numpy(g).to(p.dtype), pedigrad.from_numpy(g).to(q.dtype)
        for optimizer in pair:
            optimizer.step()
    for p, q in zip(theirs, mine, strict=True):
        assert str(p.dtype) == str(q.dtype)
        for name, value in pair[0].state[p].items():
            assert str(value.dtype) == str(pair[1].state[q][name].dtype)
        np.testing.assert_allclose(q.detach().float().numpy(), p.detach().float().numpy(), rtol=0.05, atol=0.05)


@pytest.mark.parametrize("cls", BY_CLASS)
def test_closure_is_called_with_gradients_and_its_loss_returned(cls):
    theirs, mine = twins(MATRICES, "float64", transposed=None)
    pair = cls(theirs, lr=0.01), our_class(cls)(mine, lr=0.01)
    for _ in range(4):
        with torch.no_grad(), pedigrad.no_grad():
            a, b = (optimizer.step(closure) for optimizer, closure in zip(pair, closures(theirs, mine), strict=True))
        near = {"rtol": 1e-4, "atol": 1e-4} if cls is not torch.optim.Muon else {"rtol": 0.05, "atol": 0.05}
        compare_values(a, b, "loss", **near)


ERRORS = [
    pytest.param(info.optim_cls, error, id=f"{info.optim_cls.__name__}-{error.optimizer_error_input.desc}")
    for info in SUPPORTED
    for error in info.optim_error_inputs_func("cpu", torch.float32)
]


def our_params(params):
    """Parameters or groups or named parameters of PyTorch as ours, the same ones where they are the same."""
    memo = {}

    def convert(value):
        if isinstance(value, torch.Tensor):
            if id(value) not in memo:
                memo[id(value)] = pedigrad.from_numpy(value.detach().numpy().copy()).requires_grad_(value.requires_grad)
                if value.grad is not None:
                    memo[id(value)].grad = convert(value.grad)
            return memo[id(value)]
        if isinstance(value, dict):
            return {key: convert(each) for key, each in value.items()}
        return type(value)(map(convert, value)) if isinstance(value, (list, tuple)) else value

    return convert(params)


@pytest.mark.parametrize(("cls", "error"), ERRORS)
def test_errors(cls, error):
    case = error.optimizer_error_input
    params = [torch.nn.Parameter(torch.randn(2, 3))] if case.params is None else case.params
    mine = our_params(params)
    if error.error_type is UserWarning:
        with pytest.warns(UserWarning, match=error.error_regex):
            our_class(cls)(mine, **ours(case.kwargs))
        return
    if error.error_on is OptimizerErrorEnum.CONSTRUCTION_ERROR:
        with pytest.raises(error.error_type, match=error.error_regex):
            our_class(cls)(mine, **ours(case.kwargs))
    else:
        optimizer = our_class(cls)(mine, **ours(case.kwargs))
        with pytest.raises(error.error_type, match=error.error_regex):
            optimizer.step()


@pytest.mark.parametrize("cls", BY_CLASS)
@pytest.mark.parametrize("name", ["lr", "eps", "weight_decay", "momentum", "rho", "alpha", "lr_decay", "momentum_decay", "betas", "d"])
def test_wrong_options(cls, name):
    if name not in inspect.signature(cls).parameters:
        return
    value = (0.5, -0.1) if name == "betas" else -1.0
    if name == "eps" and cls is torch.optim.Adafactor:
        value = (None, -1.0)
    outcomes = []
    for each, param in ((cls, torch.nn.Parameter(torch.ones(2, 2))), (our_class(cls), pedigrad.nn.Parameter(pedigrad.ones(2, 2)))):
        try:
            each([param], **{name: value})
        except Exception as error:
            outcomes.append((type(error), str(error).splitlines()[0]))
        else:
            outcomes.append(None)
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("cls", BY_CLASS)
def test_signature(cls):
    mine, theirs = (list(inspect.signature(c.__init__).parameters.values()) for c in (our_class(cls), cls))
    assert [(p.name, p.kind) for p in mine] == [(p.name, p.kind) for p in theirs]
    for p, q in zip(mine, theirs, strict=True):
        assert p.default == q.default or (p.default is inspect.Parameter.empty and q.default is inspect.Parameter.empty), p.name


def their_value(value):
    """A value of ours as PyTorch's, by copying."""
    if isinstance(value, pedigrad.Tensor):
        return torch.from_numpy(value.detach().numpy().copy())
    if isinstance(value, dict):
        return {key: their_value(each) for key, each in value.items()}
    return type(value)(map(their_value, value)) if isinstance(value, (list, tuple)) else value


@pytest.mark.parametrize("direction", ["from PyTorch", "to PyTorch"])
@pytest.mark.parametrize(("cls", "kwargs"), CONFIGS)
def test_state_dicts_are_exchanged(cls, kwargs, direction):
    theirs, mine = twins_for(cls, "float32")
    pair = made(cls, kwargs, theirs, mine)
    for number in range(3):
        step(cls, pair, theirs, mine, number, absent=1)
    states = pair[0].state_dict(), pair[1].state_dict()
    assert list(states[0]["state"]) == list(states[1]["state"])
    for a, b in zip(states[0]["param_groups"], states[1]["param_groups"], strict=True):
        assert set(a) == set(b) and a["params"] == b["params"]
        for name in a:
            compare_values(a[name], b[name], name, rtol=1e-7) if name != "params" else None
    near = tolerance(cls, kwargs, "float32")
    fresh = made(cls, kwargs, theirs, mine)
    if direction == "from PyTorch":
        fresh[0].load_state_dict(copy.deepcopy(states[0]))
        fresh[1].load_state_dict(ours(states[0]))
    else:
        fresh[0].load_state_dict(their_value(states[1]))
        fresh[1].load_state_dict(copy.deepcopy(states[1]))
    for number in range(3, 7):
        step(cls, fresh, theirs, mine, number, absent=0)
        compare_values(theirs, mine, f"parameter after step {number}", **near)
        if cls is not torch.optim.LBFGS:
            compare_states(*fresh, theirs, mine, **near)


@pytest.mark.parametrize(("cls", "kwargs"), CONFIGS)
def test_options_are_kept_in_the_order(cls, kwargs):
    theirs, mine = made(cls, kwargs, *twins_for(cls, "float32"))
    assert list(mine.defaults) == list(theirs.defaults)
    assert list(mine.param_groups[0]) == list(theirs.param_groups[0])


@pytest.mark.parametrize(("cls", "kwargs"), CONFIGS)
def test_repr(cls, kwargs):
    pair = made(cls, kwargs, *twins_for(cls, "float32"))
    assert repr(pair[0]) == repr(pair[1])


def base(library):
    return importlib.import_module(f"{library.__name__}.optim.optimizer")


@pytest.mark.parametrize("library", [torch, pedigrad], ids=["theirs", "ours"])
class TestBothAlike:
    """What programs do with an optimizer besides stepping, run on both libraries with the same expectations."""

    def params(self, library, count=2):
        params = [library.nn.Parameter(library.ones(2, 2) * (i + 1)) for i in range(count)]
        for p in params:
            p.grad = library.ones(2, 2)
        return params

    def test_hooks(self, library):
        optimizer = library.optim.SGD(self.params(library), lr=0.1)
        seen = []
        handles = [
            optimizer.register_step_pre_hook(lambda o, args, kwargs: seen.append(("pre", o is optimizer, len(args), dict(kwargs)))),
            optimizer.register_step_post_hook(lambda o, args, kwargs: seen.append(("post", o is optimizer, len(args), dict(kwargs)))),
            base(library).register_optimizer_step_pre_hook(lambda o, args, kwargs: seen.append(("global pre",))),
            base(library).register_optimizer_step_post_hook(lambda o, args, kwargs: seen.append(("global post",))),
        ]
        optimizer.step()
        assert seen == [("global pre",), ("pre", True, 1, {}), ("post", True, 1, {}), ("global post",)]
        for handle in handles:
            handle.remove()
        optimizer.step()
        assert len(seen) == 4
        optimizer.register_step_pre_hook(lambda o, args, kwargs: ((o, lambda: 5.0), {}))
        assert optimizer.step() == 5.0
        optimizer.register_step_pre_hook(lambda o, args, kwargs: 3)
        with pytest.raises(RuntimeError, match="must return None or a tuple"):
            optimizer.step()

    def test_state_dict_hooks(self, library):
        optimizer = library.optim.SGD(self.params(library), lr=0.1, momentum=0.9)
        optimizer.step()
        order = []
        optimizer.register_state_dict_pre_hook(lambda o: order.append("second"))
        optimizer.register_state_dict_pre_hook(lambda o: order.append("first"), prepend=True)
        optimizer.register_state_dict_post_hook(lambda o, s: {**s, "more": 1})
        state = optimizer.state_dict()
        assert order == ["first", "second"] and state["more"] == 1
        optimizer.register_load_state_dict_pre_hook(lambda o, s: {**s, "param_groups": [{**s["param_groups"][0], "lr": 0.7}]})
        optimizer.register_load_state_dict_post_hook(lambda o: order.append("loaded"))
        optimizer.load_state_dict(state)
        assert optimizer.param_groups[0]["lr"] == 0.7 and order[-1] == "loaded"

    def test_hooks_of_a_subclass_with_its_own_step(self, library):
        class Mine(library.optim.SGD):
            def step(self, closure=None):
                calls.append("step")
                return super().step(closure)

        calls = []
        optimizer = Mine(self.params(library), lr=0.1)
        optimizer.register_step_pre_hook(lambda *args: calls.append("pre"))
        optimizer.step()
        assert "pre" in calls and "step" in calls

    def test_an_optimizer_of_the_users(self, library):
        required = base(library).required

        class Descent(library.optim.Optimizer):
            def __init__(self, params, lr=required):
                super().__init__(params, {"lr": lr})

            @library.no_grad()
            def step(self, closure=None):
                for group in self.param_groups:
                    for p in group["params"]:
                        state = self.state[p]
                        state["count"] = state.get("count", 0) + 1
                        p.add_(p.grad, alpha=-group["lr"])

        with pytest.raises(ValueError, match="required optimization parameter lr"):
            Descent(self.params(library))
        params = self.params(library)
        optimizer = Descent(params, lr=0.5)
        optimizer.step()
        assert params[0].tolist() == [[0.5, 0.5], [0.5, 0.5]]
        state = optimizer.state_dict()
        assert state == {"state": {0: {"count": 1}, 1: {"count": 1}}, "param_groups": [{"lr": 0.5, "params": [0, 1]}]}
        optimizer.load_state_dict(state)
        assert optimizer.state[params[1]] == {"count": 1}

    def test_names(self, library):
        model = library.nn.Sequential(library.nn.Linear(2, 3), library.nn.Linear(3, 1))
        optimizer = library.optim.Adam(model.named_parameters())
        names = ["0.weight", "0.bias", "1.weight", "1.bias"]
        assert optimizer.param_groups[0]["param_names"] == names
        state = optimizer.state_dict()
        assert state["param_groups"][0]["param_names"] == names
        del state["param_groups"][0]["param_names"]
        optimizer.load_state_dict(state)
        assert optimizer.param_groups[0]["param_names"] == names
        with pytest.raises(ValueError, match="cannot add param group without names"):
            optimizer.add_param_group({"params": self.params(library)})
        optimizer.add_param_group({"params": [("extra", self.params(library)[0])], "lr": 0.1})
        assert optimizer.param_groups[1]["param_names"] == ["extra"]
        with pytest.raises(ValueError, match="Some param names are missing"):
            library.optim.SGD([("a", self.params(library)[0]), self.params(library)[1]])

    def test_groups(self, library):
        a, b, c = self.params(library, 3)
        optimizer = library.optim.SGD([{"params": a}], lr=0.1)
        optimizer.add_param_group({"params": (p for p in [b]), "lr": 1.0})
        assert [len(group["params"]) for group in optimizer.param_groups] == [1, 1]
        optimizer.step()
        assert a.tolist()[0][0] == pytest.approx(0.9) and b.tolist()[0][0] == pytest.approx(1.0)
        for wrong, error in [({"params": {c}}, TypeError), ({"params": [3.0]}, TypeError), ([c], TypeError)]:
            with pytest.raises(error):
                optimizer.add_param_group(wrong)
        with pytest.raises(ValueError, match="non-leaf"):
            optimizer.add_param_group({"params": [c * 2]})
        with pytest.raises(ValueError, match="more than one parameter group"):
            optimizer.add_param_group({"params": [a]})
        with pytest.raises(ValueError, match="empty parameter list"):
            library.optim.SGD([])
        kept = c * 2
        kept.retain_grad()
        optimizer.add_param_group({"params": [kept]})

    def test_load_errors(self, library):
        optimizer = library.optim.SGD(self.params(library))
        two = library.optim.SGD([{"params": p} for p in self.params(library)])
        with pytest.raises(ValueError, match="different number of parameter groups"):
            optimizer.load_state_dict(two.state_dict())
        with pytest.raises(ValueError, match="doesn't match the size"):
            optimizer.load_state_dict(library.optim.SGD(self.params(library, 3)).state_dict())

    def test_the_same_parameter_twice(self, library):
        p, q = self.params(library)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            optimizer = library.optim.Adam([p, p, q], lr=0.1)
        optimizer.step()
        optimizer.step()
        assert float(optimizer.state[p]["step"]) == 4
        assert p[0, 0].item() == pytest.approx(0.6, abs=1e-5) and q[0, 0].item() == pytest.approx(1.8, abs=1e-5)
        assert [group["params"] for group in optimizer.state_dict()["param_groups"]] == [[1, 1, 2]]

    def test_old_checkpoints(self, library):
        params = self.params(library)
        optimizer = library.optim.Adam(params, lr=0.1)
        optimizer.step()
        state = optimizer.state_dict()
        state = {"state": {i: {**s, "step": 1} for i, s in state["state"].items()}, "param_groups": [dict(state["param_groups"][0])]}
        for name in ("maximize", "foreach", "capturable", "differentiable", "fused", "decoupled_weight_decay", "amsgrad"):
            del state["param_groups"][0][name]
        optimizer.load_state_dict(state)
        assert isinstance(optimizer.state[params[0]]["step"], library.Tensor)
        assert optimizer.param_groups[0]["maximize"] is False and optimizer.param_groups[0]["foreach"] is None
        optimizer.step()
        assert optimizer.state[params[0]]["step"].item() == 2

    def test_changed_options(self, library):
        p = self.params(library, 1)
        optimizer = library.optim.SGD(p, lr=0.1)
        optimizer.step()
        optimizer.param_groups[0]["momentum"] = 0.5
        optimizer.step()
        optimizer.step()
        optimizer.param_groups[0]["momentum"] = 0.0
        optimizer.step()
        optimizer.param_groups[0]["momentum"] = 0.9
        optimizer.param_groups[0]["lr"] = 1.0
        optimizer.step()
        assert p[0][0, 0].item() == pytest.approx(1 - 0.1 - 0.1 - 0.15 - 0.1 - (1.5 * 0.9 + 1))

    def test_defaults_and_pickles(self, library):
        optimizer = library.optim.Adam(self.params(library), lr=0.1)
        optimizer.step()
        twin = copy.deepcopy(optimizer)
        assert twin.defaults["lr"] == 0.1 and set(map(id, twin.state)) == set(map(id, twin.param_groups[0]["params"]))
        for p in twin.param_groups[0]["params"]:
            p.grad = library.ones(2, 2)
        twin.step()
        assert twin.state[twin.param_groups[0]["params"][0]]["step"].item() == 2
        assert optimizer.state[optimizer.param_groups[0]["params"][0]]["step"].item() == 1


def test_every_optimizer_is_there_or_listed():
    text = (pathlib.Path(__file__).parents[2] / "docs" / "differences.md").read_text()
    left_out = re.findall(r"`torch\.optim\.(\w+)`", text.partition("Optimizers left out")[2].partition("\n## ")[0])
    missing = [info.optim_cls.__name__ for info in optim_db if not hasattr(pedigrad.optim, info.optim_cls.__name__)]
    assert missing == [name for name in left_out if isinstance(getattr(torch.optim, name, None), type)]
    assert [name for name in left_out if not hasattr(torch.optim, name)] == []
