"""Modules against PyTorch's: texts, listings, registration, state dicts, conversion and copies."""

import copy
import io
import pickle
from collections import OrderedDict

import pytest

pytest.importorskip("torch")

from two_libraries import agree, net

PROGRAMS = []


def program(function):
    PROGRAMS.append(function)
    return function


@program
def text_of_modules(torch, nn, log):
    class Noted(nn.Module):
        def __init__(self, text, *children):
            super().__init__()
            self.text = text
            for i, child in enumerate(children):
                self.add_module(f"c{i}", child)

        def extra_repr(self):
            return self.text

    log.tell(net(nn), nn.Module(), nn.Sequential(), nn.ModuleList(), nn.ModuleDict(), nn.ParameterList())
    log.tell(Noted(""), Noted("a=1"), Noted("a=1\nb=2"), Noted("a=1", nn.Tanh()), Noted("", nn.Tanh(), None))
    log.tell(Noted("a=1\nb=2", nn.Sequential(nn.Tanh()), net(nn)))
    same = [nn.Linear(1, 1), nn.Linear(1, 1), nn.Tanh(), nn.Tanh(), nn.Tanh(), nn.Linear(2, 1)]
    log.tell(nn.ModuleList(same), nn.ModuleList([nn.Sequential(nn.Tanh(), nn.Tanh())] * 2), nn.ModuleList([None]))
    log.tell(nn.ModuleList([nn.ModuleList([nn.Tanh()] * 3)] * 2), nn.ModuleDict({"a": nn.Tanh(), "b": net(nn)}))
    values = [torch.ones(2, 3), nn.Parameter(torch.ones(()), False), 3, "s", None, torch.ones(2).double()]
    log.tell(nn.ParameterList(values), nn.ParameterList([torch.ones(4)]))
    log.tell(nn.ParameterDict({"b": torch.ones(2, 3), "a": 1}), nn.ParameterDict([("b", 2), ("a", torch.ones(()))]))
    log.tell(nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2, dtype=torch.int64), requires_grad=False))
    log.tell(nn.Parameter(), nn.Buffer(torch.ones(2)), nn.Parameter(torch.ones(1), False))


@program
def listings(torch, nn, log):
    m = net(nn)
    m.again = m.first
    m.twice = nn.ModuleList([m.first, None, m.inner[0]])
    m.inner[1].shared = m.first.weight
    for options in (
        {},
        {"prefix": "p"},
        {"recurse": False},
        {"remove_duplicate": False},
        {"prefix": "p", "recurse": False},
    ):
        log.tell([n for n, _ in m.named_parameters(**options)], [n for n, _ in m.named_buffers(**options)])
    for options in ({}, {"prefix": "p"}, {"remove_duplicate": False}):
        log.tell([n for n, _ in m.named_modules(**options)])
    log.tell([n for n, _ in m.named_children()], len(list(m.children())), len(list(m.modules())))
    log.tell(len(list(m.modules(remove_duplicate=False))), len(list(m.parameters(recurse=False))))
    log.tell(len(list(m.parameters())), len(list(m.buffers())), len(list(m.buffers(recurse=False))))
    log.tell(list(m._modules), list(m.inner[1]._buffers), sorted(m.inner[1]._non_persistent_buffers_set))
    m.apply(lambda each: log.tell("apply", type(each).__name__))
    log.tell([name for name in dir(m) if name in ("first", "act", "training", "forward", "_modules", "0")])
    log.tell([name for name in dir(m.inner) if name.isdigit()], "again" in dir(m), hasattr(m, "nothing"))


@program
def registration_errors(torch, nn, log):
    m = nn.Linear(1, 1)
    p = nn.Parameter(torch.ones(1))
    for register, good in (
        (m.register_buffer, torch.ones(1)),
        (m.register_parameter, p),
        (m.add_module, nn.Tanh()),
    ):
        for name in ("weight", "a.b", "", 3, "forward", "ok"):
            log.attempt(register, name, good)
        log.attempt(register, "wrong", 3)
        log.attempt(register, "none", None)
    log.attempts(
        lambda: m.register_parameter("z", torch.ones(1)),
        lambda: setattr(m, "weight", 3),
        lambda: setattr(m, "weight", torch.ones(1)),
        lambda: setattr(m, "weight", nn.Tanh()),
        lambda: m.foo,
        lambda: delattr(m, "foo"),
        lambda: nn.Module(3),
        lambda: nn.Module(a=3),
        lambda: nn.Module(3, b=4),
        lambda: nn.Module()(3),
    )
    m.child = nn.Tanh()
    m.register_buffer("buffer", torch.ones(1))
    for name in ("child", "buffer"):
        for value in (3, torch.ones(2), nn.Tanh(), p, None, nn.Buffer(torch.ones(1))):
            log.attempt(setattr, m, name, value)
            log.tell(list(m._parameters), list(m._buffers), list(m._modules), list(m.state_dict()))


