"""`__torch_function__`: subclasses, classes beside Tensor, and modes, against PyTorch's."""

import contextlib
import importlib
import operator

import numpy as np
import override_calls
import pytest
import torch as reference
from override_logs import logs
from side_by_side import agree

import pedigrad

PROGRAMS = []


def program(function):
    PROGRAMS.append(function)
    return function


def names(values):
    return [type(each).__name__ for each in values]


@program
def plain_subclasses(torch, tell):
    class Mine(torch.Tensor):
        pass

    class Yours(torch.Tensor):
        pass

    class Finer(Mine):
        pass

    x = torch.randn(3, 3).as_subclass(Mine)
    y = torch.ones(3, 3)
    tell(names([x, x + 1, x + y, y + x, 1 - x, x @ y, y @ x, x.sum(), x[0], x.reshape(9), x.t(), torch.exp(x), -x, x == x]))
    tell(names([torch.cat([y, x]), torch.stack([x, y]), x.max(0)[0], x.max(0).values, torch.where(x > 0, x, y), x.float(), x.detach()]))
    tell(names([torch.nn.functional.relu(x), torch.nn.functional.linear(x, y), x.clone(), x.data, x.T, torch.zeros_like(x), x.new_ones(2)]))
    tell(names([*x.unbind(0), *x.split(1), x.as_subclass(torch.Tensor)]), x + y, str(x[0, 0].item() == float(x[0, 0])))
    tell(names([x.add_(1), x]), isinstance(x.max(0), tuple), names([torch.nn.Linear(3, 2)(x), torch.nn.Conv1d(3, 2, 1)(x)]))
    z = x.as_subclass(Finer)
    tell(names([z + x, x + z]), isinstance(z, Mine))
    tell.error(lambda: x + y.as_subclass(Yours))
    p = torch.nn.Parameter(x)
    tell(type(p).__name__, isinstance(p, torch.nn.Parameter), names([p + 1, p * y]), p.requires_grad)
    (p * 2).sum().backward()
    tell(p.grad, type(p.grad).__name__)
    q = torch.nn.Parameter(y)
    tell(names([q + 1, q + x]))
    m = Mine([1.0, 2.0])
    tell(m, type(m * 2).__name__, repr(m).replace("\n", ""))
    with torch.DisableTorchFunctionSubclass():
        tell(names([x + 1, x.sum()]))
    n = torch.Tensor._make_subclass(Mine, y, True)
    tell(type(n).__name__, n.requires_grad, n.is_leaf, type(n * 2).__name__)
    tell.error(y.as_subclass, int)


