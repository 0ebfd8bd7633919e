"""Hooks on modules against PyTorch's: their order, what they are given and what they may change."""

from collections import OrderedDict, namedtuple

import pytest

pytest.importorskip("torch")

from two_libraries import agree, net

PROGRAMS = []
Pair = namedtuple("Pair", "x y")


def program(function):
    PROGRAMS.append(function)
    return function


@program
def hooks_on_state_dicts(torch, nn, log):
    m = net(nn)
    handles = [
        m.register_state_dict_pre_hook(lambda *a: log.tell("pre", type(a[0]).__name__, a[1:])),
        m.inner.register_state_dict_pre_hook(lambda *a: log.tell("inner pre", type(a[0]).__name__, a[1:])),
        m.inner.register_state_dict_post_hook(lambda *a: log.tell("post", list(a[1]), a[2:])),
        m.first.register_load_state_dict_pre_hook(lambda *a: log.tell("load pre", type(a[0]).__name__, len(a), a[2:])),
        m.inner.register_load_state_dict_post_hook(lambda *a: log.tell("load post", type(a[0]).__name__, a[1])),
        m.register_load_state_dict_post_hook(lambda *a: a[1].missing_keys.clear()),
        m._register_load_state_dict_pre_hook(lambda *a: log.tell("old load pre", len(a))),
    ]
    state = m.state_dict()
    del state["first.bias"]
    log.tell(m.load_state_dict(state))

    def drop(module, destination, prefix, metadata):
        return OrderedDict((k, v) for k, v in destination.items() if "weight" in k)

    handles.append(m._register_state_dict_hook(drop))
    log.tell(list(m.state_dict()))
    for handle in handles:
        handle.remove()
    log.tell(list(m.state_dict()))
    answer = lambda *a: 3  # noqa: E731
    m.register_state_dict_post_hook(answer)
    log.attempt(m.state_dict)
    log.attempt(m._register_state_dict_hook, answer)
    m.register_load_state_dict_post_hook(answer)
    log.attempt(m.load_state_dict, state, strict=False)


@program
def forward_hooks(torch, nn, log):
    m = nn.Scale()
    x = torch.ones(2)
    told = lambda name: lambda *a: log.tell(name, a[1:])  # noqa: E731
    handles = [
        m.register_forward_pre_hook(told("pre 1")),
        m.register_forward_pre_hook(told("pre 2"), prepend=True),
        m.register_forward_pre_hook(told("pre kw"), with_kwargs=True),
        m.register_forward_hook(told("post 1")),
        m.register_forward_hook(told("post 2"), prepend=True),
        m.register_forward_hook(told("post kw"), with_kwargs=True),
        m.register_forward_hook(told("post always"), always_call=True),
    ]
    m(x, by=3)
    m(x)
    handles.append(m.register_forward_pre_hook(lambda mod, a: a[0] + 1))
    handles.append(m.register_forward_pre_hook(lambda mod, a: (a[0] + 1, 5)))
    handles.append(m.register_forward_pre_hook(lambda mod, a, k: (a[:1], {"by": 7}), with_kwargs=True))
    handles.append(m.register_forward_hook(lambda mod, a, out: out - 100))
    log.tell(m(x))
    for handle in handles:
        handle.remove()
        handle.remove()
    log.tell(m(x), len(m._forward_hooks), len(m._forward_pre_hooks), len(m._forward_pre_hooks_with_kwargs))
    with m.register_forward_hook(lambda *a: 3) as handle:
        log.tell(m(x), type(handle).__name__)
    log.tell(m(x))
    m.register_forward_pre_hook(lambda mod, a, k: 3, with_kwargs=True)
    log.attempt(m, x)