@program
def before_init(torch, nn, log):
    class Early(nn.Module):
        def __init__(self, act):
            act(self)

    p = nn.Parameter(torch.ones(1))
    log.attempts(
        lambda: Early(lambda m: setattr(m, "a", p)),
        lambda: Early(lambda m: setattr(m, "a", nn.Tanh())),
        lambda: Early(lambda m: setattr(m, "a", nn.Buffer(torch.ones(1)))),
        lambda: Early(lambda m: m.register_buffer("a", None)),
        lambda: Early(lambda m: m.register_parameter("a", None)),
        lambda: Early(lambda m: m.missing),
        lambda: Early(lambda m: list(m.parameters())),
    )
    plain = []
    Early(lambda m: (setattr(m, "a", 3), setattr(m, "b", torch.ones(1)), plain.append((m.a, m.b))))
    log.tell(plain)


@program
def attributes_that_move(torch, nn, log):
    def state(m):
        return list(m._parameters), list(m._buffers), list(m._modules), sorted(m._non_persistent_buffers_set)

    m = nn.Module()
    p, q, child = nn.Parameter(torch.ones(2)), nn.Parameter(torch.zeros(2)), nn.Tanh()
    m.a = 3
    m.a = p
    log.tell(state(m), m.a is p, m._parameters["a"] is p)
    m.a = None
    log.tell(state(m), m.a)
    m.a = q
    del m.a
    log.tell(state(m), hasattr(m, "a"))
    m.a = p
    del m._parameters["a"]
    m.a = torch.ones(1)
    log.tell(state(m), m.a)
    m.register_parameter("r", None)
    m._parameters["r"] = q
    log.tell(m.r is q, [n for n, _ in m.named_parameters()])
    m.n = nn.Buffer(torch.ones(1), persistent=False)
    log.tell(state(m), list(m.state_dict()))
    m.n = torch.zeros(3)
    log.tell(state(m), m.n)
    m.n = nn.Buffer(torch.ones(1))
    log.tell(state(m), list(m.state_dict()))
    m.n = p
    log.tell(state(m), m.n is p)
    m.c = child
    m.c = None
    log.tell(state(m), m.c, m)
    m.c = child
    m.x = m.y = p
    log.tell(
        state(m),
        [n for n, _ in m.named_parameters()],
        [n for n, _ in m.named_parameters(remove_duplicate=False)],
    )
    m._modules = OrderedDict(z=nn.Tanh())
    log.tell(m, m.z, list(m._modules))
    m._buffers["late"] = torch.ones(1)
    m._buffers.update(later=torch.ones(2))
    log.tell(m.late, m.later, m._buffers.pop("late"), hasattr(m, "late"), m._parameters.popitem()[0], state(m))


@program
def by_dotted_name(torch, nn, log):
    m = net(nn)
    m.number = 3
    m.first.plain = torch.ones(1)
    names = [
        "first",
        "inner.0",
        "missing",
        "inner.7",
        "number",
        "first.weight",
        "",
        "inner.1.mean",
        "first.plain",
    ]
    names += ["number.x", "forward", "first.weight.q", ".", "first.", "inner.0.bias"]
    for name in names:
        for get in (m.get_submodule, m.get_parameter, m.get_buffer):
            log.attempt(get, name)
    for name in (
        "first",
        "inner.1",
        "new",
        "inner.new",
        "number",
        "first.weight",
        "",
        "number.y",
        "no.where",
    ):
        for strict in (True, False):
            log.attempt(m.set_submodule, name, nn.Scale(), strict)
    log.tell(m)


