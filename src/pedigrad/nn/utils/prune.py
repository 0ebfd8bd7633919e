"""`torch.nn.utils.prune`: entries of parameters that are held at zero by a mask.

A pruned module keeps the parameter as `name_orig` and the mask as the buffer `name_mask`; `name` is their product, computed before
each call. Methods that are applied after another one prune what that has left.
"""

# mypy: disable-error-code="override"
# `apply` of each method takes what that method needs, as in PyTorch.

import numbers
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any

from ...core.declare import PLACES
from ...core.origin import located

torch: Any = PLACES["torch"]


def _ones(t):
    return torch["ones_like"](t)


def _hook_of(module, name):
    return next(((k, h) for k, h in module._forward_pre_hooks.items() if isinstance(h, BasePruningMethod) and h._tensor_name == name), None)


class BasePruningMethod(ABC):
    """A way to choose what is pruned; `compute_mask` is what a subclass defines."""

    _tensor_name: str

    def __call__(self, module, inputs):
        setattr(module, self._tensor_name, self.apply_mask(module))

    @abstractmethod
    def compute_mask(self, t, default_mask):
        """The mask for a tensor of which `default_mask` is pruned already."""

    def apply_mask(self, module):
        """The parameter with its pruned entries zero."""
        mask, original = getattr(module, self._tensor_name + "_mask"), getattr(module, self._tensor_name + "_orig")
        return mask.to(dtype=original.dtype) * original

    @classmethod
    def apply(cls, module, name, *args, importance_scores=None, **kwargs):
        """The method, registered on the module, whose parameter of that name is pruned."""
        found = _hook_of(module, name)
        method = cls(*args, **kwargs)
        method._tensor_name = name
        original = getattr(module, name)
        if importance_scores is None:
            importance_scores = original
        elif importance_scores.shape != original.shape:
            raise AssertionError(f"importance_scores should have the same shape as parameter {name} of {module}")
        default = getattr(module, name + "_mask").detach().clone() if found is not None else _ones(original)
        if found is not None:  # methods applied one after the other are one hook
            container = found[1]
            if not isinstance(container, PruningContainer):
                container = PruningContainer(container)
            container.add_pruning_method(method)
            del module._forward_pre_hooks[found[0]]
            method = container
        else:
            module.register_parameter(name + "_orig", original)
            del module._parameters[name]
        try:
            mask = method.compute_mask(importance_scores, default)
        except Exception:
            if found is None:
                module.register_parameter(name, original)
                del module._parameters[name + "_orig"]
            raise
        module.register_buffer(name + "_mask", mask)
        setattr(module, name, method.apply_mask(module))
        module.register_forward_pre_hook(method)
        return method

    def prune(self, t, default_mask=None, importance_scores=None):
        """The tensor with what this method prunes made zero."""
        if importance_scores is None:
            importance_scores = t
        elif importance_scores.shape != t.shape:
            raise AssertionError("importance_scores should have the same shape as tensor t")
        return t * self.compute_mask(importance_scores, _ones(t) if default_mask is None else default_mask)

    def remove(self, module):
        """Make the pruned tensor an ordinary parameter."""
        if self._tensor_name is None:
            raise AssertionError(f"Module {module} has to be pruned before pruning can be removed")
        original = module._parameters[self._tensor_name + "_orig"]
        original.data = self.apply_mask(module).detach()
        delattr(module, self._tensor_name)
        del module._parameters[self._tensor_name + "_orig"]
        del module._buffers[self._tensor_name + "_mask"]
        setattr(module, self._tensor_name, original)


