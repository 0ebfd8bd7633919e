"""Containers against PyTorch's: indexing, growing, shrinking, texts and errors."""

from collections import OrderedDict

import pytest

pytest.importorskip("torch")

from two_libraries import agree

PROGRAMS = []


def program(function):
    PROGRAMS.append(function)
    return function


@program
def sequential(torch, nn, log):
    s = nn.Sequential(nn.Scale(), nn.Tanh(), nn.Linear(1, 1))
    more = nn.Sequential(nn.Linear(3, 4))
    for index in (0, -1, 2, 5, -4, "1", 1.0, True, slice(0, 2), slice(None, None, -1), slice(5, 9)):
        log.attempt(lambda index=index: s[index])
    log.attempts(
        lambda: s + more,
        lambda: s + [nn.Tanh()],
        lambda: s * 2,
        lambda: 2 * s,
        lambda: s * 0,
        lambda: s * 1.5,
        lambda: s.append(nn.Tanh()),
        lambda: s.append(3),
        lambda: s.insert(1, nn.Scale()),
        lambda: s.insert(-1, nn.Scale()),
        lambda: s.insert(99, nn.Scale()),
        lambda: s.insert(0, 3),
        lambda: s.extend([nn.Linear(5, 6)]),
        lambda: s.extend(more),
        lambda: s.extend([3]),
        lambda: s.__iadd__(more),
        lambda: s.__iadd__([nn.Tanh()]),
        lambda: s.__imul__(2),
        lambda: s.__imul__(0),
        lambda: s.__imul__("a"),
        lambda: s.pop(0),
        lambda: s.pop(-1),
        lambda: s.pop(slice(0, 2)),
        lambda: s.pop(99),
        lambda: s.__setitem__(0, nn.Linear(7, 7)),
        lambda: s.__setitem__(-1, nn.Linear(8, 8)),
        lambda: s.__setitem__(99, nn.Tanh()),
        lambda: s.__setitem__(0, 3),
        lambda: s.__delitem__(0),
        lambda: s.__delitem__(slice(1, 3)),
        lambda: s.__delitem__(99),
    )
    log.tell(s, len(s), [type(m).__name__ for m in s], list(s.state_dict()))
    named = nn.Sequential(OrderedDict(a=nn.Tanh(), b=nn.Scale(), c=nn.Linear(1, 1)))
    log.tell(named[0:2], named[1], named.b, nn.Sequential(None))
    del named[0]
    log.tell(named, hasattr(named, "a"))
    log.attempts(
        lambda: nn.Sequential({"a": nn.Tanh()}),
        lambda: nn.Sequential([nn.Tanh()]),
        lambda: nn.Sequential(a=3),
        lambda: nn.Sequential()(3),
        lambda: nn.Sequential(nn.Scale(), nn.Scale())(3),
        lambda: nn.Sequential(nn.Scale())(3, 4),
        lambda: nn.Sequential(nn.Scale())(input=3),
    )