@program
def hooks_after_errors(torch, nn, log):
    class Fails(nn.Module):
        def forward(self, x):
            raise ValueError("no")

    def bad(*args):
        raise KeyError("hook")

    m = Fails()
    m.register_forward_hook(lambda *a: log.tell("not always", a[1:]))
    m.register_forward_hook(lambda *a: log.tell("always", a[1:]), always_call=True)
    m.register_forward_hook(lambda *a: log.tell("always kw", a[1:]), always_call=True, with_kwargs=True)
    m.register_forward_hook(bad, always_call=True)
    handle = nn.register_module_forward_hook(lambda *a: log.tell("global", a[1:]), always_call=True)
    log.attempt(m, 3)
    handle.remove()
    ok = nn.Scale()
    ok.register_forward_hook(lambda *a: log.tell("once", a[1:]), always_call=True)
    ok.register_forward_hook(bad)
    ok.register_forward_hook(lambda *a: log.tell("later", a[1:]), always_call=True)
    log.attempt(ok, 3)


@program
def hooks_of_every_module(torch, nn, log):
    m = nn.Sequential(nn.Scale(), nn.Sequential(nn.Tanh()))
    m[0].register_forward_pre_hook(lambda *a: log.tell("own pre"))
    m[0].register_forward_hook(lambda *a: log.tell("own post"))
    handles = [
        nn.register_module_forward_pre_hook(lambda mod, a: log.tell("pre", type(mod).__name__, a)),
        nn.register_module_forward_hook(lambda mod, a, out: log.tell("post", type(mod).__name__, out)),
        nn.register_module_forward_hook(lambda mod, a, k, out: log.tell("kw", k), with_kwargs=True),
        nn.register_module_full_backward_pre_hook(lambda mod, g: log.tell("back pre", type(mod).__name__, g)),
        nn.register_module_full_backward_hook(lambda mod, g, h: log.tell("back", type(mod).__name__, g, h)),
    ]
    x = torch.ones(2, requires_grad=True)
    m(x).sum().backward()
    for handle in handles:
        handle.remove()
    m(x)
    log.tell(x.grad)
    told = lambda mod, name, value: log.tell("registers", type(mod).__name__, name, value)  # noqa: E731
    handles = [
        nn.register_module_parameter_registration_hook(told),
        nn.register_module_buffer_registration_hook(told),
        nn.register_module_module_registration_hook(told),
    ]
    m = nn.Linear(1, 1, bias=False)
    m.b = nn.Buffer(torch.ones(1))
    m.b = None
    m.register_buffer("c", None)
    m.child = nn.Tanh()
    m.child = None
    m.add_module("d", nn.Tanh())
    m.weight = None
    for handle in handles:
        handle.remove()
    with nn.register_module_parameter_registration_hook(lambda mod, name, p: nn.Parameter(p.data * 0)):
        log.tell(nn.Linear(2, 1).weight)


@program
def full_backward_hooks(torch, nn, log):
    def hooked(m):
        m.register_full_backward_pre_hook(lambda mod, g: log.tell("pre", g))
        m.register_full_backward_hook(lambda mod, g, h: log.tell("hook", g, h))
        m.register_full_backward_hook(lambda mod, g, h: log.tell("first"), prepend=True)
        return m

    def leaf(*values):
        return torch.tensor(values, requires_grad=True)

    x, y = leaf(1.0, 2.0), leaf(3.0, 4.0)
    a, b, text = hooked(nn.Two())(x, y, 4)
    log.tell(a.requires_grad, type(a.grad_fn).__name__, text)
    (a.sum() + b.sum()).backward()
    log.tell(x.grad, y.grad)
    hooked(nn.Two())(x, y)[0].sum().backward()
    a, b, _ = hooked(nn.Two())(x, torch.ones(2))
    log.tell(b.requires_grad)
    (a.sum() + b.sum()).backward()
    hooked(nn.Two())(x, x)[1].sum().backward()
    log.tell(hooked(nn.Linear(2, 1))(torch.ones(1, 2)).sum().backward())
    hooked(nn.Linear(2, 1))(torch.ones(1, 2, requires_grad=True)).sum().backward()
    with torch.no_grad():
        log.tell(hooked(nn.Two())(x, y))
    log.tell(hooked(nn.Scale())(x, by=torch.ones(2)))
    net = nn.Sequential(hooked(nn.Linear(2, 2)), nn.Tanh(), hooked(nn.Scale()))
    net(leaf(0.0, 0.0)).sum().backward()


