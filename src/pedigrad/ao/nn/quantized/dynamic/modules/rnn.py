"""Recurrent layers of quantized weights."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from ......core import dtypes
from ......core.origin import located
from ......core.tensor import Tensor, wrap
from ......nn import recurrent as floats
from ......nn.containers import ModuleList
from ......nn.module import Module
from ......ops.math.exponential import sigmoid
from .weights import Symmetric, made_ready, observed, product


class PackedParameter(Module):
    """The weights and biases of one layer in one direction: no parameters, but saved with it."""

    def __init__(self, param: Any):
        super().__init__()
        self.param = param

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        destination[prefix + "param"] = self.param

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *more: Any) -> None:
        self.param = state_dict.pop(prefix + "param", self.param)
        super()._load_from_state_dict(state_dict, prefix, *more)


def _logistic(x: Any) -> Any:
    return sigmoid.op.forward(x)  # type: ignore[attr-defined]


def _lstm_step(inputs: Any, hidden: Any, states: tuple[Any, ...]) -> tuple[Any, ...]:
    i, f, g, o = np.split(inputs + hidden, 4, -1)
    c = _logistic(f) * states[1] + _logistic(i) * np.tanh(g)
    return _logistic(o) * np.tanh(c), c


def _gru_step(inputs: Any, hidden: Any, states: tuple[Any, ...]) -> tuple[Any, ...]:
    (reset, update, new), (reset_h, update_h, new_h) = np.split(inputs, 3, -1), np.split(hidden, 3, -1)
    n = np.tanh(new + new_h * _logistic(reset + reset_h))
    return ((states[0] - n) * _logistic(update + update_h) + n,)


class _Dynamic(floats.RNNBase):
    """What recurrent layers of quantized weights share: the way through the layers is that of floats."""

    _step: Any
    _FLOAT_MODULE: Any

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(self._FLOAT_MODULE.__name__, *args, **kwargs)
        self._take_over(self, Symmetric)

    def _take_over(self, mod: Any, observer: Any) -> None:
        """Quantize the weights of `mod`, and have no parameters any more."""
        packed = []
        for names in mod._all_weights:
            weights = [getattr(mod, name) for name in names]
            quantized = [observed(w, observer()) for w in weights[:2]]
            packed.append(PackedParameter((*quantized, *(b.detach().float() for b in weights[2:4])) if mod.bias else tuple(quantized)))
        self._parameters.clear()
        self.dtype = packed[0].param[0].dtype
        self._all_weight_values = ModuleList(packed)

    @classmethod
    def from_float(cls, mod: Any, use_precomputed_fake_quant: bool = False) -> Any:
        """The layer with the weights of one of floats as its `qconfig` says."""
        if type(mod) is not cls._FLOAT_MODULE:
            raise AssertionError(f"{cls.__name__}.from_float only works for {cls._FLOAT_MODULE.__name__}, not for {type(mod).__name__}")
        if getattr(mod, "qconfig", None) is None:
            raise AssertionError("Input RNN module must have qconfig defined")
        if mod.proj_size:
            raise NotImplementedError(located("a dynamically quantized LSTM has no proj_size"))
        made = cls.__new__(cls)
        Module.__init__(made)
        for name in ("mode", "input_size", "hidden_size", "num_layers", "bias", "batch_first", "dropout", "bidirectional", "proj_size"):
            setattr(made, name, getattr(mod, name))
        made._all_weights, made._flat_weights_names = mod._all_weights, mod._flat_weights_names
        made._take_over(mod, mod.qconfig.weight)
        made.train(mod.training)
        return made

    _flat_weights = property(lambda self: [])  # type: ignore[assignment]

    def _weights_by_layer(self) -> Any:
        return [list(each.param) for each in self._all_weight_values]

    def _input_dtype(self) -> Any:
        return dtypes.float32

    def get_weight(self) -> dict[str, Any]:
        """The weights by the names that they have in a layer of floats."""
        rows = zip(self._all_weights, self._weights_by_layer(), strict=True)
        return {n: w for names, row in rows for n, w in zip(names[:2], row, strict=False)}

    def get_bias(self) -> dict[str, Any]:
        """The biases by the names that they have in a layer of floats."""
        rows = zip(self._all_weights, self._weights_by_layer(), strict=True)
        return {n: b for names, row in rows for n, b in zip(names[2:4], row[2:], strict=False)}

    def _layer(self, x: Tensor, states: Any, weights: Any, batch_sizes: Any, reverse: bool) -> Any:
        w_ih, w_hh, *biases = weights
        b_ih, b_hh = biases or (None, None)
        inputs, ready = product(x, w_ih, b_ih)._array, made_ready(w_hh)
        now = tuple(np.array(s.detach()._array) for s in states)
        rows: list[tuple[slice, Any, Any]]
        if batch_sizes is None:
            rows = [(slice(None), inputs[t], t) for t in range(len(inputs))]
            out = np.empty((*inputs.shape[:-1], now[0].shape[-1]), np.float32)
        else:
            starts = np.cumsum((0, *batch_sizes))
            parts = [slice(int(a), int(b)) for a, b in itertools.pairwise(starts)]
            rows = [(slice(part.stop - part.start), inputs[part], part) for part in parts]
            out = np.empty((len(inputs), now[0].shape[-1]), np.float32)
        for some, given, place in reversed(rows) if reverse else rows:
            before = tuple(s[some] for s in now)
            hidden = product(wrap(before[0]), w_hh, b_hh, ready)._array
            for s, new in zip(now, type(self)._step(given, hidden, before), strict=True):
                s[some] = new
            out[place] = now[0][some]
        ended = tuple(map(wrap, now))
        return wrap(out), ended

    def _get_name(self) -> str:
        return f"DynamicQuantized{self._FLOAT_MODULE.__name__}"

    def __repr__(self) -> str:
        return f"{self._get_name()}({self.extra_repr()})"


class LSTM(_Dynamic):
    """A long short-term memory whose weights have 8 bits: inputs and hidden states are quantized by their own ranges. No gradient.

    Parameters and shapes are those of `torch.nn.LSTM` without `proj_size`.
    """

    _FLOAT_MODULE = floats.LSTM
    _step = staticmethod(_lstm_step)
    _state_sizes, _as_states, _as_result = floats.LSTM._state_sizes, floats.LSTM._as_states, floats.LSTM._as_result


class GRU(_Dynamic):
    """A gated recurrent unit whose weights have 8 bits: inputs and hidden states are quantized by their own ranges. No gradient.

    Parameters and shapes are those of `torch.nn.GRU`.
    """

    _FLOAT_MODULE = floats.GRU
    _step = staticmethod(_gru_step)


__all__ = ["GRU", "LSTM", "PackedParameter"]
