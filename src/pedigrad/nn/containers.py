"""Containers: modules in a row, lists and dictionaries of modules and of parameters."""

import operator
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from itertools import chain, groupby
from typing import Any

from ..core.tensor import Tensor
from .module import Module, typename
from .parameter import Parameter


def _position(index, n):
    """`index` counted from 0; IndexError outside of n items."""
    index = operator.index(index)
    if not -n <= index < n:
        raise IndexError(f"index {index} is out of range")
    return index % n


def _iterable(values, method):
    if not isinstance(values, Iterable) or (isinstance(values, Tensor) and not values.dim()):
        raise TypeError(f"{method} should be called with an iterable, but got {type(values).__name__}")
    return values


class _Row(Module):
    """Child modules called "0", "1", ... in their order."""

    def __len__(self):
        return len(self._modules)

    def __iter__(self):
        return iter(self._modules.values())

    def _name_at(self, index):
        return list(self._modules)[_position(index, len(self))]

    def __setitem__(self, index, module):
        setattr(self, self._name_at(index), module)

    def __delitem__(self, index):
        names = list(self._modules)
        gone = names[index] if isinstance(index, slice) else [self._name_at(index)]
        self._renumber(self._modules[name] for name in names if name not in gone)

    def _renumber(self, modules):
        self._modules = {str(i): module for i, module in enumerate(modules)}

    def append(self, module):
        """The container, with `module` added at its end."""
        self.add_module(str(len(self)), module)
        return self

    def _insert(self, index, module):
        modules = list(self._modules.values())
        modules.insert(index, module)
        self._renumber(modules)

    def pop(self, key):
        """The module at this index, which is removed."""
        module = self[key]  # type: ignore[index]  # what both rows have
        del self[key]
        return module


class Sequential(_Row):
    """Modules called one after the other, each on the result of the one before.

    Args:
        args: modules, or one dict of them by name.

    >>> model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
    >>> model(torch.zeros(3, 4)).shape, len(model)
    (torch.Size([3, 2]), 3)
    """

    def __init__(self, *args):
        super().__init__()
        if len(args) == 1 and isinstance(args[0], OrderedDict):
            named: Any = args[0].items()
        else:
            named = ((str(i), module) for i, module in enumerate(args))
        for name, module in named:
            self.add_module(name, module)

    def forward(self, input):
        """What the last module makes of what the first made of `input`."""
        for module in self._modules.values():
            input = module(input)
        return input

    def __getitem__(self, index):
        if isinstance(index, slice):
            return type(self)(OrderedDict(list(self._modules.items())[index]))
        return self._modules[self._name_at(index)]

    def insert(self, index, module):
        """The container, with `module` put before `index`."""
        if not isinstance(module, Module):
            raise AssertionError(f"module should be of type: {Module}")
        if not -len(self) <= index <= len(self):
            raise IndexError(f"Index out of range: {index}")
        self._insert(index, module)
        return self

    def extend(self, sequential):
        """The container, with the given modules added at its end."""
        for module in list(sequential):
            self.append(module)
        return self

    def __add__(self, other):
        return Sequential(*self, *_sequential(other))

    def __iadd__(self, other):
        return self.extend(_sequential(other))

    def _times(self, n):
        if not isinstance(n, int):
            raise TypeError(f"unsupported operand type(s) for *: {type(self)} and {type(n)}")
        if n <= 0:
            raise ValueError(f"Non-positive multiplication factor {n} for {type(self)}")
        return list(self) * n

    def __mul__(self, n):
        return Sequential(*self._times(n))

    __rmul__ = __mul__

    def __imul__(self, n):
        return self.extend(self._times(n)[len(self) :])


def _sequential(value):
    if not isinstance(value, Sequential):
        raise ValueError(f"add operator supports only objects of Sequential class, but {type(value)} is given.")
    return value


