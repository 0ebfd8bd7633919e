"""What a compiled function depends on is watched piece by piece, or refused: each kind of state is changed between two calls."""

import array
import contextvars
import cProfile
import ctypes
import decimal
import enum
import functools
import gc
import operator
import os
import pathlib
import sys
import types
import warnings
import weakref
from collections import OrderedDict, defaultdict

import numpy as np
import pytest
from compile_checks import check, holder, runs, same, tensor, watched

import pedigrad as torch
import pedigrad.nn.functional as F
from pedigrad import nn

pytestmark = pytest.mark.filterwarnings("ignore:pedigrad.compile")
SETTING = 2.0


def refused(function, *changes, args=(), why=""):
    """Checks that a function runs as usual, and that the reason names `why`."""
    compiled = check(function, *changes, args=args)
    assert runs(compiled) == 0
    assert why in next(iter(compiled.compiled.left.values()))
    return compiled


@pytest.fixture
def settings(monkeypatch):
    module = types.ModuleType("settings_of_a_test")
    module.FACTOR = 2.0
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module


# Dicts and modules


def test_another_group_of_an_optimizer():
    p, q = tensor(3, grad=True), tensor(2, seed=1, grad=True)
    both = torch.optim.AdamW([p], lr=0.1), torch.optim.AdamW([tensor(3, grad=True)], lr=0.1)

    def step():
        both[0].zero_grad()
        ((p * p).sum() + (q**4).sum()).backward()
        both[0].step()
        return p.detach().clone()

    compiled = torch.compile(step)
    for call in range(8):
        if call == 4:
            both[0].add_param_group({"params": [q], "lr": 0.01})
        compiled()
    assert runs(compiled) > 0 and float(both[0].state[q]["step"]) == 4


def test_order_of_a_dict():
    table = OrderedDict(a=1.0, b=2.0)
    watched(lambda x: x * next(iter(table.values())), lambda: table.move_to_end("a"), args=(tensor(3),))


def test_what_a_dict_gives_for_missing_entries():
    table = defaultdict(lambda: 2.0)
    watched(lambda x: x * table.default_factory(), lambda: setattr(table, "default_factory", lambda: 3.0), args=(tensor(3),))


def test_imported_within(settings):
    def function(x):
        import settings_of_a_test

        return x * settings_of_a_test.FACTOR

    def by_name(x):
        from settings_of_a_test import FACTOR

        return x * FACTOR

    for each in (function, by_name):
        settings.FACTOR = 2.0
        watched(each, lambda: setattr(settings, "FACTOR", 3.0), args=(tensor(3),))


