"""`torch.nn.utils.parametrize`: parameters that are computed from others each time they are read.

A parametrized module gets a class of its own, with a property in the place of the tensor; the tensor that is trained is kept in
`module.parametrizations`, in front of the modules that it goes through.
"""

import copy
from collections.abc import Sequence
from contextlib import contextmanager
from typing import Any

from ...core import modes
from ...core.origin import located
from ...core.tensor import Tensor
from ..containers import ModuleDict, ModuleList
from ..module import typename
from ..parameter import Parameter
from ..registry import without_mirrors

__all__ = [
    "ParametrizationList", "cached", "is_parametrized", "register_parametrization", "remove_parametrizations",
    "transfer_parametrizations_and_params", "type_before_parametrizations",
]  # fmt: skip

_cache: dict[str, Any] = {"depth": 0, "values": {}}


@contextmanager
def cached():
    """Within it each parametrized tensor is computed once, however often it is read."""
    _cache["depth"] += 1
    try:
        yield
    finally:
        _cache["depth"] -= 1
        if not _cache["depth"]:
            _cache["values"] = {}


class ParametrizationList(ModuleList):
    """The modules that a tensor goes through, and the tensors it is computed from: `original`, or `original0`, `original1`, ..."""

    def __init__(self, modules, original, unsafe=False):
        if len(modules) == 0:
            raise ValueError(located("ParametrizationList requires one or more modules."))
        super().__init__(modules)
        self.unsafe = unsafe
        with modes.no_grad():
            new = self._before(original, required=False)
        if not isinstance(new, (Tensor, Sequence)):
            raise ValueError(located(f"{_SEQUENCE} Got {type(new).__name__}"))
        self.is_tensor = isinstance(new, Tensor)
        self.ntensors = 1 if self.is_tensor else len(new)
        before = original.shape, original.dtype
        if isinstance(new, Tensor):
            if original.dtype != new.dtype:
                dtypes = f"original.dtype: {original.dtype}\nright_inverse(original).dtype: {new.dtype}"
                raise ValueError(located(f"When `right_inverse` outputs one tensor, it may not change the dtype.\n{dtypes}"))
            with modes.no_grad():
                original.data = new
            _register(self, "original", original)
        else:
            for i, each in enumerate(new):
                if not isinstance(each, Tensor):
                    what = f"Got element {i} of the sequence with type {type(each).__name__}."
                    raise ValueError(located(f"{_SEQUENCE} {what}"))
                if isinstance(original, Parameter):
                    each = Parameter(each, original.requires_grad)
                each.requires_grad_(original.requires_grad)
                _register(self, f"original{i}", each)
        if not unsafe:
            _check_kept(self(), *before, "the tensor")

    def _before(self, value: Any, required: bool = True) -> Any:
        """What the parametrizations make `value` of; those without an inverse leave it as it is unless it is `required`."""
        for module in reversed(self):
            if hasattr(module, "right_inverse"):
                try:
                    value = module.right_inverse(value)
                except NotImplementedError:
                    if required:
                        raise
            elif required:
                raise RuntimeError(located(f"parametrization {typename(module)} does not implement right_inverse."))
        return value

    def right_inverse(self, value):
        """Set the tensors behind so that `value` is what comes out."""
        with modes.no_grad():
            value = self._before(value)
            if self.is_tensor:
                self._set("original", value)
                return
            if not isinstance(value, Sequence):
                raise ValueError(located(f"'right_inverse' must return a sequence of tensors. Got {type(value)}."))
            if len(value) != self.ntensors:
                count = f"Expected a sequence of {self.ntensors}. Got a sequence of length {len(value)}."
                raise ValueError(located(f"'right_inverse' must return a sequence of tensors of length {self.ntensors}. {count}"))
            for i, each in enumerate(value):
                self._set(f"original{i}", each)

    def _set(self, name, value):
        if not isinstance(value, Tensor):
            raise ValueError(located(f"`right_inverse` should return a tensor. Got {type(value)}"))
        held = getattr(self, name)
        if held.dtype != value.dtype:
            raise ValueError(
                located(f"The tensor returned by `right_inverse` has dtype {value.dtype} while `{name}` has dtype {held.dtype}")
            )
        held.data = value.detach()

    def forward(self):
        """The parametrized tensor."""
        given = [self.original] if self.is_tensor else [getattr(self, f"original{i}") for i in range(self.ntensors)]
        out = self[0](*given)
        for module in list(self)[1:]:
            out = module(out)
        return out


_SEQUENCE = "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...)."


def _check_kept(out, shape, dtype, what):
    if not isinstance(out, Tensor):
        raise ValueError(located(f"A parametrization must return a tensor. Got {type(out).__name__}."))
    for name, old, new in (("dtype", dtype, out.dtype), ("shape", tuple(shape), tuple(out.shape))):
        if old != new:
            message = f"Registering a parametrization may not change the {name} of {what}, unless the `unsafe` flag is enabled.\n"
            raise ValueError(located(f"{message}{name} before: {old}\n{name} after: {new}"))


def _register(module, name, tensor):
    if isinstance(tensor, Parameter):
        module.register_parameter(name, tensor)
    else:
        module.register_buffer(name, tensor)


# The classes of parametrized modules