class ModuleList(_Row):
    """A list of modules, all registered.

    Args:
        modules: an iterable of modules.

    >>> layers = torch.nn.ModuleList([torch.nn.Linear(2, 2), torch.nn.ReLU()])
    >>> len(layers), len([*layers.parameters()])
    (2, 2)
    """

    def __init__(self, modules=None):
        super().__init__()
        if modules is not None:
            self.extend(modules)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return type(self)(list(self._modules.values())[index])
        return self._modules[self._name_at(index)]

    def insert(self, index, module):
        """Put `module` before `index`."""
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"{typename(module)} is not a Module subclass")
        self._insert(index, module)

    def extend(self, modules):
        """The list, with the given modules added at its end."""
        for module in list(_iterable(modules, "ModuleList.extend")):
            self.append(module)
        return self

    def __iadd__(self, modules):
        return self.extend(modules)

    def __add__(self, other):
        return ModuleList(chain(self, other))

    def __repr__(self):
        if not len(self):
            return f"{self._get_name()}()"
        lines, start = [], 0
        for text, same in groupby(repr(module) for module in self):
            n = len(list(same))
            text = text.replace("\n", "\n  ")
            lines.append(f"({start}): {text}" if n == 1 else f"({start}-{start + n - 1}): {n} x {text}")
            start += n
        return f"{self._get_name()}(\n  " + "\n  ".join(lines) + "\n)"


class ModuleDict(Module):
    """A dictionary of modules by name, all registered.

    Args:
        modules: a mapping, or pairs of names and modules.

    >>> torch.nn.ModuleDict({"act": torch.nn.ReLU()})["act"]
    ReLU()
    """

    def __init__(self, modules=None):
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key):
        return self._modules[key]

    def __setitem__(self, key, module):
        self.add_module(key, module)

    def __delitem__(self, key):
        del self._modules[key]

    def __len__(self):
        return len(self._modules)

    def __iter__(self):
        return iter(self._modules)

    def __contains__(self, key):
        return key in self._modules

    def clear(self):
        """Remove all modules."""
        self._modules.clear()

    def pop(self, key):
        """The module called `key`, which is removed."""
        return self._modules.pop(key)

    def keys(self):
        """The names."""
        return self._modules.keys()

    def items(self):
        """Pairs of name and module."""
        return self._modules.items()

    def values(self):
        """The modules."""
        return self._modules.values()

    def update(self, modules):
        """Add the modules of a mapping or of pairs; those of the same name are replaced."""
        for key, module in _pairs(modules, "ModuleDict", "ModuleDict"):
            self[key] = module


def _pairs(values, name, plural):
    if not isinstance(values, Iterable):
        raise TypeError(f"{plural}.update should be called with an iterable of key/value pairs, but got {type(values).__name__}")
    if isinstance(values, (Mapping, ModuleDict, ParameterDict)):
        yield from values.items()
        return
    for i, pair in enumerate(values):
        if not isinstance(pair, Iterable):
            raise TypeError(f"{name} update sequence element #{i} should be Iterable; is {type(pair).__name__}")
        pair = tuple(pair)
        if len(pair) != 2:
            raise ValueError(f"{name} update sequence element #{i} has length {len(pair)}; 2 is required")
        yield pair


def _as_parameter(value):
    return Parameter(value) if isinstance(value, Tensor) and not isinstance(value, Parameter) else value


def _described(name, value, kind_of):
    if not isinstance(value, Tensor):
        return f"  ({name}): Object of type: {type(value).__name__}"
    what = "Parameter" if isinstance(value, Parameter) else "Tensor"
    return f"  ({name}): {what} containing: [{kind_of(value)} of size {'x'.join(map(str, value.shape))}]"


