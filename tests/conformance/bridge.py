"""From PyTorch's tensors, arguments and functions to pedigrad's.

Many OpInfo entries are small functions over `torch`. They are not rewritten here: `translate` gives the same code other
globals, in which `torch` is pedigrad.
"""

from __future__ import annotations

import functools
import types

import numpy as np
import torch

import pedigrad


class Missing(AttributeError):
    """pedigrad has nothing of that name."""


class Untranslatable(Exception):
    """A sample holds something pedigrad has no counterpart for, a sparse tensor for example."""


# Tensors and arguments


def array_of(tensor):
    """A copy of a PyTorch tensor as an array, its strides and storage offset kept."""
    if tensor.layout is not torch.strided or tensor.is_quantized or tensor.is_nested:
        raise Untranslatable(f"a tensor of layout {tensor.layout}")
    if tensor.is_meta:
        raise Untranslatable("a tensor on another device")
    if tensor.ndim > 64:
        raise Untranslatable("NumPy has at most 64 dimensions")
    tensor = plain(tensor)
    if tensor.dtype is torch.bfloat16:
        return array_of(tensor.float()).astype(pedigrad.core.dtypes.to_numpy(pedigrad.bfloat16))
    if tensor.is_contiguous() or tensor.numel() == 0:
        return tensor.numpy().copy()
    whole = tensor.as_strided((tensor.untyped_storage().nbytes() // tensor.element_size(),), (1,), 0).numpy().copy()
    strides = [s * tensor.element_size() for s in tensor.stride()]
    return np.ndarray(tuple(tensor.shape), whole.dtype, whole, tensor.storage_offset() * tensor.element_size(), strides)


def plain(tensor):
    """A PyTorch tensor without history whose elements are in memory as they read (no lazy conjugate, negative or zeros)."""
    tensor = tensor.detach().resolve_conj().resolve_neg()
    return tensor.clone() if tensor._is_zerotensor() else tensor


def fresh(value, memo=None):
    """A PyTorch value with its tensors copied: new leaves that need a gradient where the old ones did."""
    memo = {} if memo is None else memo
    if isinstance(value, torch.Tensor):
        if id(value) not in memo:
            if value.layout is torch.strided:
                copy = plain(value)
                if not copy.is_contiguous():
                    storage = copy.as_strided((copy.untyped_storage().nbytes() // copy.element_size(),), (1,), 0).clone()
                    copy = storage.as_strided(copy.shape, copy.stride(), copy.storage_offset())
                else:
                    copy = copy.clone()
            else:
                copy = value.detach().clone()
            memo[id(value)] = copy.requires_grad_(value.requires_grad)
        return memo[id(value)]
    return _mapped(value, lambda each: fresh(each, memo))


def ours(value, memo=None):
    """The pedigrad value of a PyTorch one: tensors, dtypes, sizes, devices, containers of them."""
    memo = {} if memo is None else memo
    if isinstance(value, torch.Tensor):
        if id(value) not in memo:
            made = pedigrad.from_numpy(array_of(value)) if value.layout is torch.strided else sparse(value)
            memo[id(value)] = made.requires_grad_(value.requires_grad)
        return memo[id(value)]
    if isinstance(value, torch.dtype):
        return named(pedigrad, str(value).removeprefix("torch."))
    if isinstance(value, (torch.layout, torch.memory_format)):
        return named(pedigrad, str(value).removeprefix("torch."))
    if isinstance(value, torch.device):
        return pedigrad.device(str(value))
    if isinstance(value, torch.Size):
        return pedigrad.Size(value)
    if isinstance(value, torch.Generator):
        return pedigrad.Generator().manual_seed(value.initial_seed())
    if isinstance(value, torch.nn.TransformerEncoderLayer):
        return encoder_layer(value)
    if isinstance(value, torch.nn.PairwiseDistance):
        return pedigrad.nn.PairwiseDistance(value.norm, value.eps, value.keepdim)
    if callable(value) and not isinstance(value, type) and id(value) in _paths():
        return translate(value)
    return _mapped(value, lambda each: ours(each, memo))


def sparse(tensor):
    """The sparse tensor with the same places and values."""
    tensor = tensor.detach()
    if tensor.layout is torch.sparse_coo:
        parts = (tensor._indices(), tensor._values(), tensor.shape)
        return pedigrad.sparse_coo_tensor(*map(ours, parts), is_coalesced=tensor.is_coalesced())
    if tensor.layout not in (torch.sparse_csr, torch.sparse_csc) or tensor.ndim != 2:
        raise Untranslatable(f"a tensor of layout {tensor.layout}, of {tensor.ndim} dimensions")
    rows = tensor.layout is torch.sparse_csr
    parts = (tensor.crow_indices(), tensor.col_indices()) if rows else (tensor.ccol_indices(), tensor.row_indices())
    make = pedigrad.sparse_csr_tensor if rows else pedigrad.sparse_csc_tensor
    return make(*map(ours, (*parts, tensor.values(), tensor.shape)))


def encoder_layer(theirs):
    """The layer with the same parameters: some samples hand one to a constructor."""
    layer = pedigrad.nn.TransformerEncoderLayer(
        theirs.self_attn.embed_dim, theirs.self_attn.num_heads, theirs.linear1.out_features, theirs.dropout.p,
        ours(theirs.activation), theirs.norm1.eps, theirs.self_attn.batch_first, theirs.norm_first, theirs.linear1.bias is not None,
        dtype=ours(theirs.linear1.weight.dtype),
    )  # fmt: skip
    layer.load_state_dict({name: ours(value.detach()) for name, value in theirs.state_dict().items()})
    return layer


def _mapped(value, function):
    if type(value) in (tuple, list, set):
        return type(value)(map(function, value))
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*map(function, value))
    if isinstance(value, dict):
        return {key: function(each) for key, each in value.items()}
    if isinstance(value, slice):
        return slice(function(value.start), function(value.stop), function(value.step))
    return value


# Functions


def named(root, path):
    """The attribute of `root` at a dotted path; Missing if there is none."""
    found = root
    for part in path.split("."):
        try:
            found = getattr(found, part)
        except (AttributeError, ModuleNotFoundError):
            raise Missing(f"{getattr(root, '__name__', root)}.{path}") from None
    return found


@functools.cache
def _paths():
    """The dotted path of each public function of PyTorch, by identity."""
    spaces = {"Tensor": torch.Tensor, "special": torch.special, "fft": torch.fft, "linalg": torch.linalg}
    spaces |= {"nn.functional": torch.nn.functional, "": torch}
    paths = {}
    for prefix, space in spaces.items():
        for name in dir(space):
            value = getattr(space, name)
            if callable(value) and not isinstance(value, type) and not name.startswith("_"):
                paths[id(value)] = f"{prefix}.{name}".lstrip(".")
    paths |= {id(module): prefix for prefix, module in spaces.items() if prefix}
    paths[id(torch)] = ""
    return paths


def translate(value, depth=0):
    """The pedigrad counterpart of a PyTorch function, or a Python function with PyTorch replaced in it."""
    path = _paths().get(id(value))
    if path is not None:
        return named(pedigrad, path) if path else pedigrad
    if isinstance(value, types.FunctionType) and depth < 8:
        return seeded if value.__name__ == "wrapper_set_seed" else _rebound(value, depth)
    if isinstance(value, functools.partial):
        return functools.partial(translate(value.func, depth), *ours(value.args), **ours(value.keywords))
    if isinstance(value, (types.MethodDescriptorType, types.WrapperDescriptorType)):
        return named(pedigrad.Tensor, value.__name__)
    if isinstance(value, (torch.Tensor, torch.dtype, torch.layout, torch.memory_format)):
        return ours(value)
    return value


def seeded(function, *args, **kwargs):
    """What `wrapper_set_seed` of PyTorch's tests does: call after seeding with 42."""
    pedigrad.manual_seed(42)
    return function(*args, **kwargs)


def _rebound(function, depth):
    code = function.__code__
    module = function.__module__ or ""
    if module.startswith("torch.nn.functional") or module == "torch.functional":
        raise Missing(f"pedigrad has no {function.__name__}")
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= set(constant.co_names)
    scope = {"__builtins__": __builtins__, "__name__": "conformance_sample"}
    for name in names & set(function.__globals__):
        scope[name] = translate(function.__globals__[name], depth + 1)
    cells = tuple(types.CellType(_cell(cell, function, depth)) for cell in function.__closure__ or ())
    defaults = tuple(translate(each, depth + 1) for each in function.__defaults__ or ())
    rebound = types.FunctionType(code, scope, function.__name__, defaults, cells)
    rebound.__kwdefaults__ = {k: translate(v, depth + 1) for k, v in (function.__kwdefaults__ or {}).items()}
    return rebound


def _cell(cell, function, depth):
    try:
        content = cell.cell_contents
    except ValueError:  # not filled yet
        return None
    return content if content is function else translate(content, depth + 1)


def resolve(entry):
    """pedigrad's function for an OpInfo entry; Missing if it has none."""
    if entry.name.startswith("__") or isinstance(getattr(torch, entry.name, None), torch.dtype):
        return named(pedigrad.Tensor, entry.name)
    if not isinstance(entry.op, types.FunctionType) or entry.op.__name__ == entry.name.rpartition(".")[2]:
        try:
            return named(pedigrad, entry.name)
        except Missing:
            if not isinstance(entry.op, types.FunctionType) and id(entry.op) not in _paths():
                return named(pedigrad.Tensor, entry.name)
    return translate(entry.op)