@program
def backward_hooks_that_change(torch, nn, log):
    x = torch.ones(2, requires_grad=True)
    m = nn.Linear(2, 2)
    m.register_full_backward_hook(lambda mod, g, h: (g[0] * 10,))
    m.register_full_backward_pre_hook(lambda mod, g: (g[0] * 3,))
    loss = m(x).sum()
    loss.backward(retain_graph=True)
    log.tell(x.grad, m.weight.grad)
    loss.backward()
    log.tell(x.grad, m.weight.grad)
    for bad in (lambda *a: (1, 2), lambda *a: ()):
        for register in ("register_full_backward_hook", "register_full_backward_pre_hook"):
            m = nn.Scale()
            getattr(m, register)(bad)
            log.attempt(lambda m=m: m(x).sum().backward())
    m = nn.Linear(2, 1)
    m.register_full_backward_hook(lambda *a: (torch.ones(2),))
    log.attempt(lambda: m(torch.ones(2)).sum().backward())
    m = nn.Linear(2, 1)
    m.register_full_backward_hook(lambda *a: (None,))
    log.attempt(lambda: m(torch.ones(2)).sum().backward())
    m.register_full_backward_hook(lambda *a: None)
    log.attempt(m.register_backward_hook, print)
    handle = nn.register_module_full_backward_hook(lambda *a: None)
    log.attempt(nn.register_module_backward_hook, print)
    handle.remove()


@program
def backward_hooks_and_odd_results(torch, nn, log):
    class Gives(nn.Module):
        def __init__(self, wrap):
            super().__init__()
            self.wrap = wrap

        def forward(self, x):
            return self.wrap(x * 2)

    x = torch.ones(2, requires_grad=True)
    for wrap in (lambda y: {"a": y}, lambda y: [y], lambda y: (y,), lambda y: Pair(y, y + 1)):
        m = Gives(wrap)
        m.register_full_backward_hook(lambda *a: log.tell("hook", a[1:]))
        out = m(x)
        log.tell(type(out))
        first = out["a"] if isinstance(out, dict) else out[0]
        first.sum().backward()
    m = Gives(lambda y: y)
    m.register_full_backward_hook(lambda *a: log.tell("hook", a[1:]))
    g = torch.autograd.grad(m(x).sum(), x)
    log.tell(g)


@program
def double_backward_through_hooks(torch, nn, log):
    class Cube(nn.Module):
        def forward(self, x):
            return x * x * x

    m = Cube()
    m.register_full_backward_hook(lambda *a: log.tell("hook", [None if g is None else g.detach() for g in a[1]]))
    x = torch.tensor([2.0], requires_grad=True)
    (g,) = torch.autograd.grad(m(x).sum(), x, create_graph=True)
    (h,) = torch.autograd.grad(g.sum(), x)
    log.tell(g.detach(), h)


@program
def backward_hooks_of_the_old_kind(torch, nn, log):
    x = torch.ones(1, 2, requires_grad=True)
    m = nn.Tanh()
    m.register_backward_hook(lambda *a: log.tell("old", a[1:]))
    y = x * 2
    m(y).sum().backward()
    log.attempt(m.register_full_backward_hook, print)
    m = nn.Sequential(nn.Tanh(), nn.Scale(), nn.Tanh())
    m.register_backward_hook(lambda *a: (a[1][0] * 5,))
    m(x).sum().backward()
    log.tell(x.grad)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_same_behaviour(program):
    agree(program)