def test_imported_from_the_same_package(tmp_path, monkeypatch):
    package = tmp_path / "package_of_a_test"
    package.mkdir()
    (package / "__init__.py").write_text("from . import rate\nfrom .main import by_name, by_module")
    (package / "rate.py").write_text("FACTOR = 2.0")
    (package / "main.py").write_text(
        "def by_name(x):\n    from .rate import FACTOR\n    return x * FACTOR\n"
        "def by_module(x):\n    from . import rate\n    return x * rate.FACTOR\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    import package_of_a_test as package_module

    for function in (package_module.by_name, package_module.by_module):
        package_module.rate.FACTOR = 2.0
        watched(function, lambda: setattr(package_module.rate, "FACTOR", 3.0), args=(tensor(3),))


def test_what_a_module_does_when_it_is_imported_is_done_once(tmp_path, monkeypatch, capsys):
    (tmp_path / "imported_once.py").write_text("import time\nprint('imported at', time.time())\nfactor = 3\n")
    monkeypatch.syspath_prepend(tmp_path)

    def function(x):
        import imported_once

        return x * imported_once.factor

    compiled, x = torch.compile(function), torch.ones(3)
    assert all(compiled(x).tolist() == [3, 3, 3] for _ in range(5))
    assert capsys.readouterr().out.count("imported at") == 1
    assert compiled.compiled.variants[0].runs > 0


def test_another_module_of_the_name(settings):
    def function(x):
        import settings_of_a_test

        return x * settings_of_a_test.FACTOR

    other = types.ModuleType("settings_of_a_test")
    other.FACTOR = 5.0
    watched(function, lambda: sys.modules.__setitem__("settings_of_a_test", other), args=(tensor(3),))


NAME = "FAC"
LOOKS = {
    "attribute": lambda m: lambda x: x * m.FACTOR,
    "getattr": lambda m: lambda x: x * getattr(m, NAME + "TOR"),
    "vars": lambda m: lambda x: x * vars(m)[NAME + "TOR"],
    "handed on": lambda m: lambda x: x * factor_of(m),
    "held": lambda m: (lambda held: lambda x: x * held.module.FACTOR)(holder(module=m)),
    "in a list": lambda m: (lambda found: lambda x: x * factor_of(found[0]))([m]),
}


def factor_of(module):
    return module.FACTOR


@pytest.mark.parametrize("name", LOOKS)
def test_ways_to_a_module(name, settings):
    watched(LOOKS[name](settings), lambda: setattr(settings, "FACTOR", 3.0), args=(tensor(3),))


def test_two_functions_that_look_into_one_module(settings):
    settings.inner = types.ModuleType("inner")
    settings.inner.A, settings.inner.B = 1.0, 2.0

    def other(x):
        return x * settings.inner.B

    watched(lambda x: other(x) + settings.inner.A, lambda: setattr(settings.inner, "B", 3.0), args=(tensor(3),))


def test_sys_modules(settings):
    refused(lambda x: x * sys.modules["settings_of_a_test"].FACTOR, args=(tensor(3),), why="sys.modules")


def test_globals():
    def change(value):
        globals()["SETTING"] = value

    check(lambda x: x * globals()["SETTING"], lambda: change(3.0), lambda: change(2.0), args=(tensor(3),))


def test_arguments_of_the_program(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["program"])
    watched(lambda x: x * len(sys.argv), lambda: sys.argv.append("more"), args=(tensor(3),))


# Files


def test_files(tmp_path):
    path, x = tmp_path / "factor", tensor(3)
    path.write_text("2.0")
    np.save(tmp_path / "array.npy", np.ones(3, np.float32))
    np.ones(3, np.float32).tofile(tmp_path / "raw")
    for function in (
        lambda: x * (2 if path.exists() else 3),
        lambda: x * (2 if os.path.exists(path) else 3),
        lambda: x * float(path.read_text()),
        lambda: x * len(list(tmp_path.iterdir())),
        lambda: x * torch.from_numpy(np.load(tmp_path / "array.npy")),
        lambda: x * torch.from_numpy(np.fromfile(tmp_path / "raw", np.float32)),
        lambda: (gc.collect(), x * 2)[1],
    ):
        refused(function, why="is called")


def test_what_a_search_for_cycles_ends_is_not_the_functions_doing(capsys):
    class Cyclic:
        def __init__(self):
            self.itself = self

        def __del__(self):
            print("ended", end="")

    compiled = torch.compile(lambda x: x * len([[] for _ in range(gc_after)]))
    gc_after, x = 2 * gc.get_threshold()[0], tensor(3)
    for _ in range(4):
        Cyclic()
        compiled(x)
    gc.collect()
    assert compiled.compiled.runs and capsys.readouterr().out == "ended" * 4 and gc.isenabled()


def test_paths_are_no_files():
    base = pathlib.PurePath("/a")
    watched(lambda x: x * len(str(base / "b")) + len(os.path.join("a", "b")), args=(tensor(3),))


# Objects in C


def c_cases():
    d, items = {"a": 2.0}, [2.0]
    yield "dict.get", lambda g=d.get: g("a"), lambda: d.update(a=3.0)
    e = {"a": 2.0}
    yield "__getitem__", lambda g=e.__getitem__: g("a"), lambda: e.update(a=3.0)
    p = {"a": 2.0}
    yield "partial", functools.partial(p.get, "a"), lambda: p.update(a=3.0)
    yield "map", lambda g=items.__getitem__: next(iter(list(map(g, [0])))), lambda: items.__setitem__(0, 3.0)
    numbers = array.array("d", [2.0])
    yield "array", lambda: numbers[0], lambda: numbers.__setitem__(0, 3.0)
    some = bytearray([2])
    yield "bytearray", lambda: some[0], lambda: some.__setitem__(0, 3)
    base = np.ones(3)
    view = memoryview(base)
    yield "memoryview", lambda: view[0], lambda: base.__setitem__(0, 3.0)
    number = ctypes.c_double(2.0)
    yield "ctypes", lambda: number.value, lambda: setattr(number, "value", 3.0)
    variable = contextvars.ContextVar("variable")
    variable.set(2.0)
    yield "context", variable.get, lambda: variable.set(3.0)
    values = {"a": 2.0}
    shown = values.values()
    yield "values", lambda: sum(shown), lambda: values.update(a=3.0)
    thing = holder(a=2.0)
    yield "attrgetter", lambda get=operator.attrgetter("a"): get(thing), lambda: setattr(thing, "a", 3.0)

    def enclosing():
        return cell_of

    cell_of = 2.0
    cell = enclosing.__closure__[0]
    yield "cell", lambda: cell.cell_contents, lambda: setattr(cell, "cell_contents", 3.0)


@pytest.mark.parametrize("name", [name for name, _, _ in c_cases()])
def test_objects_in_c(name):
    factor, change = next((factor, change) for each, factor, change in c_cases() if each == name)
    watched(lambda x: x * factor(), change, args=(tensor(3),))


def test_unknown_objects_in_c():
    class Pair(ctypes.Structure):
        _fields_ = (("a", ctypes.c_double),)

    pair = Pair(2.0)
    refused(lambda x: x * pair.a, lambda: setattr(pair, "a", 3.0), args=(tensor(3),), why="cannot look")


def test_weak_references():
    thing = holder(scale=2.0)
    weak, proxy = weakref.ref(thing), weakref.proxy(thing)
    refused(lambda x: x * weak().scale, lambda: setattr(thing, "scale", 3.0), args=(tensor(3),), why="weak reference")
    refused(lambda x: x * proxy.scale, lambda: setattr(thing, "scale", 3.0), args=(tensor(3),), why="weak reference")
    watched(lambda x: x * weak().scale + thing.scale, lambda: setattr(thing, "scale", 5.0), args=(tensor(3),))


def test_a_cache():
    table = {"a": 2.0}

    @functools.lru_cache
    def looked_up(key):
        return table[key]

    @functools.cache
    def mask(n):
        return torch.ones(n) * table["a"]

    watched(
        lambda x: x * looked_up("a") + mask(3),
        lambda: table.update(a=3.0),
        looked_up.cache_clear,
        mask.cache_clear,
        args=(tensor(3),),
    )


def test_context_of_decimals():
    one = decimal.Decimal(1)
    with decimal.localcontext() as context:
        watched(lambda x: x * float(one / 3), lambda: setattr(context, "prec", 2), args=(tensor(3),))


def test_attributes_of_numbers_and_lists():
    class Number(int):
        pass

    class Items(list):
        pass

    number, items = Number(2), Items([1.0])
    number.scale, items.scale = 2.0, 2.0
    watched(lambda x: x * number.scale, lambda: setattr(number, "scale", 3.0), args=(tensor(3),))
    watched(lambda x: x * items.scale, lambda: setattr(items, "scale", 3.0), args=(tensor(3),))


def test_a_class_of_classes():
    class Meta(type):
        factor = 2.0

        @property
        def scale(cls):
            return cls.factor

    class Scaled(metaclass=Meta):
        pass

    watched(lambda x: x * Scaled.scale, lambda: setattr(Meta, "factor", 3.0), args=(tensor(3),))


def test_enumerations():
    class Mode(enum.IntEnum):
        SUM = 1
        MEAN = 2

    thing = holder(mode=Mode.SUM)
    watched(lambda x: x.sum() if thing.mode is Mode.SUM else x.mean(), lambda: setattr(thing, "mode", Mode.MEAN), args=(tensor(3),))


# Arrays of NumPy's


def test_headers_of_arrays():
    x = tensor(3)
    for looks, change in (
        (lambda a: a.shape[0], lambda a: setattr(a, "shape", (2, 3))),
        (lambda a: a.strides[0], lambda a: setattr(a, "shape", (3, 2))),
        (lambda a: a.itemsize, lambda a: setattr(a, "dtype", np.float32)),
        (lambda a: 2 if a.flags.writeable else 3, lambda a: setattr(a.flags, "writeable", False)),
    ):
        numbers = np.arange(6.0)
        watched(lambda a=numbers, looks=looks: x * looks(a), lambda a=numbers, change=change: change(a))


def test_masked_arrays():
    masked = np.ma.masked_array(np.arange(6.0), mask=[0] * 6)
    watched(lambda x: x * float(masked.sum()), lambda: masked.__setitem__(3, np.ma.masked), args=(tensor(3),))


def test_numbers_of_numpy():
    table = {"a": np.float32(2)}
    compiled = watched(lambda x: x * table["a"], lambda: table.update(a=np.float32(3)), args=(tensor(3),))
    before = runs(compiled)
    table["a"] = np.float32(3)  # an equal one
    compiled(tensor(3))
    assert runs(compiled) == before + 1


# Functions of ours that are replaced


def test_replaced_functions(monkeypatch):
    relu, x = nn.ReLU(), tensor(3)
    watched(lambda: relu(x), lambda: monkeypatch.setattr(F, "relu", lambda x, inplace=False: x * 7))


@pytest.mark.parametrize("name", ["sin", "__add__"])
def test_replaced_methods(name, monkeypatch):
    x = tensor(3)
    watched(lambda: x.sin() + 1, lambda: monkeypatch.setattr(torch.Tensor, name, lambda x, *y: x * 7))


# Effects


def test_effects():
    generator = torch.Generator()

    def warns(x):
        warnings.warn("mind", stacklevel=1)
        return x * 2

    def prints(x):
        torch.set_printoptions(precision=4)
        return x * 2

    for function in (
        warns,
        prints,
        lambda x: (torch.manual_seed(0), x * 2)[1],
        lambda x: (generator.manual_seed(0), x * 2)[1],
        lambda x: x * torch.initial_seed(),
        lambda x: x * __import__("math").pi,
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            refused(function, args=(tensor(3),), why="is called")


def test_seeds_set_within():
    compiled = torch.compile(lambda: (torch.manual_seed(3), torch.rand(2))[1])
    for _ in range(6):
        same(compiled(), compiled())


def test_under_a_profiler():
    model, x = nn.Linear(3, 2), tensor(4, 3)
    compiled, profiler = torch.compile(model), cProfile.Profile()
    profiler.enable()
    try:
        before = sys.getprofile()
        for _ in range(4):
            same(model(x), compiled(x))
        assert sys.getprofile() is before
    finally:
        profiler.disable()
    assert runs(compiled) > 0
    assert any("test_under_a_profiler" in str(entry.code) or "linear" in str(entry.code) for entry in profiler.getstats())


def test_under_a_profiler_in_python():
    seen = []
    compiled = torch.compile(lambda x: x * 2)
    sys.setprofile(lambda frame, event, arg: seen.append(event))
    try:
        for _ in range(4):
            compiled(tensor(3))
    finally:
        sys.setprofile(None)
    assert runs(compiled) > 0 and "call" in seen
