"""NumPy functions on Tensors: which op, called how, stands for each.

This is the language that forwards and gradient rules are written in. Ufuncs that a forward consists of are entered by
themselves when the op is registered; here are those with another signature.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.declare import PLACES
from ..core.tensor import Tensor
from .shape import convert

TABLE = Tensor._numpy_functions


def _op(name: str) -> Any:
    """The public function of that name, looked up at the call: families are imported in any order."""

    def call(*args: Any, **kwargs: Any) -> Any:
        for place in ("torch", "Tensor", "linalg"):
            if name in PLACES.get(place, {}):
                return PLACES[place][name](*args, **kwargs)
        raise NotImplementedError(f"no op {name}")

    return call


def _reducing(name: str) -> Any:
    op = _op(name)

    def reduce(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False, **_: Any) -> Any:
        if axis is None and not keepdims:
            return op(a)
        return op(a, tuple(range(a.ndim)) if axis is None else axis, bool(keepdims))

    return reduce


def _ufunc_reduce(name: str) -> Any:
    op = _reducing(name)
    return lambda a, axis=0, dtype=None, out=None, keepdims=False, **_: op(a, axis, None, None, keepdims)


def _astype(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:
    return convert.cast(x, convert.dtypes.from_numpy(np.dtype(dtype)))


REDUCTIONS = {np.sum: "sum", np.mean: "mean", np.prod: "prod", np.max: "amax", np.min: "amin", np.any: "any", np.all: "all"}
REDUCTIONS |= {np.argmax: "argmax", np.argmin: "argmin", np.amax: "amax", np.amin: "amin"}
TABLE.update({function: _reducing(name) for function, name in REDUCTIONS.items()})

UFUNC_REDUCTIONS = {np.add: "sum", np.multiply: "prod", np.maximum: "amax", np.minimum: "amin"}
UFUNC_REDUCTIONS |= {np.logical_or: "any", np.logical_and: "all"}
TABLE.update({(ufunc, "reduce"): _ufunc_reduce(name) for ufunc, name in UFUNC_REDUCTIONS.items()})

SAME_CALL = {np.reshape: "reshape", np.swapaxes: "transpose", np.expand_dims: "unsqueeze", np.matmul: "matmul"}
SAME_CALL |= {np.moveaxis: "movedim", np.dot: "matmul", np.roll: "roll", np.flip: "flip", np.tril: "tril", np.triu: "triu"}
SAME_CALL |= {np.cumsum: "cumsum", np.cumprod: "cumprod", np.einsum: "einsum", np.real: "real", np.imag: "imag", np.trace: "trace"}
SAME_CALL |= {np.conj: "conj", np.conjugate: "conj", np.outer: "outer", np.square: "square", np.abs: "abs", np.power: "pow"}
SAME_CALL |= {np.sign: "sgn"}
SAME_CALL |= {np.divide: "div", np.linalg.inv: "inv", np.linalg.solve: "solve", np.linalg.det: "det", np.negative: "neg"}
TABLE.update({function: _op(name) for function, name in SAME_CALL.items()})

TABLE[np.where] = lambda condition, *xs: _op("where")(np.asarray(condition) if isinstance(condition, np.bool_) else condition, *xs)
TABLE[np.broadcast_to] = lambda x, shape, subok=False: x.expand(tuple(shape))
TABLE[np.transpose] = lambda x, axes=None: x.permute(tuple(range(x.ndim))[::-1] if axes is None else tuple(axes))
TABLE[np.squeeze] = lambda x, axis=None: x.squeeze() if axis is None else x.squeeze(axis)
TABLE[np.copy] = lambda x, order="K", subok=False: convert.clone(x)
TABLE[np.concatenate] = lambda xs, axis=0, **_: _op("cat")(list(xs), axis)
TABLE[np.stack] = lambda xs, axis=0, **_: _op("stack")(list(xs), axis)
TABLE[np.take_along_axis] = lambda x, indices, axis: _op("gather")(x, axis, indices)
TABLE[np.zeros_like] = lambda x, dtype=None, **_: np.zeros_like(x._array, dtype)
TABLE[np.ones_like] = lambda x, dtype=None, **_: np.ones_like(x._array, dtype)
TABLE[np.shape] = lambda x: tuple(x.shape)
TABLE[np.ndim] = lambda x: x.ndim
TABLE[np.iscomplexobj] = lambda x: x.is_complex()
TABLE[np.astype] = _astype
TABLE[np.diagonal] = lambda x, offset=0, axis1=0, axis2=1: x.diagonal(offset, axis1, axis2)
TABLE[np.split] = lambda x, sections, axis=0: x.tensor_split(sections, axis)
TABLE[np.clip] = lambda x, a_min=None, a_max=None, **_: x.clamp(a_min, a_max)