class PruningContainer(BasePruningMethod):
    """Several methods applied one after the other to one tensor."""

    def __init__(self, *args):
        self._pruning_methods: tuple[Any, ...] = ()
        if not isinstance(args, Iterable) or (len(args) == 1 and not isinstance(args[0], Iterable)):
            (first,) = args
            self._tensor_name = first._tensor_name
            self.add_pruning_method(first)
        else:
            for method in args:
                if not self._pruning_methods:
                    self._tensor_name = method._tensor_name
                self.add_pruning_method(method)

    def add_pruning_method(self, method):
        """Apply this method too, after the others."""
        if not isinstance(method, BasePruningMethod) and method is not None:
            raise TypeError(located(f"{type(method)} is not a BasePruningMethod subclass"))
        if method is not None and self._tensor_name != method._tensor_name:
            names = f"acting on the parameter named '{method._tensor_name}' to PruningContainer {self}. Found '{self._tensor_name}'"
            raise ValueError(located(f"Can only add pruning methods {names}"))
        self._pruning_methods += (method,)

    def __len__(self):
        return len(self._pruning_methods)

    def __iter__(self):
        return iter(self._pruning_methods)

    def __getitem__(self, idx):
        return self._pruning_methods[idx]

    def compute_mask(self, t, default_mask):
        """The mask of the last method, which sees only what is not pruned yet."""
        method, mask = self._pruning_methods[-1], default_mask.to(dtype=t.dtype)
        left = slice(None)
        if method.PRUNING_TYPE == "unstructured":
            left = mask == 1
        elif method.PRUNING_TYPE == "structured":
            others = [d for d in range(t.ndim) if d != method.dim % t.ndim]
            left = (slice(None),) * (method.dim % t.ndim) + (mask.sum(dim=others) != 0,)
        elif method.PRUNING_TYPE != "global":
            raise ValueError(located(f"Unrecognized PRUNING_TYPE {method.PRUNING_TYPE}"))
        mask[left] = method.compute_mask(t[left], default_mask=mask[left])
        return mask


class Identity(BasePruningMethod):
    """Prunes nothing."""

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t, default_mask):
        """The mask there was."""
        return default_mask

    @classmethod
    def apply(cls, module, name):
        """The method, registered on the module."""
        return super().apply(module, name)


class _Amount(BasePruningMethod):
    """A method that prunes a number of entries, or a share of them."""

    PRUNING_TYPE = "unstructured"
    by_score: bool

    def __init__(self, amount):
        _check_amount(amount)
        self.amount = amount

    def compute_mask(self, t, default_mask):
        """The mask with so many entries of the tensor pruned, the smallest ones or any."""
        count = _how_many(self.amount, t.numel())
        if count > t.numel():
            raise ValueError(located(f"amount={count} should be smaller than the number of parameters to prune={t.numel()}"))
        mask = default_mask.clone()
        if count:
            score = t.abs() if self.by_score else torch["rand_like"](t)
            mask.view(-1)[torch["topk"](score.view(-1), k=count, largest=not self.by_score).indices] = 0  # of the drawn ones as PyTorch
        return mask


class RandomUnstructured(_Amount):
    """Prunes any entries."""

    by_score = False

    @classmethod
    def apply(cls, module, name, amount):
        """The method, registered on the module."""
        return super().apply(module, name, amount=amount)


class L1Unstructured(_Amount):
    """Prunes the entries that are smallest."""

    by_score = True

    @classmethod
    def apply(cls, module, name, amount, importance_scores=None):
        """The method, registered on the module."""
        return super().apply(module, name, amount=amount, importance_scores=importance_scores)


class _Structured(BasePruningMethod):
    """A method that prunes whole slices along a dimension."""

    PRUNING_TYPE = "structured"

    def __init__(self, amount, dim=-1):
        _check_amount(amount)
        self.amount, self.dim = amount, dim

    def _scores(self, t):
        raise NotImplementedError

    def compute_mask(self, t, default_mask):
        """The mask with so many slices pruned, those with the smallest scores."""
        if t.ndim < 2:
            what = f"got a tensor of {t.ndim} dimensions"
            raise ValueError(located(f"Structured pruning can only be applied to multidimensional tensors, {what}"))
        if not -t.ndim <= self.dim < t.ndim:
            raise IndexError(located(f"Invalid index {self.dim} for tensor of size {t.shape}"))
        size = t.shape[self.dim]
        count = _how_many(self.amount, size)
        if count > size:
            raise ValueError(located(f"amount={count} should be smaller than the number of channels to prune={size}"))
        if not count:
            return default_mask
        keep = torch["zeros"](size, dtype=t.dtype)
        keep[self._kept(self._scores(t), size - count)] = 1
        shape = [1] * t.ndim
        shape[self.dim] = size
        return default_mask * keep.reshape(shape)

    def _kept(self, scores, count):
        return torch["topk"](scores, k=count, largest=True).indices


class RandomStructured(_Structured):
    """Prunes any slices along a dimension."""

    def _scores(self, t):
        return torch["rand"](t.shape[self.dim])

    @classmethod
    def apply(cls, module, name, amount, dim=-1):
        """The method, registered on the module."""
        return super().apply(module, name, amount=amount, dim=dim)