class ParameterList(Module):
    """A list of parameters, all registered; tensors become parameters, other values are only kept.

    Args:
        values: an iterable of tensors and other values.

    >>> torch.nn.ParameterList([torch.zeros(2), torch.zeros(3)])[1].shape
    torch.Size([3])
    """

    def __init__(self, values=None):
        super().__init__()
        self._size = 0
        if values is not None:
            self.extend(values)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return type(self)(list(self)[index])
        return getattr(self, str(_position(index, len(self))))

    def __setitem__(self, index, value):
        setattr(self, str(_position(index, len(self))), _as_parameter(value))

    def __len__(self):
        return self._size

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __iadd__(self, values):
        return self.extend(values)

    def append(self, value):
        """The list, with `value` added at its end."""
        self._size += 1
        self[-1] = value
        return self

    def extend(self, values):
        """The list, with the given values added at its end."""
        if isinstance(values, Tensor):  # its rows would be views, not the leaves that a list of parameters holds
            raise TypeError("ParameterList.extend should be called with an iterable, but got Tensor")
        for value in list(_iterable(values, "ParameterList.extend")):
            self.append(value)
        return self

    def extra_repr(self):
        return "\n".join(_described(i, value, lambda p: p.dtype) for i, value in enumerate(self))

    def __call__(self, *args, **kwargs):
        raise RuntimeError("ParameterList should not be called.")


class ParameterDict(Module):
    """A dictionary of parameters by name, all registered; tensors become parameters, others are only kept.

    Args:
        parameters: a mapping, or pairs of names and tensors.

    >>> torch.nn.ParameterDict({"w": torch.zeros(2)})["w"].requires_grad
    True
    """

    def __init__(self, parameters=None):
        super().__init__()
        self._keys = {}
        if parameters is not None:
            self.update(parameters)

    def _attribute(self, key):
        if not isinstance(key, str):
            raise TypeError(f"ParameterDict: keys must be strings, got {key!r} of type {type(key).__name__}")
        return key

    def __getitem__(self, key):
        return getattr(self, self._attribute(key))

    def __setitem__(self, key, value):
        setattr(self, self._attribute(key), _as_parameter(value))
        self._keys[key] = None

    def __delitem__(self, key):
        del self._keys[key]
        delattr(self, self._attribute(key))

    def __len__(self):
        return len(self._keys)

    def __iter__(self):
        return iter(self._keys)

    def __reversed__(self):
        return reversed(list(self._keys))

    def __contains__(self, key):
        return key in self._keys

    def copy(self):
        """A dictionary of the same parameters."""
        return ParameterDict(OrderedDict(self.items()))

    def setdefault(self, key, default=None):
        """The value called `key`, which is `default` if there was none."""
        if key not in self:
            self[key] = default
        return self[key]

    def clear(self):
        """Remove all entries."""
        for key in list(self._keys):
            del self[key]

    def pop(self, key):
        """The value called `key`, which is removed."""
        value = self[key]
        del self[key]
        return value

    def popitem(self):
        """The name and value of the last entry, which is removed."""
        if not self._keys:
            raise KeyError("popitem(): dictionary is empty")
        key = next(reversed(self._keys))
        return key, self.pop(key)

    def get(self, key, default=None):
        """The value called `key`, or `default`."""
        return self[key] if key in self else default  # noqa: SIM401

    def fromkeys(self, keys, default=None):
        """A new dictionary with `default` for each of the names."""
        return ParameterDict((key, default) for key in keys)

    def keys(self):
        """The names."""
        return self._keys.keys()

    def items(self):
        """Pairs of name and value."""
        return ((key, self[key]) for key in self._keys)

    def values(self):
        """The values."""
        return (self[key] for key in self._keys)

    def update(self, parameters):
        """Add the entries of a mapping or of pairs; those of a plain dictionary in the order of names."""
        pairs = _pairs(parameters, "ParameterDict", "ParametersDict")
        ordered = isinstance(parameters, (OrderedDict, ParameterDict)) or not isinstance(parameters, Mapping)
        for key, value in pairs if ordered else sorted(pairs, key=lambda pair: pair[0]):
            self[key] = value

    def extra_repr(self):
        return "\n".join(_described(key, value, typename) for key, value in self.items())

    def __call__(self, input):
        raise RuntimeError("ParameterDict should not be called.")

    def __or__(self, other):
        both = self.copy()
        both.update(other)
        return both

    def __ror__(self, other):
        both = other.copy()
        both.update(self)
        return both

    def __ior__(self, other):
        self.update(other)
        return self
