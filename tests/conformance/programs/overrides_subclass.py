"""Tensor subclasses and duck types with __torch_function__, function modes, and wrappers."""

import torch
from torch.overrides import (
    TorchFunctionMode,
    get_overridable_functions,
    handle_torch_function,
    has_torch_function,
    is_tensor_like,
    is_tensor_method_or_property,
    resolve_name,
)

HANDLED = {}


def implements(f):
    def deco(g):
        HANDLED[f] = g
        return g

    return deco


class Diagonal:
    def __init__(self, n, value):
        self._n, self._value = n, value

    def __repr__(self):
        return f"Diagonal({self._n}, {self._value})"

    def tensor(self):
        return self._value * torch.eye(self._n)

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        if func not in HANDLED or not all(issubclass(t, (torch.Tensor, Diagonal)) for t in types):
            return NotImplemented
        return HANDLED[func](*args, **(kwargs or {}))


@implements(torch.mean)
def mean(x):
    return float(x._value) / x._n


@implements(torch.add)
def add(x, y):
    return (
        Diagonal(x._n, x._value + y._value)
        if isinstance(x, Diagonal) and isinstance(y, Diagonal)
        else torch.add(x.tensor() if isinstance(x, Diagonal) else x, y.tensor() if isinstance(y, Diagonal) else y)
    )


@implements(torch.matmul)
def mm(x, y):
    return torch.matmul(*(t.tensor() if isinstance(t, Diagonal) else t for t in (x, y)))


d = Diagonal(3, 2.0)
print(torch.mean(d), torch.add(d, d), torch.add(torch.ones(3, 3), d), torch.matmul(torch.ones(1, 3), d), is_tensor_like(d))
try:
    torch.mul(d, 3)
except TypeError as e:
    print("TypeError", "__torch_function__" in str(e))


class Logged(torch.Tensor):
    log = []

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        cls.log.append(getattr(func, "__name__", str(func)))
        return super().__torch_function__(func, types, args, kwargs or {})


t = torch.ones(2, 2).as_subclass(Logged)
u = (t + 1).sum() * t[0]
done = [t.mean(0), torch.stack([t, t]), torch.nn.functional.relu(t), t.add_(1), t == u, t.sum().item(), -t, t @ t]
print(len(Logged.log) > 10, type(u).__name__, type(torch.relu(t)).__name__, isinstance(t[0], Logged), type(t.numpy()).__name__)


class Meta(torch.Tensor):
    @staticmethod
    def __new__(cls, data, meta=None):
        return torch.as_tensor(data, dtype=torch.float32).as_subclass(cls)

    def __init__(self, data, meta=None):
        self.meta = meta

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        out = super().__torch_function__(func, types, args, kwargs or {})
        metas = [a.meta for a in args if isinstance(a, cls) and hasattr(a, "meta")]
        if isinstance(out, cls) and metas:
            out.meta = metas[0]
        return out


m = Meta([1, 2, 3], meta="cm")
r = m * 2 + 1
print(r, type(r).__name__, r.meta, m.detach().meta, torch.cat([m, m]).__class__.__name__, m.clone().meta, m[1:].meta)
p = torch.nn.Parameter(m)
print(type(p).__name__, isinstance(p, torch.nn.Parameter), isinstance(p, Meta))


class Count(TorchFunctionMode):
    def __init__(self):
        super().__init__()
        self.names = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        self.names.append(resolve_name(func) or func.__name__)
        return func(*args, **(kwargs or {}))


with Count() as c:
    x = torch.zeros(2)
    y = x + 1
    torch.nn.functional.linear(torch.ones(1, 2), torch.ones(3, 2))
    y.relu_().sum()
print(len(c.names) >= 6, c.names[0])


class Half(TorchFunctionMode):
    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func in (torch.zeros, torch.ones, torch.rand):
            kwargs.setdefault("dtype", torch.float64)
        return func(*args, **kwargs)


with Half():
    print(torch.zeros(1).dtype, torch.rand(1).dtype, torch.tensor(1.0).dtype)
with torch.DisableTorchFunctionSubclass():
    print(type(t + 1).__name__)


def api(x, k=1):
    if has_torch_function((x,)):
        return handle_torch_function(api, (x,), x, k=k)
    return x * k


@implements(api)
def _(x, k=1):
    return Diagonal(x._n, x._value * k)


print(api(d, k=3), api(torch.ones(1), k=3), is_tensor_method_or_property(torch.Tensor.add), len(get_overridable_functions()) > 5)


class Unit:
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return (func.__name__, len(args), sorted(kwargs or {}))


print(torch.add(Unit(), 1), torch.cat([Unit(), torch.ones(1)]), torch.where(torch.ones(1) > 0, Unit(), 1.0), torch.ones(2) + Unit())