def _property(name):
    def get(self):
        if not _cache["depth"]:
            return self.parametrizations[name]()
        key = (id(self), name)
        if key not in _cache["values"]:
            _cache["values"][key] = self.parametrizations[name]()
        return _cache["values"][key]

    def put(self, value):
        self.parametrizations[name].right_inverse(value)

    return property(get, put)


def _getstate(self):
    raise RuntimeError(located("Serialization of parametrized modules is only supported through state_dict()"))


def _deepcopy(self, memo):
    if id(self) not in memo:
        memo[id(self)] = replica = self.__new__(type(self))
        replica.__setstate__(copy.deepcopy(without_mirrors(self.__dict__), memo))
    return memo[id(self)]


def _renew_class(module):
    """Give `module` the class with a property for each of its parametrized tensors. Copies may share the old class."""
    base = type_before_parametrizations(module)
    members = {name: _property(name) for name in module.parametrizations} | {"__getstate__": _getstate, "_parametrized": base}
    if not hasattr(base, "__deepcopy__"):
        members["__deepcopy__"] = _deepcopy
    module.__class__ = type(f"Parametrized{base.__name__}", (base,), {"__module__": base.__module__, **members})


def type_before_parametrizations(module):
    """The class of `module`, without its parametrizations."""
    return type(module).__dict__.get("_parametrized", type(module))


def is_parametrized(module, tensor_name=None):
    """Whether `module` has parametrizations, or one of that tensor."""
    found = module.__dict__.get("parametrizations")
    if not isinstance(found, ModuleDict):
        return False
    return len(found) > 0 if tensor_name is None else tensor_name in found


def register_parametrization(module, tensor_name, parametrization, *, unsafe=False):
    """`module`, whose tensor of that name is from now on what `parametrization`, a module, makes of a tensor kept behind.

    A further one is applied to what those before it make. Assigning to the tensor calls `right_inverse` of them all. With `unsafe`
    they may change the shape and the dtype.
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        if not unsafe:
            _check_one(parametrization, getattr(module, tensor_name), f"module.{tensor_name}")
        listed = module.parametrizations[tensor_name]
        listed.append(parametrization)
        listed.unsafe |= unsafe
    elif tensor_name in module._buffers or tensor_name in module._parameters:
        listed = ParametrizationList([parametrization], getattr(module, tensor_name), unsafe=unsafe)
        delattr(module, tensor_name)
        if not is_parametrized(module):
            module.parametrizations = ModuleDict()
        module.parametrizations[tensor_name] = listed
        _renew_class(module)
    else:
        what = f"a parameter, a buffer, or a parametrized element with name '{tensor_name}'"
        raise ValueError(located(f"Module '{module}' does not have {what}"))
    return module


def _check_one(parametrization, given, what):
    """ValueError unless a further parametrization, and its inverse, keep shape and dtype."""
    out = parametrization(given)
    _check_kept(out, given.shape, given.dtype, what)
    if hasattr(parametrization, "right_inverse"):
        try:
            back = parametrization.right_inverse(out)
        except NotImplementedError:
            return
        if not isinstance(back, Tensor):
            raise ValueError(located(f"parametrization.right_inverse must return a tensor. Got: {type(back).__name__}"))
        for name in ("dtype", "shape"):
            if getattr(back, name) != getattr(given, name):
                message = f"The tensor returned by parametrization.right_inverse must have the same {name} as {what}, unless `unsafe`"
                raise ValueError(located(f"{message}.\n{name} before: {getattr(given, name)}\n{name} after: {getattr(back, name)}"))


def remove_parametrizations(module, tensor_name, leave_parametrized=True):
    """`module` with an ordinary tensor of that name: the parametrized one, or with `leave_parametrized=False` the one behind."""
    if not is_parametrized(module, tensor_name):
        raise ValueError(located(f"Module {module} does not have a parametrization on {tensor_name}"))
    listed = module.parametrizations[tensor_name]
    if not listed.is_tensor and not leave_parametrized:
        message = (
            "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is parametrized in terms of a sequence of tensors."
        )
        raise ValueError(located(message))
    if listed.is_tensor:
        original = listed.original
        if leave_parametrized:
            with modes.no_grad():
                original.data = getattr(module, tensor_name).detach()
    else:
        value = getattr(module, tensor_name)
        original = Parameter(value.detach()) if value.requires_grad else value
    del module.parametrizations[tensor_name]
    base = type_before_parametrizations(module)
    if len(module.parametrizations):
        _renew_class(module)
    else:
        del module.parametrizations
        module.__class__ = base
    _register(module, tensor_name, original)
    return module


def transfer_parametrizations_and_params(from_module, to_module, tensor_name=None):
    """`to_module` with the parametrizations of `from_module`, or those of one tensor, and the tensors behind them."""
    if not is_parametrized(from_module):
        return to_module
    names = list(from_module.parametrizations) if tensor_name is None else [tensor_name]
    for name in names:
        listed = from_module.parametrizations[name]
        if not hasattr(to_module, name):
            setattr(to_module, name, Parameter(listed.original))
        for parametrization in listed:
            register_parametrization(to_module, name, parametrization, unsafe=listed.unsafe)
        if hasattr(listed, "original"):
            to_module.parametrizations[name].original = listed.original
        else:
            for i in range(listed.ntensors):
                setattr(to_module.parametrizations[name], f"original{i}", getattr(listed, f"original{i}"))
    return to_module
