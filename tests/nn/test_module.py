"""Modules by themselves: registries and attributes, calls, hooks, state, copies, memory."""

import copy
import gc
import pickle
import weakref
from collections import OrderedDict

import pytest

import pedigrad as torch
from pedigrad.nn import hooks
from pedigrad.nn.containers import ModuleDict, ModuleList, ParameterDict, ParameterList, Sequential
from pedigrad.nn.module import Module
from pedigrad.nn.parameter import Buffer, Parameter
from pedigrad.nn.registry import Registered


class Layer(Module):
    def __init__(self, n=2):
        super().__init__()
        self.weight = Parameter(torch.ones(n))
        self.register_parameter("bias", None)
        self.register_buffer("mean", torch.zeros(n))
        self.register_buffer("scratch", torch.zeros(n), persistent=False)

    def forward(self, x):
        return x * self.weight - self.mean


class Wrapper(Module):
    """What many programs do: look further in the module inside."""

    def __init__(self, inside):
        super().__init__()
        self.inside = inside

    def __getattr__(self, name):
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("inside"), name)

    def forward(self, x):
        return self.inside(x)


# Registries and attributes


def test_registered_names_are_ordinary_attributes():
    m = Layer()
    assert m.__dict__["weight"] is m.weight is m._parameters["weight"]
    assert m.bias is None and "bias" in m._parameters
    assert all(isinstance(each, Registered) for each in (m._parameters, m._buffers, m._modules))


@pytest.mark.parametrize(
    "change, expected",
    [
        (lambda p, new: p.__setitem__("weight", new), {"weight": "new", "bias": None}),
        (lambda p, new: p.__setitem__("more", new), {"weight": "old", "bias": None, "more": "new"}),
        (lambda p, new: p.__delitem__("weight"), {"bias": None}),
        (lambda p, new: p.pop("weight"), {"bias": None}),
        (lambda p, new: p.pop("nothing", None), {"weight": "old", "bias": None}),
        (lambda p, new: p.popitem(), {"weight": "old"}),
        (lambda p, new: p.clear(), {}),
        (lambda p, new: p.update(weight=new, more=new), {"weight": "new", "bias": None, "more": "new"}),
        (lambda p, new: p.setdefault("weight", new), {"weight": "old", "bias": None}),
        (lambda p, new: p.setdefault("more", new), {"weight": "old", "bias": None, "more": "new"}),
        (lambda p, new: p.__ior__({"more": new}), {"weight": "old", "bias": None, "more": "new"}),
    ],
)
def test_writes_to_a_registry_show_as_attributes(change, expected):
    m, new = Layer(), Parameter(torch.zeros(1))
    values = {"old": m.weight, "new": new, None: None}
    change(m._parameters, new)
    wanted = {name: values[which] for name, which in expected.items()}
    assert dict(m._parameters) == wanted
    for name in ("weight", "bias", "more"):
        assert hasattr(m, name) == (name in wanted)
        if name in wanted:
            assert getattr(m, name) is wanted[name]


def test_a_replaced_registry_takes_its_attributes_along():
    m = Sequential(Layer(), Layer())
    first = m[0]
    m._modules = OrderedDict(a=first)
    assert m.a is first and not hasattr(m, "1") and list(m._modules) == ["a"]
    m._modules["b"] = first
    assert m.b is first


def test_a_name_given_to_something_else_stays_there():
    m = Layer()
    parameters = m._parameters
    m.__dict__["weight"] = 3
    del parameters["weight"]
    assert m.weight == 3


def test_fallback_for_names_that_are_not_mirrored():
    m = Layer()
    weight = m.__dict__.pop("weight")
    assert m.weight is weight
    with pytest.raises(AttributeError, match="'Layer' object has no attribute 'nothing'"):
        _ = m.nothing


def test_overridden_getattr_finds_both():
    m = Wrapper(Layer())
    assert m.weight is m.inside.weight
    assert m(torch.ones(2)).tolist() == [1.0, 1.0]
    assert Wrapper(Wrapper(Layer())).mean.tolist() == [0.0, 0.0]


def test_properties_are_set_as_properties():
    class WithProperty(Layer):
        @property
        def scale(self):
            return self._scale

        @scale.setter
        def scale(self, value):
            self._scale = value * 2

    m = WithProperty()
    m.scale = 4
    assert m.scale == 8 and "scale" not in m.__dict__


def test_second_init_forgets_what_was_registered():
    m = Layer()
    Module.__init__(m)
    assert not hasattr(m, "weight") and not list(m.parameters())


def test_dict_copied_by_hand():
    m = Layer()
    new = Layer.__new__(Layer)
    new.__dict__ = m.__dict__.copy()
    new.weight = Parameter(torch.zeros(2))
    assert new.weight.tolist() == new._parameters["weight"].tolist() == [0.0, 0.0]
    assert m.weight.tolist() == m._parameters["weight"].tolist() == [1.0, 1.0]
    other = Layer.__new__(Layer)
    other.__dict__.update(m.__dict__)
    other.weight = Parameter(torch.zeros(2))
    assert other.weight is other._parameters["weight"] and m.weight is m._parameters["weight"] is not other.weight