@program
def own_handlers(torch, tell):
    log = []

    class Logged(torch.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            log.append((func.__name__.strip("_"), [t.__name__ for t in types], len(args)))
            return super().__torch_function__(func, types, args, kwargs)

    class Noted(torch.Tensor):
        @staticmethod
        def __new__(cls, data, note):
            self = torch.Tensor._make_subclass(cls, data)
            self.note = note
            return self

        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            result = super().__torch_function__(func, types, args, kwargs or {})
            notes = [a.note for a in args if isinstance(a, cls) and hasattr(a, "note")]
            if isinstance(result, cls) and notes:
                result.note = notes[0] + "+" + func.__name__.strip("_")
            return result

    x = torch.ones(2, 2).as_subclass(Logged)
    y = torch.ones(2, 2)
    for call in (lambda: torch.exp(x), lambda: torch.matmul(y, x), lambda: torch.nn.functional.cross_entropy(x, torch.tensor([0, 1]))):
        call()
    torch.cat([y, x], dim=1)
    torch.nn.functional.layer_norm(x, (2,))
    torch.sum(x, dim=0)
    tell(log)
    n = Noted(torch.ones(2), "a")
    tell((torch.exp(n)).note, torch.abs(torch.tanh(n)).note)


@program
def classes_beside_tensor(torch, tell):
    handled = {}

    class Diagonal:
        def __init__(self, n, value):
            self.n, self.value = n, value

        def tensor(self):
            return self.value * torch.eye(self.n)

        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            if func not in handled or not all(issubclass(t, (torch.Tensor, cls)) for t in types):
                return NotImplemented
            return handled[func](*args, **(kwargs or {}))

    def implements(function):
        def register(own):
            handled[function] = own
            return own

        return register

    @implements(torch.mean)
    def mean(input):
        return float(input.value) / input.n

    @implements(torch.add)
    def add(input, other):
        as_tensor = [each.tensor() if isinstance(each, Diagonal) else each for each in (input, other)]
        return torch.add(*as_tensor)

    handled[torch.Tensor.add] = add

    d = Diagonal(2, 3)
    tell(torch.mean(d), torch.add(d, torch.ones(2, 2)), torch.add(torch.ones(2, 2), d))
    for call in (lambda: torch.mul(d, d), lambda: torch.exp(d), lambda: torch.mul(torch.ones(2, 2), d)):
        tell.error(call)
    overrides = importlib.import_module(torch.__name__ + ".overrides")
    tell(overrides.is_tensor_like(d), overrides.is_tensor_like(3), overrides.is_tensor_like(torch.ones(1)))
    tell(overrides.has_torch_function((d,)), overrides.has_torch_function((torch.ones(1), 3)), overrides.has_torch_function_unary(d))

    def own(a, b=0):
        if overrides.has_torch_function_variadic(a, b):
            return overrides.handle_torch_function(own, (a, b), a, b=b)
        return "plain"

    handled[own] = lambda a, b=0: "taken over"
    tell(own(1), own(d), own(1, d))
    wrapped = overrides.wrap_torch_function(lambda a: (a,))(lambda a: "plain")
    handled[wrapped] = lambda a: "taken over"
    tell(wrapped(1), wrapped(d))
    tell(overrides.resolve_name(torch.nn.functional.cross_entropy), overrides.get_default_nowrap_functions() is not None)
    tell(torch.mean in overrides.get_testing_overrides())


@program
def modes(torch, tell):
    overrides = importlib.import_module(torch.__name__ + ".overrides")
    log = []

    class Counting(overrides.TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            log.append(func.__name__.strip("_"))
            return func(*args, **(kwargs or {}))

    class Doubling(overrides.TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            return func(*args, **(kwargs or {})) * 2

    x = torch.ones(2)
    with Counting():
        torch.exp(x)
        torch.zeros(2)
        torch.nn.functional.mse_loss(x, x)
        torch.stack([x, x])
    torch.exp(x)
    tell(log)
    with Doubling(), Counting():
        result = torch.exp(torch.zeros(1))
    tell(result)
    with Doubling(), Doubling():
        pass
    tell(torch.exp(torch.zeros(1)), overrides._len_torch_function_stack())
    with torch._C.DisableTorchFunctionSubclass() if hasattr(torch, "_C") else torch.DisableTorchFunctionSubclass():
        tell(torch.exp(x))


@program
def names_of_functions(torch, tell):
    overrides = importlib.import_module(torch.__name__ + ".overrides")
    F, Tensor = torch.nn.functional, torch.Tensor
    functions = [
        torch.add,
        Tensor.add,
        Tensor.add_,
        Tensor.__add__,
        F.relu,
        F.conv2d,
        torch.conv2d,
        torch.fft.fft,
        torch.linalg.inv,
        torch.special.erf,
    ]
    functions += [
        torch.einsum,
        torch.norm,
        Tensor.shape.__get__,
        Tensor.grad.__set__,
        Tensor.backward,
        Tensor.__len__,
        Tensor.is_cuda.__get__,
    ]
    tell([overrides.resolve_name(each) for each in functions], overrides.resolve_name(len))
    tell([overrides.is_tensor_method_or_property(each) for each in functions], overrides.is_tensor_method_or_property(len))
    tell([each.__name__ for each in functions if each.__name__.split("_")[0] not in ("fft", "linalg", "inv", "special", "erf")])
    tell(
        Tensor.shape.__get__ == Tensor.shape.__get__,
        Tensor.shape.__get__ == Tensor.dtype.__get__,
        torch.relu is F.relu,
        torch.conv1d is F.conv1d,
    )
    spaces = overrides.get_overridable_functions()
    tell([space in spaces for space in (torch, F, Tensor, torch.linalg, torch.fft, torch.special)])
    tell(
        [function in spaces[space] for space, function in ((torch, torch.add), (F, F.relu), (Tensor, Tensor.add), (torch, torch.is_tensor))]
    )
    tell(
        sorted(
            each in overrides.get_default_nowrap_functions() for each in (Tensor.grad.__get__, Tensor._base.__get__, Tensor.shape.__get__)
        )
    )
    tell([each in overrides.get_ignored_functions() for each in (torch.zeros, torch.is_tensor, torch.add)])


@program
def what_is_told_before_any_tensor_of_a_class_was_made_is_the_same(torch, tell):
    Tensor = torch.Tensor
    handled = {Tensor.shape.__get__: "shape", Tensor.add: "add", torch.add: "function", Tensor.requires_grad.__set__: "requires"}
    log = []

    class Mine(Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            log.append(handled.get(func, "other"))
            return super().__torch_function__(func, types, args, kwargs)

    x = torch.ones(2).as_subclass(Mine)
    x.shape, x.add(1), torch.add(x, 1), x + 1, x.mul(2)
    x.requires_grad = True
    tell(log)


@program
def disabled_classes(torch, tell):
    log = []

    class Mine(torch.Tensor):
        __torch_function__ = torch._C._disabled_torch_function_impl

    class Told(torch.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            log.append(func.__name__)
            with torch._C.DisableTorchFunctionSubclass():
                return func(*args, **(kwargs or {}))

    x, y = torch.ones(2).as_subclass(Mine), torch.ones(2).as_subclass(Told)
    tell(names([x, x + 1, x.sum(), x.clone(), x.data, x[0], x + torch.ones(2), x.detach()]))
    tell(names([y, y + 1, y.sum(), y.clone(), y[0], x + y, y.detach(), y.T]), log)
    with torch._C.DisableTorchFunctionSubclass():
        y.sum(), y.shape, y + 1
    with torch._C.DisableTorchFunction():
        y.sum()
    tell(log)


@program
def a_handler_may_change_what_is_asked(torch, tell):
    class Shy(torch.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            if func is torch.Tensor.item:
                return "hidden"
            if func == torch.Tensor.shape.__get__:
                return (1, 2, 3)
            if func is torch.Tensor.__len__:
                return 7
            if func is torch.Tensor.__repr__:
                return "Shy"
            if func is torch.nn.functional.linear:
                return args[0].as_subclass(torch.Tensor) * 0
            return super().__torch_function__(func, types, args, kwargs)

    x = torch.ones(2, 2).as_subclass(Shy)
    tell(x.sum().item(), x.shape, len(x), repr(x), str(x), torch.nn.Linear(2, 2)(x), torch.nn.functional.linear(x, x))
    tell(float(x.sum()), x.size(), x.numel(), x.mean(), x.tolist())
    for each in x:
        tell(each)


@program
def tensors_within_tensor_likes(torch, tell):
    class Wrapped:
        def __init__(self, value):
            self.value = value

        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            def plain(value):
                if isinstance(value, (list, tuple)):
                    return type(value)(plain(each) for each in value)
                return value.value if isinstance(value, Wrapped) else value

            return Wrapped(func(*plain(args), **{name: plain(value) for name, value in (kwargs or {}).items()}))

    w, t = Wrapped(torch.ones(2)), torch.ones(2)
    results = [torch.add(w, 1), torch.stack([w, t]), torch.cat((t, w)), torch.nn.functional.relu(w), t + w, t * w, torch.where(t > 0, t, w)]
    tell([each.value for each in results], [type(each).__name__ for each in results])
    tell(torch.nn.functional.linear(torch.ones(1, 2), Wrapped(torch.ones(3, 2))).value, torch.sum(w, dim=0).value, torch.max(w, 0).value)
    tell(torch.nn.Linear(2, 3)(Wrapped(torch.ones(1, 2))).value.shape, t.add(w).value, t.matmul(w).value)
    tell.error(lambda: t @ 3)


@program
def modes_within_modes(torch, tell):
    overrides = importlib.import_module(torch.__name__ + ".overrides")
    log = []

    class Named(overrides.TorchFunctionMode):
        def __init__(self, name):
            self.name = name

        def __torch_function__(self, func, types, args=(), kwargs=None):
            log.append((self.name, func.__name__))
            return func(*args, **(kwargs or {}))

    class Mine(torch.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            log.append(("class", func.__name__))
            return super().__torch_function__(func, types, args, kwargs)

    x = torch.ones(2).as_subclass(Mine)
    with Named("outer"), Named("inner"):
        torch.nn.functional.mse_loss(x, torch.ones(2))
        x.sum()
        tell(x.shape)
        torch.zeros(3)
    outer = Named("once")
    with outer:
        tell(overrides._len_torch_function_stack(), overrides._get_current_function_mode() is outer)
        x.mul_(2)
        with torch.no_grad():
            x.add(1)
    try:
        with Named("broken"):
            raise ValueError
    except ValueError:
        tell(overrides._len_torch_function_stack())
    x.add(1)
    tell([list(each) for each in log])


@program
def all_decline(torch, tell):
    class Silent:
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            return NotImplemented

    class Adding(Silent):
        def __radd__(self, other):
            return "added"

    t, s = torch.ones(2), Silent()
    F = torch.nn.functional
    calls = (
        lambda: torch.mul(s, s),
        lambda: F.relu(s),
        lambda: t.sub_(s),
        lambda: torch.norm(s),
        lambda: t + s,
        lambda: t @ s,
        lambda: s - t,
        lambda: t > s,
    )
    for call in calls:
        with pytest.raises(TypeError) as error:
            call()
        tell(str(error.value).partition(":")[0].partition(" on types")[0])
    tell(t + Adding(), t == s)


@program
def layers_of_recurrent_networks(torch, tell):
    log = []

    class Mine(torch.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            log.append((func.__name__, [type(each).__name__ for each in args], len(kwargs or {})))
            return super().__torch_function__(func, types, args, kwargs)

    x = torch.ones(3, 2, 4).as_subclass(Mine)
    for layer in (torch.nn.LSTM(4, 3, 2), torch.nn.GRU(4, 3, bidirectional=True), torch.nn.RNN(4, 3, bias=False), torch.nn.LSTMCell(4, 3)):
        log.clear()
        result = layer(x if "Cell" not in type(layer).__name__ else x[0])
        tell([list(each) for each in log if each[0] in ("lstm", "gru", "rnn_tanh", "lstm_cell")])
        tell(type(result[0]).__name__, [type(each).__name__ for each in (result[1] if isinstance(result[1], tuple) else result[1:])])


@program
def devices_as_contexts(torch, tell):
    device = importlib.import_module(torch.__name__ + ".utils._device")
    with torch.device("cpu"):
        tell(torch.ones(2).device.type)
    with device.DeviceContext(torch.device("meta")):
        tell(torch.ones(2).device.type, torch.tensor([1.0]).device.type, torch.ones(2, device="cpu").device.type)
    with torch.device("meta"):
        tell(torch.empty(2, 2).device.type, torch.nn.Linear(2, 2).weight.device.type)
    tell(torch.ones(2).device.type)


@program
def subclasses_in_what_programs_do_with_tensors(torch, tell):
    class Mine(torch.Tensor):
        pass

    x, t = (torch.rand(3, 3) + 0.1).as_subclass(Mine), torch.ones(3, 3)
    module = torch.nn.Module()
    module.register_buffer("b", x)
    module.p = torch.nn.Parameter(x)
    state = module.state_dict()
    tell(names([module.b, module.p, state["b"], state["p"], x.data, x.detach(), torch.nn.Parameter(x) * 2]))
    tell(names([torch.func.functional_call(torch.nn.Linear(3, 3), {"weight": x, "bias": x[0]}, (t,)), torch.vmap(lambda a: a * 2)(x)]))
    tell(names([torch.func.grad(lambda a: (a**2).sum())(x), torch.nn.utils.parameters_to_vector([x, x]), torch.einsum("ij,j->i", x, t[0])]))
    tell(
        names([torch.as_tensor(x), torch.tensor(x), x.new_tensor([1.0]), x[x > 0], x[[0, 1]], x[..., None], *torch.where(x > 0), x.view(9)])
    )
    tell(names([np.add(x, 1), np.exp(x)]))
    tell(
        names(
            [
                torch.Tensor.add(x, 1),
                torch.Tensor.__add__(x, 1),
                torch.Tensor.shape.__get__(x),
                Mine.__torch_function__(torch.add, (Mine,), (x, 1)),
            ]
        )
    )
    tell(
        names([torch.optim.SGD([torch.nn.Parameter(x)], 0.1).param_groups[0]["params"][0], torch.utils.data.default_collate([x[0], x[1]])])
    )


@program
def parameters_of_subclasses(torch, tell):
    log = []

    class Mine(torch.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            log.append(func.__name__)
            return super().__torch_function__(func, types, args, kwargs)

    layer = torch.nn.Linear(2, 2, bias=False)
    layer.weight = torch.nn.Parameter(torch.ones(2, 2).as_subclass(Mine))
    log.clear()
    loss = layer(torch.ones(1, 2)).sum()
    tell(type(loss).__name__, log)
    loss.backward()
    tell(type(layer.weight.grad).__name__, layer.weight.grad, type(layer.weight.data).__name__)
    weight = layer.weight
    with torch.no_grad():
        weight -= 0.1 * weight.grad
    tell(layer.weight.detach().as_subclass(torch.Tensor), log)


BINARY = "add sub mul truediv floordiv mod pow matmul eq ne lt le gt ge and_ or_ xor lshift rshift".split()


@pytest.mark.parametrize("name", [*BINARY, *"neg pos abs invert getitem setitem".split()])
def test_a_class_is_told_which_operator_was_called(name):
    """Forward, reflected and in place, with tensors and numbers: the same method of Tensor with the same arguments."""

    def program(torch, tell):
        log = []

        class Logged(torch.Tensor):
            @classmethod
            def __torch_function__(cls, func, types, args=(), kwargs=None):
                log.append((func.__name__, [type(a).__name__ for a in args], sorted(kwargs or {})))
                return super().__torch_function__(func, types, args, kwargs)

        def told(call):
            log.clear()
            try:
                call()
            except Exception as error:
                tell(type(error).__name__)
            tell([list(each) for each in log])

        def of(values):
            return torch.tensor(values).as_subclass(Logged)

        plain, mine, other = torch.tensor([[3, 1], [2, 5]]), of([[2, 2], [3, 3]]), of([[1, 2], [3, 4]])
        function = getattr(operator, name)
        if name in ("neg", "pos", "abs", "invert"):
            told(lambda: function(mine))
        elif name == "getitem":
            for at in (0, slice(1, None), (slice(None), 1), (None, ..., 0), plain > 2, torch.tensor([1, 0])):
                told(lambda at=at: mine[at])
            told(lambda: plain[of([1, 0])])
        elif name == "setitem":
            for at, value in ((0, 1), ((slice(None), 1), plain[0]), (plain > 2, 3), (0, of([7, 8]))):
                told(lambda at=at, value=value: function(mine, at, value))
            told(lambda: function(plain, 0, of([7, 8])))
            tell(mine.as_subclass(torch.Tensor), plain)
        else:
            for pair in ((plain, plain), (2, plain)):  # operators have their code from their first call on
                with contextlib.suppress(Exception):
                    function(*pair)
            for pair in ((mine, plain), (plain, mine), (mine, other), (mine, 2), (2, mine)):
                told(lambda pair=pair: function(*pair))
            if write := getattr(operator, "i" + name.rstrip("_"), None):
                for value in (plain, 2):
                    target = of([[4.0, 2.0], [1.0, 3.0]]) if name in ("truediv", "pow") else of([[4, 2], [1, 3]])
                    told(lambda target=target, value=value: write(target, value))
                    tell(target.as_subclass(torch.Tensor))

    agree(program)


TABLES = [(name, by) for name in ("METHODS", "SPECIAL", "FUNCTIONS", "FUNCTIONAL", "MODULES") for by in ("class", "mode")]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "by"), [*TABLES, ("FACTORIES", "mode"), ("MODES", "mode")])
def test_calls_are_told_as_pytorch_tells_them(name, by):
    """The function by its resolved name, the classes, the kinds of arguments by position and by name, and the kind of the result."""
    calls = override_calls.listed(getattr(override_calls, name))
    found = []
    for call in calls:
        theirs, ours = logs(reference, call, by), logs(pedigrad, call, by)
        if theirs != ours:
            found.append(f"{call}\n  PyTorch: {theirs}\n  here:    {ours}")
    assert not found, f"{len(found)} of {len(calls)} differ\n" + "\n".join(found)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda each: each.__name__)
def test_agrees(program):
    agree(program)


def test_classes_and_modes_beneath_functions_are_refused():
    """Operations are not ATen's, so nobody can be told of them; what takes none over is a class like any other."""

    class Beneath(pedigrad.Tensor):
        @classmethod
        def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
            return func(*args, **(kwargs or {}))

    class Above(pedigrad.Tensor):
        __torch_dispatch__ = pedigrad._C._disabled_torch_dispatch_impl

    class Mode(pedigrad.utils._python_dispatch.TorchDispatchMode):
        pass

    for make in (pedigrad.ones(2).as_subclass, pedigrad.Tensor._make_subclass, Mode, pedigrad.Tensor._make_wrapper_subclass):
        args = {"_make_subclass": (Beneath, pedigrad.ones(2)), "_make_wrapper_subclass": (Beneath, (2,))}.get(make.__name__, (Beneath,))
        with pytest.raises(RuntimeError, match="beneath functions are not handed"):
            make(*args)
    assert type(pedigrad.ones(2).as_subclass(Above) + 1) is Above