@program
def state_dicts(torch, nn, log):
    m = net(nn)
    state = m.state_dict()
    log.tell(state, state._metadata, type(state).__name__)
    log.tell(
        [t.requires_grad for t in state.values()],
        [t.requires_grad for t in m.state_dict(keep_vars=True).values()],
    )
    log.tell(list(m.state_dict(prefix="p.")), m.state_dict(prefix="p.")._metadata)
    given = {"mine": 1}
    log.tell(m.state_dict(destination=given, prefix="q.") is given, list(given), list(m.state_dict({}, "r.")))
    log.tell(state["first.weight"].data_ptr() == m.first.weight.data_ptr())
    other = net(nn)
    other.first.weight.data.fill_(7.0)
    log.tell(other.load_state_dict(state), str(other.load_state_dict(state)), other.first.weight)
    log.attempts(
        lambda: m.load_state_dict({}),
        lambda: m.load_state_dict({}, strict=False),
        lambda: m.load_state_dict({**state, "extra": 1, "first.more.x": 2, "unknown.y": 3}),
        lambda: m.load_state_dict({**state, "extra": 1, "first.weight.x": 2, "unknown.y": 3}, strict=False),
        lambda: m.load_state_dict({**state, "first.weight": torch.ones(5, 5), "inner.1.mean": torch.ones(3)}),
        lambda: m.load_state_dict({**state, "first.weight": torch.ones(5, 5)}, strict=False),
        lambda: m.load_state_dict({**state, "first.weight": 3}),
        lambda: m.load_state_dict({**state, "first.weight": [1.0]}, strict=False),
        lambda: m.load_state_dict({**state, "inner.1.count": torch.tensor([5])}),
        lambda: m.load_state_dict({**state, "inner.1.count": torch.tensor([5, 6])}),
        lambda: m.load_state_dict(3),
        lambda: m.load_state_dict([("a", 1)]),
    )
    log.tell(m.inner[1].count)
    m.load_state_dict({k: v.double() + 1 if v.dim() else v for k, v in state.items()})
    log.tell(m.state_dict())
    new = {k: torch.ones(v.shape) * 5 for k, v in state.items()}
    before = m.first.weight
    m.first.bias.requires_grad_(False)
    log.tell(m.load_state_dict(new, assign=True), m.first.weight is before, m.first.bias.requires_grad)
    log.tell(type(m.first.weight).__name__, m.inner[1].mean is new["inner.1.mean"], m.inner[1].count.dtype)
    p = nn.Parameter(torch.zeros(3), requires_grad=True)
    m.load_state_dict({**new, "first.bias": p}, assign=True)
    log.tell(m.first.bias is p, p.requires_grad)


@program
def extra_state_and_versions(torch, nn, log):
    class Extra(nn.Module):
        _version = 3

        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(torch.ones(1))
            self.extra = 1

        def get_extra_state(self):
            return {"extra": self.extra}

        def set_extra_state(self, state):
            self.extra = state["extra"]

        def _load_from_state_dict(self, state_dict, prefix, local_metadata, *rest):
            log.tell("load", prefix, {k: v for k, v in local_metadata.items()}, list(state_dict))
            super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)

    m = nn.Sequential(Extra(), nn.Tanh(), Extra())
    m[0].extra = 5
    state = m.state_dict()
    log.tell(state, state._metadata)
    other = nn.Sequential(Extra(), nn.Tanh(), Extra())
    log.tell(other.load_state_dict(state), other[0].extra, other[2].extra)
    log.tell(other.load_state_dict(state, assign=True))
    del state["2._extra_state"]
    state["1._extra_state"] = 1
    log.attempt(other.load_state_dict, state)
    log.tell(other.load_state_dict(state, strict=False), other.load_state_dict(dict(state), strict=False))