def test_modules_die_without_the_garbage_collector():
    gc.disable()
    try:
        m = Sequential(Layer(), ModuleList([Layer()]), ModuleDict({"a": ParameterList([torch.ones(1)])}))
        handle = m.register_forward_hook(lambda *a: None)
        ref = weakref.ref(m)
        del m
        assert ref() is None
        handle.remove()
    finally:
        gc.enable()


def test_a_registry_outlives_its_module():
    parameters = Layer()._parameters
    parameters["more"] = Parameter(torch.ones(1))
    parameters.clear()
    assert parameters == {}


def test_call_super_init():
    class Other:
        def __init__(self, value):
            self.value = value

    class Both(Module, Other):
        call_super_init = True

        def __init__(self, value):
            super().__init__(value)

    assert Both(3).value == 3


# Calls and hooks


@pytest.fixture
def no_hooks_seen():
    before = dict(hooks.hooks_seen)
    hooks.hooks_seen.clear()
    yield
    hooks.hooks_seen.update(before)


def test_call_passes_everything_on(no_hooks_seen):
    class Echo(Module):
        def forward(self, *args, **kwargs):
            return args, kwargs

    assert Echo()(1, 2, a=3) == ((1, 2), {"a": 3})
    assert not hooks.hooks_seen


def test_forward_set_on_the_instance_is_called():
    m = Layer()
    m.forward = lambda x: "mine"
    assert m(torch.ones(2)) == "mine"


@pytest.mark.parametrize("how", ["setitem", "assign", "update", "deepcopy", "pickle"])
def test_hooks_that_came_without_registering_are_called(no_hooks_seen, how):
    m = Layer()
    if how == "setitem":
        m._forward_hooks[0] = answer
    elif how == "assign":
        m._forward_hooks = OrderedDict({0: answer})
    elif how == "update":
        m._forward_hooks.update({0: answer})
    else:
        m.register_forward_hook(answer)
        m = copy.deepcopy(m) if how == "deepcopy" else pickle.loads(pickle.dumps(m))
        if how == "pickle":
            hooks.hooks_seen.clear()
            m = pickle.loads(pickle.dumps(m))
    assert m(torch.ones(2)) == "answer"


def answer(*args):
    return "answer"


def test_handle_copied_with_its_module_removes_the_copy_s_hook():
    m = Layer()
    m.handle = m.register_forward_hook(answer)
    for new in (copy.deepcopy(m), pickle.loads(pickle.dumps(m))):
        new.handle.remove()
        assert not new._forward_hooks and m._forward_hooks


def test_load_pre_hook_of_a_copy_gets_the_copy():
    seen = []
    m = Layer()
    m.register_load_state_dict_pre_hook(lambda module, *rest: seen.append(module))
    new = copy.deepcopy(m)
    new.load_state_dict(m.state_dict())
    assert seen == [new]


def test_a_hook_may_remove_itself():
    m = Layer()
    handle = m.register_forward_hook(lambda *a: handle.remove())
    m(torch.ones(2))
    assert not m._forward_hooks


def test_full_backward_hook_sees_and_changes_gradients():
    m, seen = Layer(), []
    m.register_full_backward_hook(lambda mod, g, h: (seen.append((g, h)), (g[0] * 10,))[1])
    x = torch.ones(2, requires_grad=True)
    m(x).sum().backward()
    ((g,), (h,)) = seen[0]
    assert (g.tolist(), h.tolist(), x.grad.tolist()) == ([1.0, 1.0], [1.0, 1.0], [10.0, 10.0])


# State


def test_zero_grad_zeroes():
    m = Layer()
    m(torch.ones(2)).sum().backward()
    m.zero_grad()
    assert m.weight.grad.tolist() == [0.0, 0.0]
    m.zero_grad(set_to_none=True)
    assert m.weight.grad is None


def test_load_state_dict_copies_into_the_same_memory():
    m = Layer()
    weight, pointer = m.weight, m.weight.data_ptr()
    state = {"weight": torch.full((2,), 5.0), "mean": torch.ones(2)}
    assert str(m.load_state_dict(state)) == "<All keys matched successfully>"
    assert m.weight is weight and pointer == m.weight.data_ptr() and m.weight.tolist() == [5.0, 5.0]
    assert list(m.state_dict()) == ["weight", "mean"]


def test_load_state_dict_lists_all_that_is_wrong():
    m = Sequential(Layer())
    with pytest.raises(RuntimeError) as error:
        m.load_state_dict({"0.weight": torch.ones(3), "1.weight": torch.ones(1)})
    assert str(error.value).split("\n\t") == [
        "Error(s) in loading state_dict for Sequential:",
        'Missing key(s) in state_dict: "0.mean". ',
        'Unexpected key(s) in state_dict: "1.weight". ',
        "size mismatch for 0.weight: copying a param with shape torch.Size([3]) from checkpoint,"
        " the shape in current model is torch.Size([2]).",
    ]