class LnStructured(_Structured):
    """Prunes the slices along a dimension whose norms of order `n` are smallest."""

    def __init__(self, amount, n, dim=-1):
        super().__init__(amount, dim)
        self.n = n

    def _scores(self, t):
        return torch["norm"](t, p=self.n, dim=[d for d in range(t.ndim) if d != self.dim % t.ndim])

    @classmethod
    def apply(cls, module, name, amount, n, dim, importance_scores=None):
        """The method, registered on the module."""
        return super().apply(module, name, amount=amount, n=n, dim=dim, importance_scores=importance_scores)


class CustomFromMask(BasePruningMethod):
    """Prunes what a given mask says."""

    PRUNING_TYPE = "global"

    def __init__(self, mask):
        self.mask = mask

    def compute_mask(self, t, default_mask):
        """The given mask, and what was pruned before."""
        return default_mask * self.mask.to(dtype=default_mask.dtype)

    @classmethod
    def apply(cls, module, name, mask):
        """The method, registered on the module."""
        return super().apply(module, name, mask=mask)


# Functions


def identity(module, name):
    """`module`, ready to be pruned, with a mask of ones."""
    Identity.apply(module, name)
    return module


def random_unstructured(module, name, amount):
    """`module` with so many entries of the parameter pruned, any."""
    RandomUnstructured.apply(module, name, amount)
    return module


def l1_unstructured(module, name, amount, importance_scores=None):
    """`module` with so many entries of the parameter pruned, the smallest by absolute value or by the scores."""
    L1Unstructured.apply(module, name, amount=amount, importance_scores=importance_scores)
    return module


def random_structured(module, name, amount, dim):
    """`module` with so many slices along `dim` pruned, any."""
    RandomStructured.apply(module, name, amount, dim)
    return module


def ln_structured(module, name, amount, n, dim, importance_scores=None):
    """`module` with so many slices along `dim` pruned, those of the smallest norm of order `n`."""
    LnStructured.apply(module, name, amount, n, dim, importance_scores=importance_scores)
    return module


def global_unstructured(parameters, pruning_method, importance_scores=None, **kwargs):
    """Prune the parameters, pairs (module, name), as if they were one tensor."""
    if not isinstance(parameters, Iterable):
        raise TypeError(located("global_unstructured(): parameters is not an Iterable"))
    scores = importance_scores if importance_scores is not None else {}
    if not isinstance(scores, dict):
        raise TypeError(located("global_unstructured(): importance_scores should be of type dict"))
    parameters = list(parameters)
    values = [scores.get((module, name), getattr(module, name)) for module, name in parameters]
    masks = [getattr(module, name + "_mask", _ones(getattr(module, name))) for module, name in parameters]
    container = PruningContainer()
    container._tensor_name = "temp"
    method = pruning_method(**kwargs)
    method._tensor_name = "temp"
    container.add_pruning_method(method)
    if method.PRUNING_TYPE != "unstructured":
        what = f'Only "unstructured" PRUNING_TYPE supported for the `pruning_method`. Found method {pruning_method} of type'
        raise TypeError(located(f"{what} {method.PRUNING_TYPE}"))
    whole = container.compute_mask(torch["cat"]([v.reshape(-1) for v in values]), torch["cat"]([m.reshape(-1) for m in masks]))
    start = 0
    for module, name in parameters:
        param = getattr(module, name)
        custom_from_mask(module, name, mask=whole[start : start + param.numel()].view_as(param))
        start += param.numel()


def custom_from_mask(module, name, mask):
    """`module` with what `mask` says of the parameter pruned."""
    CustomFromMask.apply(module, name, mask)
    return module


def remove(module, name):
    """`module`, whose pruned parameter is an ordinary one, with zeros, from now on."""
    found = _hook_of(module, name)
    if found is None:
        raise ValueError(located(f"Parameter '{name}' of module {module} has to be pruned before pruning can be removed"))
    found[1].remove(module)
    del module._forward_pre_hooks[found[0]]
    return module


def is_pruned(module):
    """Whether the module or one of its descendants is pruned."""
    return any(isinstance(hook, BasePruningMethod) for each in module.modules() for hook in each._forward_pre_hooks.values())


def _check_amount(amount):
    if not isinstance(amount, numbers.Real):
        raise TypeError(located(f"Invalid type for amount: {amount}. Must be int or float."))
    if amount < 0 or not (isinstance(amount, numbers.Integral) or 0.0 <= float(amount) <= 1.0):
        raise ValueError(located(f"amount={amount} should either be a float in the range [0, 1] or a non-negative integer"))


def _how_many(amount, size):
    return amount if isinstance(amount, numbers.Integral) else round(amount * size)