@program
def modes_and_conversion(torch, nn, log):
    m = net(nn)
    log.tell(m.training, m.eval() is m, [c.training for c in m.modules()], m.train() is m, m.inner[1].training)
    log.attempts(lambda: m.train(1), lambda: m.train("a"), lambda: m.train(None))
    m.inner.train(False)
    log.tell([c.training for c in m.modules()])
    weight = m.first.weight
    m(torch.ones(1, 2)).sum().backward()
    m.double()
    log.tell(
        weight is m.first.weight,
        weight.dtype,
        weight.grad.dtype,
        m.inner[1].mean.dtype,
        m.inner[1].count.dtype,
    )
    log.tell(m(torch.ones(1, 2).double()))
    for convert in (
        lambda: m.half(),
        lambda: m.float(),
        lambda: m.bfloat16(),
        lambda: m.to(torch.float64),
        lambda: m.to("cpu"),
        lambda: m.to("cpu", torch.float32),
        lambda: m.to(device="cpu", dtype=torch.float64),
        lambda: m.to(torch.ones(1)),
        lambda: m.to(torch.float64, True),
        lambda: m.cpu(),
        lambda: m.type(torch.float32),
        lambda: m.type(torch.float64),
    ):
        log.tell(
            convert() is m,
            weight.dtype,
            weight is m.first.weight,
            m.inner[1].mean.dtype,
            m.inner[1].count.dtype,
        )
    log.attempt(lambda: m.to(torch.int32))
    log.tell(m.to_empty(device="cpu").first.weight.shape, m.share_memory() is m)
    m = net(nn)
    log.tell(m.requires_grad_(False) is m, [p.requires_grad for p in m.parameters()])
    m.requires_grad_()
    log.tell([p.requires_grad for p in m.parameters()], m.zero_grad())
    m(torch.ones(1, 2)).sum().backward()
    m.zero_grad(**nn.zero)
    log.tell([p.grad for p in m.parameters()])
    m.zero_grad(set_to_none=True)
    log.tell([p.grad for p in m.parameters()])


@program
def copies_and_pickles(torch, nn, log):
    m = net(nn)
    m.first.tied = m.inner[0].weight
    m.number, m.me = 3, [m.first]
    m.register_full_backward_pre_hook(told_by_pickles)
    m.first.weight.grad = torch.ones(3, 2)
    for new in (copy.deepcopy(m), pickle.loads(pickle.dumps(m, -1)) if picklable(m) else copy.deepcopy(m)):
        log.tell(
            new,
            new.number,
            new.me[0] is new.first,
            new.first.tied is new.inner[0].weight,
            list(new.state_dict()),
        )
        log.tell(new.first.weight is m.first.weight, new.first.weight, new.first.weight.grad)
        log.tell(
            new.inner[1]._non_persistent_buffers_set,
            len(new._backward_pre_hooks),
            new.first.bias.requires_grad,
        )
        new.first.weight.data.fill_(0.0)
        new.first.weight = nn.Parameter(torch.ones(1))
        new.inner[1].mean = torch.ones(1)
        log.tell(new.first._parameters["weight"], new.inner[1]._buffers["mean"], m.first.weight)
    p = nn.Parameter(torch.ones(2))
    p.note, p.grad = "kept", torch.ones(2)
    for new in (copy.deepcopy(p), pickle.loads(pickle.dumps(p))):
        log.tell(new, type(new).__name__, new.grad, new.requires_grad)
    q = copy.deepcopy([p, p])
    log.tell(q[0] is q[1], copy.deepcopy(nn.Parameter(torch.ones(1), False)))
    shallow = copy.copy(m)
    log.tell(shallow.first is m.first, list(shallow.state_dict()), shallow is m)


def told_by_pickles(module, grads):
    return None


def picklable(m):
    try:
        pickle.dump(m, io.BytesIO())
    except (pickle.PicklingError, AttributeError):
        return False
    return True


@program
def parameters(torch, nn, log):
    data = torch.ones(2)
    p = nn.Parameter(data)
    log.tell(p.is_leaf, p.requires_grad, p.data_ptr() == data.data_ptr(), isinstance(p, torch.Tensor), p.grad)
    log.tell(type(p * 2).__name__, type(p.data).__name__, type(p.detach()).__name__, isinstance(data, nn.Parameter))
    q = nn.Parameter(torch.ones(2, requires_grad=True) * 2)
    log.tell(q, q.is_leaf, q.requires_grad, nn.Parameter(p) is p, nn.Parameter(data=data, requires_grad=False))

    b = nn.Buffer(data, persistent=False)
    log.tell(b, type(b).__name__, isinstance(b, nn.Buffer), b.persistent, isinstance(b, nn.Parameter))
    log.tell(isinstance(data, nn.Buffer), b.data_ptr() == data.data_ptr(), isinstance(copy.deepcopy(b), nn.Buffer))


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_same_behaviour(program):
    agree(program)