def test_conversion_keeps_the_parameter_objects():
    m = Layer()
    weight, mean = m.weight, m.mean
    m(torch.ones(2)).sum().backward()
    assert m.double() is m
    assert m.weight is weight and weight.dtype == weight.grad.dtype == torch.float64
    assert m.mean is m._buffers["mean"] is not mean and m.mean.dtype == torch.float64
    m(torch.ones(2, dtype=torch.float64)).sum().backward()
    assert weight.grad.tolist() == [2.0, 2.0]


def test_other_devices_are_refused():
    m = Layer()
    for move in (m.cuda, lambda: m.to("cuda"), lambda: m.to(device="cuda:0"), lambda: m.to_empty(device="cuda")):
        with pytest.raises(RuntimeError, match="pedigrad has no device"):
            move()
    with pytest.raises(TypeError, match="unexpected keyword argument 'devices'"):
        m.to(devices="cpu")


# Copies


def copies(m):
    yield copy.deepcopy(m)
    yield pickle.loads(pickle.dumps(m))
    yield pickle.loads(pickle.dumps(m, protocol=2))


def test_copies_share_what_was_shared_and_own_the_rest():
    m = Sequential(Layer(), Layer())
    m[1].weight = m[0].weight
    m.first, m.parts = m[0], {"mean": m[0].mean}
    m[0].note = "kept"
    for new in copies(m):
        assert new.first is new[0] and new[1].weight is new[0].weight and new.parts["mean"] is new[0].mean
        assert new[0].weight is not m[0].weight and new[0].note == "kept" and new[0].training
        assert new[0]._non_persistent_buffers_set == {"scratch"} and list(new.state_dict()) == list(m.state_dict())
        new[0].weight = None
        assert new[0]._parameters["weight"] is None and m[0].weight is not None
        assert new[0]._parameters.belongs_to(new[0])


def test_a_module_that_refers_to_its_parent():
    m = Sequential(Layer())
    m[0].__dict__["parent"] = m
    for new in copies(m):
        assert new[0].parent is new


def test_shallow_copy_has_registries_of_its_own():
    m = Layer()
    new = copy.copy(m)
    assert new.weight is m.weight
    new.weight = Parameter(torch.zeros(2))
    assert m.weight.tolist() == [1.0, 1.0] and m._parameters["weight"] is m.weight


class OwnState(Layer):
    def __getstate__(self):
        state = self.__dict__.copy()
        state["extra"] = "added"
        return state


class OwnStates(OwnState):
    def __setstate__(self, state):
        self.__dict__.update(state)


@pytest.mark.parametrize("kind", [OwnState, OwnStates])
def test_copies_with_states_written_by_hand(kind):
    for new in copies(kind()):
        assert new.extra == "added" and new.weight is new._parameters["weight"]
        new.weight = Parameter(torch.zeros(3))
        assert new.weight is new._parameters["weight"] and list(new.state_dict()) == ["weight", "mean"]


def test_state_of_an_older_module_is_completed():
    m = Layer()
    state = m.__getstate__()
    assert "weight" not in state and type(state["_parameters"]) is dict
    for name in ("_forward_hooks_always_called", "_state_dict_pre_hooks", "_backward_pre_hooks"):
        del state[name]
    new = Layer.__new__(Layer)
    new.__setstate__(state)
    assert new(torch.ones(2)).tolist() == [1.0, 1.0] and list(new.state_dict()) == ["weight", "mean"]


# Parameters and containers


def test_parameter_shares_memory_and_is_a_leaf():
    data = torch.ones(2)
    p = Parameter(data)
    assert p.is_leaf and p.requires_grad and p.data_ptr() == data.data_ptr() and not data.requires_grad
    assert type(p * 2) is torch.Tensor and not isinstance(data, Parameter) and isinstance(p, torch.Tensor)
    with pytest.raises(TypeError, match="Parameter: data must be a Tensor or None, got list"):
        Parameter([1.0])
    with pytest.raises(RuntimeError, match="floating point"):
        Parameter(torch.ones(2, dtype=torch.int64))


def test_parameter_of_a_tensor_subclass_keeps_the_class():
    class Special(torch.Tensor):
        pass

    special = object.__new__(Special)
    special._array, special._node, special._view, special._cut = torch.ones(2)._array, None, None, None
    p = Parameter(special)
    assert type(p) is Special and isinstance(p, Parameter) and p.requires_grad
    m = Module()
    m.p = p
    assert list(m.parameters()) == [p]


def test_buffer_is_a_tensor_that_is_registered():
    m = Module()
    m.b = Buffer(torch.ones(2), persistent=False)
    assert type(m.b) is torch.Tensor and list(m._buffers) == ["b"] and not m.state_dict()


def test_tuples_of_containers_stay_in_step():
    s = Sequential(Layer(1), Layer(2), Layer(3))
    del s[0]
    assert [m.weight.numel() for m in s] == [2, 3] and list(s._modules) == ["0", "1"] and not hasattr(s, "2")
    s.insert(1, Layer(4))
    assert [getattr(s, str(i)).weight.numel() for i in range(3)] == [2, 4, 3]
    d = ParameterDict({"a": torch.ones(1), "b": 2})
    assert d.a is d["a"] and d.pop("a").numel() == 1 and not hasattr(d, "a") and list(d) == ["b"]