@program
def module_list_and_dict(torch, nn, log):
    m = nn.ModuleList([nn.Scale(), nn.Tanh()])
    for index in (0, -1, 5, -3, "0", slice(0, 1), slice(None, None, -1)):
        log.attempt(lambda index=index: m[index])
    log.attempts(
        lambda: m + [nn.Linear(1, 1)],
        lambda: m + nn.ModuleList([nn.Tanh()]),
        lambda: m.append(nn.Linear(1, 2)),
        lambda: m.append(3),
        lambda: m.append(None),
        lambda: m.extend([nn.Linear(1, 3)]),
        lambda: m.extend(3),
        lambda: m.extend(nn.Tanh()),
        lambda: m.__iadd__([nn.Linear(1, 4)]),
        lambda: m.insert(1, nn.Linear(1, 5)),
        lambda: m.insert(0, nn.Linear(1, 6)),
        lambda: m.insert(100, nn.Linear(1, 7)),
        lambda: m.pop(0),
        lambda: m.pop(-1),
        lambda: m.pop(slice(0, 1)),
        lambda: m.__setitem__(0, nn.Linear(1, 8)),
        lambda: m.__setitem__(99, nn.Tanh()),
        lambda: m.__setitem__(0, 3),
        lambda: m.__delitem__(0),
        lambda: m.__delitem__(slice(0, 1)),
        lambda: m.__delitem__(99),
        lambda: m(3),
        lambda: nn.ModuleList(3),
        lambda: nn.ModuleList([3]),
    )
    log.tell(m, len(m), list(m.state_dict()), nn.Tanh() in m, m[0] in m)
    d = nn.ModuleDict({"b": nn.Tanh(), "a": nn.Scale()})
    log.attempts(
        lambda: d["b"],
        lambda: d["z"],
        lambda: d.pop("b"),
        lambda: d.pop("z"),
        lambda: d.update({"y": nn.Tanh(), "x": nn.Linear(1, 1)}),
        lambda: d.update([("w", nn.Scale())]),
        lambda: d.update(nn.ModuleDict({"v": nn.Scale()})),
        lambda: d.update([("y", nn.Tanh(), 3)]),
        lambda: d.update(3),
        lambda: d.__setitem__("keys", nn.Tanh()),
        lambda: d.__setitem__(3, nn.Tanh()),
        lambda: d.__setitem__("n", 3),
        lambda: d.__setitem__("n", None),
        lambda: d.__delitem__("n"),
        lambda: d.__delitem__("n"),
        lambda: d.update({"training": nn.Tanh()}),
        lambda: (list(d), "x" in d, list(d.keys()), list(d.values()), list(d.items()), len(d)),
        lambda: d(3),
        lambda: d.clear(),
        lambda: (d, len(d)),
        lambda: nn.ModuleDict(3),
    )


@program
def parameter_list_and_dict(torch, nn, log):
    m = nn.ParameterList([torch.ones(2), nn.Parameter(torch.zeros(1)), 3, None])
    for index in (0, -1, 5, -5, "0", slice(0, 2)):
        log.attempt(lambda index=index: m[index])
    log.attempts(
        lambda: m.append(torch.ones(3)),
        lambda: m.append("text"),
        lambda: m.extend([1, torch.ones(4)]),
        lambda: m.extend(3),
        lambda: m.extend(torch.ones(2)),
        lambda: m.__iadd__([torch.ones(5)]),
        lambda: m.__setitem__(0, torch.zeros(6)),
        lambda: m.__setitem__(2, 4),
        lambda: m.__setitem__(0, "s"),
        lambda: m.__setitem__(99, 1),
        lambda: m(3),
        lambda: (list(m), len(m), list(m.state_dict())),
        lambda: nn.ParameterList(3),
        lambda: nn.ParameterList(nn.ParameterList([1])),
    )
    log.tell(m, [isinstance(value, nn.Parameter) for value in m])
    d = nn.ParameterDict({"b": torch.ones(1), "a": 2})
    log.attempts(
        lambda: (
            list(d),
            list(d.keys()),
            list(d.values()),
            list(d.items()),
            len(d),
            "b" in d,
            list(reversed(d)),
        ),
        lambda: d["b"],
        lambda: d["z"],
        lambda: (d.get("z"), d.get("z", 3), d.get("a")),
        lambda: d.setdefault("c", torch.ones(2)),
        lambda: d.setdefault("c", 3),
        lambda: d.copy(),
        lambda: d.fromkeys("xy", torch.ones(1)),
        lambda: d | {"q": 1},
        lambda: d | nn.ParameterDict({"q": 1}),
        lambda: {"q": 1} | d,
        lambda: d.__ior__({"r": torch.ones(3)}),
        lambda: d | 3,
        lambda: d.update(3),
        lambda: d.update([("a", 1, 2)]),
        lambda: d.update(OrderedDict(z=1, y=2)),
        lambda: d.__setitem__("b", torch.zeros(4)),
        lambda: d.__setitem__("b", 3),
        lambda: d.pop("c"),
        lambda: d.popitem(),
        lambda: d.__delitem__("a"),
        lambda: d.__delitem__("nothing"),
        lambda: (d, list(d.state_dict()), d.b),
        lambda: d(3),
        lambda: d.clear(),
        lambda: d.popitem(),
        lambda: nn.ParameterDict({"a.b": torch.ones(1)}),
    )


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_same_behaviour(program):
    agree(program)
