"""Recurrent layers over sequences, and their cells."""

import math

import numpy as np

from ..core import modes, override, signatures
from ..core.autocast import get_autocast_dtype, lowered, widened
from ..core.declare import PLACES
from ..core.origin import warn
from ..core.tensor import constant
from ..ops import creation
from ..ops.nn.dropout import dropout
from ..ops.nn.rnn import gru_cell, gru_layer, lstm_cell, lstm_layer, rnn_layer, rnn_relu_cell, rnn_tanh_cell
from . import init
from .module import Module
from .parameter import Parameter
from .utils.rnn import PackedSequence

__all__ = ["GRU", "LSTM", "RNN", "GRUCell", "LSTMCell", "RNNBase", "RNNCell", "RNNCellBase"]

GATES = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}


class RNNBase(Module):
    """What the recurrent layers share: weights of `num_layers` layers in one or two directions, and the way through them.

    Args:
        mode: "RNN_TANH", "RNN_RELU", "LSTM" or "GRU".
        input_size: the number of features of the input.
        hidden_size: the number of features of the state.
        num_layers: how many there are on top of one another.
        bias: whether there are biases.
        batch_first: whether sequences are (batch, time, feature).
        dropout: the probability with which the results of all layers but the last are dropped.
        bidirectional: whether a second network reads the sequence from its end.
        proj_size: the size the state is projected to; 0 for none.
        device: where its parameters are made: "cpu", or "meta" for none of their memory.
        dtype: the dtype of its parameters.
    """

    def __init__(
        self, mode, input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0, bidirectional=False,
        proj_size=0, device=None, dtype=None,
    ):  # fmt: skip
        super().__init__()
        self.mode = mode
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bias, self.batch_first = bias, batch_first
        self.dropout, self.bidirectional, self.proj_size = float(dropout), bidirectional, proj_size
        self._check_settings(dropout)
        state = proj_size or hidden_size
        directions = 2 if bidirectional else 1
        rows = GATES[mode] * hidden_size
        self._all_weights = []
        for layer in range(num_layers):
            width = input_size if layer == 0 else state * directions
            shapes: dict[str, tuple[int, ...]] = {"weight_ih": (rows, width), "weight_hh": (rows, state)}
            if bias:
                shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
            if proj_size:
                shapes["weight_hr"] = (proj_size, hidden_size)
            for suffix in ("", "_reverse")[:directions]:
                names = [f"{name}_l{layer}{suffix}" for name in shapes]
                for name, shape in zip(names, shapes.values(), strict=True):
                    setattr(self, name, Parameter(creation.empty(shape, device=device, dtype=dtype)))
                self._all_weights.append(names)
        self._flat_weights_names = [name for names in self._all_weights for name in names]
        self.reset_parameters()

    def _check_settings(self, dropout):
        if isinstance(dropout, bool) or not 0 <= dropout <= 1:
            raise ValueError("dropout should be a number in range [0, 1] representing the probability of an element being zeroed")
        if dropout > 0 and self.num_layers == 1:
            warn(
                "dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects "
                f"num_layers greater than 1, but got dropout={dropout} and num_layers={self.num_layers}"
            )
        if not isinstance(self.hidden_size, int):
            raise TypeError(f"hidden_size should be of type int, got: {type(self.hidden_size).__name__}")
        if self.hidden_size <= 0:
            raise ValueError("hidden_size must be greater than zero")
        if self.num_layers <= 0:
            raise ValueError("num_layers must be greater than zero")
        if self.proj_size < 0:
            raise ValueError("proj_size should be a positive integer or zero to disable projections")
        if self.proj_size >= self.hidden_size:
            raise ValueError("proj_size has to be smaller than hidden_size")

    def reset_parameters(self):
        """Draw all weights and biases uniformly within 1 / sqrt(hidden_size)."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def flatten_parameters(self):
        """Nothing: the weights lie where they are."""

    @property
    def _flat_weights(self):
        given = self.__dict__.get("_given_weights")
        return [getattr(self, name) for name in self._flat_weights_names] if given is None else given

    @_flat_weights.setter
    def _flat_weights(self, weights):
        self.__dict__["_given_weights"] = weights  # tensors to compute with in the place of the parameters

    def __setattr__(self, name, value):
        super().__setattr__(name, value)
        if "_given_weights" in self.__dict__ and name in self._flat_weights_names:
            del self.__dict__["_given_weights"]

    def __getstate__(self):
        state = super().__getstate__()
        state.pop("_given_weights", None)
        state["_flat_weights"] = self._flat_weights  # PyTorch's look here
        return state

    def __setstate__(self, state):
        super().__setstate__({name: value for name, value in state.items() if name != "_flat_weights"})
        flat = state.get("_flat_weights", ())
        if any(weight is not getattr(self, name) for name, weight in zip(self._flat_weights_names, flat, strict=False)):
            self._flat_weights = flat

    def _apply(self, fn, recurse=True):
        self.__dict__.pop("_given_weights", None)
        return super()._apply(fn, recurse)

    def _weights_by_layer(self):
        flat = iter(self._flat_weights)
        return [[next(flat) for _ in names] for names in self._all_weights]

    @property
    def all_weights(self):
        """The weights, a list for each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    def extra_repr(self):
        text = f"{self.input_size}, {self.hidden_size}"
        if self.proj_size != 0:
            text += f", proj_size={self.proj_size}"
        if self.num_layers != 1:
            text += f", num_layers={self.num_layers}"
        if self.bias is not True:
            text += f", bias={self.bias}"
        if self.batch_first is not False:
            text += f", batch_first={self.batch_first}"
        if self.dropout != 0:
            text += f", dropout={self.dropout}"
        if self.bidirectional is not False:
            text += f", bidirectional={self.bidirectional}"
        return text

    # Running

    def _layer(self, x, states, weights, batch_sizes, reverse):
        """One layer in one direction: its outputs and its last states."""
        bias = weights[2:4] if self.bias else (None, None)
        if self.mode == "GRU":
            out, h = gru_layer(x, *states, *weights[:2], *bias, batch_sizes, reverse)
            return out, (h,)
        kind = "relu" if self.mode == "RNN_RELU" else "tanh"
        out, h = rnn_layer(x, *states, *weights[:2], *bias, kind, batch_sizes, reverse)
        return out, (h,)

    def _through(self, x, states, batch_sizes):
        """All layers: the last one's outputs, and the last states of each layer and direction. It is told as one call."""
        weights = [each for layer in self._weights_by_layer() for each in layer] if override.is_installed() else []
        if not override.is_heard((x, *states, *weights)):
            return self._through_layers(x, states, batch_sizes)

        def recurrence(input, hx, *settings):
            hx = hx if isinstance(hx, (tuple, list)) else (hx,)
            out, last = self._through_layers(input, tuple(hx), batch_sizes)
            return out, *last

        recurrence.__name__ = recurrence.__qualname__ = self.mode.lower()
        state = states if len(states) > 1 else states[0]
        settings = (self.bias, self.num_layers, float(self.dropout), self.training, self.bidirectional, self.batch_first)
        relevant = override.takers((x, *states, *weights))
        out, *last = override.handle(recurrence, relevant, (x, state, weights, *settings), {})
        return out, tuple(last)

    def _through_layers(self, x, states, batch_sizes):
        directions = 2 if self.bidirectional else 1
        cat, stack = PLACES["torch"]["cat"], PLACES["torch"]["stack"]
        last = []
        weights = self._weights_by_layer()
        if modes.settings.autocast is not None:
            # What is added to the state, not made by a product anew, has the dtype that the state has with it.
            added = self.mode == "GRU" or (self.mode == "LSTM" and batch_sizes is not None and not self.proj_size)
            wide = added and any(s.dtype != get_autocast_dtype("cpu") for s in states)
            convert = widened if wide else lowered
            (x, states), weights = convert((x, states)), convert(weights)
        for layer in range(self.num_layers):
            outs = []
            for direction in range(directions):
                i = layer * directions + direction
                out, ended = self._layer(x, tuple(s[i] for s in states), weights[i], batch_sizes, direction == 1)
                outs.append(out)
                last.append(ended)
            x = outs[0] if directions == 1 else cat(outs, -1)
            if self.dropout and layer < self.num_layers - 1:
                x = dropout(x, self.dropout, self.training)
        if len(last) == 1:
            return x, tuple(s.unsqueeze(0) for s in last[0])
        return x, tuple(stack(list(each), 0) for each in zip(*last, strict=True))

    def _state_sizes(self):
        """The last size of each state."""
        return (self.hidden_size,)

    def _start(self, like, batch):
        """States of zeros."""
        layers = self.num_layers * (2 if self.bidirectional else 1)
        return tuple(constant(np.zeros((layers, batch, size), like._array.dtype)) for size in self._state_sizes())

    def _check(self, x, states, batch):
        if x.shape[-1] != self.input_size:
            raise RuntimeError(f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got {x.shape[-1]}")
        layers = self.num_layers * (2 if self.bidirectional else 1)
        for i, (state, size) in enumerate(zip(states, self._state_sizes(), strict=True)):
            if tuple(state.shape) != (layers, batch, size):
                which = f"hidden[{i}]" if len(states) == 2 else "hidden"
                raise RuntimeError(f"Expected {which} size {(layers, batch, size)}, got {list(state.shape)}")
        kind = self._input_dtype()
        if x.dtype != kind and modes.settings.autocast is None:
            raise ValueError(f"{type(self).__name__}: input must have the same type as its parameters, got {x.dtype} and {kind}")

    def _input_dtype(self):
        return self._parameters["weight_ih_l0"].dtype

    def _as_states(self, hx):
        return (hx,)

    def _as_result(self, states):
        return states[0]

    def forward(self, input, hx=None):
        """The outputs for `input`, a (time, batch, features) or packed sequence, and the last state, starting from `hx`."""
        if isinstance(input, PackedSequence):
            return self._forward_packed(input, hx)
        name = type(self).__name__
        if input.ndim not in (2, 3):
            raise ValueError(f"{name}: Expected input to be 2D or 3D, got {input.ndim}D instead")
        batched = input.ndim == 3
        batch_dim = 0 if self.batch_first else 1
        x = input if batched else input.unsqueeze(batch_dim)
        states = None if hx is None else self._as_states(hx)
        if states is not None:
            self._check_dims(states, batched)
            states = states if batched else tuple(s.unsqueeze(1) for s in states)
        batch = x.shape[batch_dim]
        states = self._start(x, batch) if states is None else states
        self._check(x, states, batch)
        out, last = self._through(x.transpose(0, 1) if self.batch_first else x, states, None)
        out = out.transpose(0, 1) if self.batch_first else out
        if not batched:
            out, last = out.squeeze(batch_dim), tuple(s.squeeze(1) for s in last)
        return out, self._as_result(last)

    def _check_dims(self, states, batched):
        wanted = 3 if batched else 2
        if any(s.ndim != wanted for s in states):
            got = f"({', '.join(f'{s.ndim}-D' for s in states)}) tensors" if len(states) == 2 else f"{states[0].ndim}-D tensor"
            what = "hx and cx" if len(states) == 2 else "hx"
            kind = "batched 3-D" if batched else "unbatched 2-D"
            raise RuntimeError(f"For {kind} input, {what} should also be {wanted}-D but got {got}")

    def _forward_packed(self, packed, hx):
        data, batch_sizes, sorted_indices, unsorted_indices = packed
        sizes = tuple(batch_sizes.tolist())
        if hx is None:
            states = self._start(data, sizes[0])
        else:
            states = tuple(_permuted(s, sorted_indices) for s in self._as_states(hx))
        self._check(data, states, sizes[0])
        out, last = self._through(data, states, sizes)
        result = self._as_result(tuple(_permuted(s, unsorted_indices) for s in last))
        return PackedSequence(out, batch_sizes, sorted_indices, unsorted_indices), result


def _permuted(state, indices):
    return state if indices is None else state.index_select(1, indices)


SIZES = "input_size: int, hidden_size: int, num_layers: int = 1"
OPTIONS = "bias=True, batch_first=False, dropout=0.0, bidirectional=False, device=None, dtype=None"


class RNN(RNNBase):
    """Elman's recurrent network: `h' = nonlinearity(W_ih x + b_ih + W_hh h + b_hh)` along a sequence.

    Parameters and shapes are those of `LSTM`, without `proj_size`; `nonlinearity` is "tanh" or "relu", and the state is h alone.

    Elman 1990.

    Args:
        input_size: the number of features of the input.
        hidden_size: the number of features of the state.
        num_layers: how many there are on top of one another.
        nonlinearity: "tanh" or "relu".
        bias: whether there are biases.
        batch_first: whether sequences are (batch, time, feature).
        dropout: the probability with which the results of all layers but the last are dropped.
        bidirectional: whether a second network reads the sequence from its end.
        device: where its parameters are made: "cpu", or "meta" for none of their memory.
        dtype: the dtype of its parameters.

    Shape: an input (L, N, input_size) and, if given, a state (num_layers * directions, N, hidden_size) give an output (L, N, directions *
    hidden_size) and the last state; without a batch all lack N.

    >>> output, h = torch.nn.RNN(4, 8)(torch.zeros(5, 3, 4))
    >>> output.shape, h.shape
    (torch.Size([5, 3, 8]), torch.Size([1, 3, 8]))
    """

    def __init__(self, *args, nonlinearity="tanh", **kwargs):
        if "proj_size" in kwargs:
            raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        if len(args) > 3:
            nonlinearity = args[3]
            args = args[:3] + args[4:]
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'.")
        self.nonlinearity = nonlinearity
        super().__init__(f"RNN_{nonlinearity.upper()}", *args, **kwargs)

    __init__.__signature__ = signatures.declared(f"(self, {SIZES}, nonlinearity='tanh', {OPTIONS}) -> None")  # type: ignore[attr-defined]


class GRU(RNNBase):
    """A gated recurrent unit along a sequence (Cho et al. 2014), its gates in the order reset, update, new.

    Parameters and shapes are those of `LSTM`, without `proj_size`; the state is h alone. At each step

        r, z = sigmoid(W x + b + U h + d) each,  n = tanh(W x + b + r * (U h + d)),  h' = (1 - z) * n + z * h

    Args:
        input_size: the number of features of the input.
        hidden_size: the number of features of the state.
        num_layers: how many there are on top of one another.
        bias: whether there are biases.
        batch_first: whether sequences are (batch, time, feature).
        dropout: the probability with which the results of all layers but the last are dropped.
        bidirectional: whether a second network reads the sequence from its end.
        device: where its parameters are made: "cpu", or "meta" for none of their memory.
        dtype: the dtype of its parameters.

    Shape: an input (L, N, input_size) and, if given, a state (num_layers * directions, N, hidden_size) give an output (L, N, directions *
    hidden_size) and the last state; without a batch all lack N.

    >>> output, h = torch.nn.GRU(4, 8, batch_first=True)(torch.zeros(3, 5, 4))
    >>> output.shape, h.shape
    (torch.Size([3, 5, 8]), torch.Size([1, 3, 8]))
    """

    def __init__(self, *args, **kwargs):
        if "proj_size" in kwargs:
            raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        super().__init__("GRU", *args, **kwargs)

    __init__.__signature__ = signatures.declared(f"(self, {SIZES}, {OPTIONS}) -> None")  # type: ignore[attr-defined]


class LSTM(RNNBase):
    """A long short-term memory along a sequence (Hochreiter and Schmidhuber 1997); the state is (h, c).

    At each step, with gates in the order input, forget, cell, output in the rows of the weights,

        i, f, o = sigmoid(W x + b + U h + d) each,  g = tanh(W x + b + U h + d)
        c' = f * c + i * g,  h' = o * tanh(c')

    Args:
        input_size: the number of features of each element of the sequence.
        hidden_size: the number of features of the state h.
        num_layers: how many there are on top of one another, each reading the states of the one before.
        bias: whether gates have biases.
        batch_first: whether sequences are (batch, time, feature) instead of (time, batch, feature).
        dropout: the probability with which the results of all layers but the last are dropped while training.
        bidirectional: whether a second network reads the sequence from its end; its states come after those of the first.
        proj_size: if it is not 0, the state h is projected to this size.
        device: where its parameters are made: "cpu", or "meta" for none of their memory.
        dtype: the dtype of its parameters.

    Shape: an input (L, N, input_size) and, if given, a state of two tensors (num_layers * directions, N, hidden_size) give an output
    (L, N, directions * hidden_size) and the last state; without a batch all lack N.

    >>> output, (h, c) = torch.nn.LSTM(4, 8, num_layers=2)(torch.zeros(5, 3, 4))
    >>> output.shape, h.shape
    (torch.Size([5, 3, 8]), torch.Size([2, 3, 8]))
    """

    def __init__(
        self, input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0, bidirectional=False, proj_size=0,
        device=None, dtype=None,
    ):  # fmt: skip
        sizes = input_size, hidden_size, num_layers
        super().__init__("LSTM", *sizes, bias, batch_first, dropout, bidirectional, proj_size, device, dtype)

    def _layer(self, x, states, weights, batch_sizes, reverse):
        bias = weights[2:4] if self.bias else (None, None)
        projection = weights[-1] if self.proj_size else None
        out, h, c = lstm_layer(x, *states, *weights[:2], *bias, projection, batch_sizes, reverse)
        return out, (h, c)

    def _state_sizes(self):
        return self.proj_size or self.hidden_size, self.hidden_size

    def _as_states(self, hx):
        return tuple(hx)

    def _as_result(self, states):
        return states


class RNNCellBase(Module):
    """What the cells share: two weights and two biases.

    Args:
        input_size: the number of features of the input.
        hidden_size: the number of features of the state.
        bias: whether there are biases.
        num_chunks: how many gates there are.
        device: where its parameters are made: "cpu", or "meta" for none of their memory.
        dtype: the dtype of its parameters.
    """

    def __init__(self, input_size, hidden_size, bias, num_chunks, device=None, dtype=None):
        super().__init__()
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        rows = num_chunks * hidden_size
        self.weight_ih = Parameter(creation.empty((rows, input_size), device=device, dtype=dtype))
        self.weight_hh = Parameter(creation.empty((rows, hidden_size), device=device, dtype=dtype))
        for name in ("bias_ih", "bias_hh"):
            if bias:
                setattr(self, name, Parameter(creation.empty(rows, device=device, dtype=dtype)))
            else:
                self.register_parameter(name, None)
        self.reset_parameters()

    def reset_parameters(self):
        """Draw all weights and biases uniformly within 1 / sqrt(hidden_size)."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def extra_repr(self):
        text = f"{self.input_size}, {self.hidden_size}"
        if self.bias is not True:
            text += f", bias={self.bias}"
        if getattr(self, "nonlinearity", "tanh") != "tanh":
            text += f", nonlinearity={self.nonlinearity}"
        return text

    def _prepared(self, input, states):
        """Input and states with a batch dimension, and whether the caller's had one."""
        name = type(self).__name__
        if input.ndim not in (1, 2):
            raise ValueError(f"{name}: Expected input to be 1D or 2D, got {input.ndim}D instead")
        for state in states or ():
            if state.ndim not in (1, 2):
                raise ValueError(f"{name}: Expected hidden to be 1D or 2D, got {state.ndim}D instead")
        batched = input.ndim == 2
        x = input if batched else input.unsqueeze(0)
        if x.shape[1] != self.input_size:
            raise RuntimeError(f"input has inconsistent input_size: got {x.shape[1]} expected {self.input_size}")
        if states is None:
            return x, None, batched
        states = tuple(s if batched else s.unsqueeze(0) for s in states)
        for i, state in enumerate(states):
            if state.shape[0] != x.shape[0]:
                raise RuntimeError(f"Input batch size {x.shape[0]} doesn't match hidden{i} batch size {state.shape[0]}")
            if state.shape[1] != self.hidden_size:
                raise RuntimeError(f"hidden{i} has inconsistent hidden_size: got {state.shape[1]}, expected {self.hidden_size}")
        return x, states, batched

    def _zeros(self, x):
        return constant(np.zeros((x.shape[0], self.hidden_size), x._array.dtype))

    def _weights(self):
        return self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh

    def forward(self, input, hx=None):
        """The next state (batch, hidden_size), zeros being the state before by default."""
        x, states, batched = self._prepared(input, None if hx is None else (hx,))
        h = self._step(x, self._zeros(x) if states is None else states[0])
        return h if batched else h.squeeze(0)


class RNNCell(RNNCellBase):
    """One step of Elman's recurrent network.

    Args:
        input_size: the number of features of the input.
        hidden_size: the number of features of the state.
        bias: whether there are biases.
        nonlinearity: "tanh" or "relu".
        device: where its parameters are made: "cpu", or "meta" for none of their memory.
        dtype: the dtype of its parameters.

    Shape: (N, input_size) and, if given, a state (N, hidden_size) give the next state (N, hidden_size), also without N.

    >>> torch.nn.RNNCell(4, 8)(torch.zeros(3, 4)).shape
    torch.Size([3, 8])
    """

    def __init__(self, input_size, hidden_size, bias=True, nonlinearity="tanh", device=None, dtype=None):
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def _step(self, x, h):
        if self.nonlinearity not in ("tanh", "relu"):
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")
        return (rnn_tanh_cell if self.nonlinearity == "tanh" else rnn_relu_cell)(x, h, *self._weights())


class GRUCell(RNNCellBase):
    """One step of a gated recurrent unit.

    Args:
        input_size: the number of features of the input.
        hidden_size: the number of features of the state.
        bias: whether there are biases.
        device: where its parameters are made: "cpu", or "meta" for none of their memory.
        dtype: the dtype of its parameters.

    Shape: (N, input_size) and, if given, a state (N, hidden_size) give the next state (N, hidden_size), also without N.

    >>> torch.nn.GRUCell(4, 8)(torch.zeros(3, 4)).shape
    torch.Size([3, 8])
    """

    def __init__(self, input_size, hidden_size, bias=True, device=None, dtype=None):
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def _step(self, x, h):
        return gru_cell(x, h, *self._weights())


class LSTMCell(RNNCellBase):
    """One step of a long short-term memory; its state is (h, c).

    Args:
        input_size: the number of features of the input.
        hidden_size: the number of features of the state.
        bias: whether there are biases.
        device: where its parameters are made: "cpu", or "meta" for none of their memory.
        dtype: the dtype of its parameters.

    Shape: (N, input_size) and, if given, two states (N, hidden_size) give the next two, also without N.

    >>> h, c = torch.nn.LSTMCell(4, 8)(torch.zeros(3, 4))
    >>> h.shape, c.shape
    (torch.Size([3, 8]), torch.Size([3, 8]))
    """

    def __init__(self, input_size, hidden_size, bias=True, device=None, dtype=None):
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input, hx=None):
        """The next states h and c, (batch, hidden_size) each, zeros being those before by default."""
        x, states, batched = self._prepared(input, None if hx is None else tuple(hx))
        h, c = lstm_cell(x, (self._zeros(x), self._zeros(x)) if states is None else states, *self._weights())
        return (h, c) if batched else (h.squeeze(0), c.squeeze(0))
