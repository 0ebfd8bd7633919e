"""Sequences: batches that are taken for time, targets that are not shifted."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from ...autograd.nonfinite import ancestors
from ...core.modes import no_grad
from ...core.origin import NOWHERE, Origin
from ...core.scope import here
from ...core.tensor import Tensor, wrap
from ...nn.convolution import _ConvNd
from ...nn.embedding import Embedding
from ...nn.linear import Linear
from ...nn.module import Module
from ...nn.multihead import MultiheadAttention
from ...nn.recurrent import RNNBase
from ...utils.data.dataloader import default_collate
from ...utils.data.sampler import RandomSampler
from ..findings import Check
from ..program import Call, FunctionCall, Pass, tensors_in
from .rows import DRAWS, Rows, Taken

SEVERAL = 3
RECURRENT = frozenset({"lstm_layer", "gru_layer", "rnn_layer"})


class BatchForTime(Check):
    """A recurrent or attention layer takes the samples of a batch for the steps of a sequence: `batch_first` is forgotten."""

    name = "batch-first"
    remedy = "Make the layer with batch_first=True, or give it x.transpose(0, 1)."
    functions = ("multi_head_attention_forward", *DRAWS)

    def __init__(self, *given: Any):
        super().__init__(*given)
        self.drawn = Rows()
        self.taken: Taken | None = None  # the rows that the model was called with, drawn by chance and not by a loader
        self.length: tuple[int, ...] = ()  # of the second dimension of these, if there is one
        self.paired = False  # whether targets were taken by the same numbers as such rows: they are samples
        self.loaded = 0  # samples in the loader's last batch, where they lie along the first dimension
        self.rows = 0  # those of them that the model was called with
        self.times: dict[int, int] = {}  # by layer; less than 0 where its batches are as it takes them
        self.model: Module | None = None  # the one that runs

    def batch(self, iterator: Any, data: Any) -> None:
        drawn = isinstance(getattr(iterator._index_sampler, "sampler", None), RandomSampler)  # what comes in order may be steps of time
        first = next(tensors_in(data), None) if drawn and iterator._collate_fn is default_collate else None
        self.loaded = first.shape[0] if first is not None and first.ndim else 0

    def look(self, on: bool) -> None:
        self.drawn.taken.clear()

    def calling(self, call: Call) -> None:
        given = call.inputs[0] if call.grad and call.inputs and call.inputs[0].ndim else None
        self.rows, self.taken = 0, None
        if given is not None and given.shape[0] == self.loaded:
            self.rows = self.loaded
        elif given is not None and (entry := self.drawn.of(given)) is not None and entry.draw is not None:
            self.rows, self.taken, self.length = given.shape[0], entry, tuple(given.shape[1:2])
        self.model = call.model.module

    def called(self, call: Call) -> None:
        self.rows, self.model = 0, None

    def operation(self, op: Any, operands: tuple[Any, ...], result: Any) -> None:
        self.drawn.take(op, operands, result)
        if self.rows and op.name in RECURRENT:
            self.look_at(operands[0], RNNBase)

    def function(self, call: FunctionCall) -> None:
        if call.name in DRAWS:
            self.drawn.draw(call.result)
        elif self.rows and call.args and self.model is not None and not knows_sequences(self.model):
            self.look_at(call.args[0], MultiheadAttention)

    def backward(self, run: Pass) -> None:
        if self.taken is not None:
            self.paired = self.paired or any(map(self.is_target, self.drawn.every))

    def backwarded(self, run: Pass) -> None:
        self.taken = None
        self.drawn.tidy()

    def is_target(self, other: Taken) -> bool:
        """Whether rows of another table were taken by the numbers that the model's were, one entry or vector for each."""
        mine, table = self.taken, other.table()
        if mine is None or table is None or other.draw is not mine.draw or table is mine.table():
            return False
        return other.size == mine.size and np.array_equal(other.rows, mine.rows) and table.shape[1:2] != self.length

    def look_at(self, x: Any, kind: type[Module]) -> None:
        """Look which dimension of a layer's input has as many entries as the batch."""
        scope = here.get().scope
        layer = None if scope is None else scope.module()
        if not isinstance(layer, kind) or layer.batch_first or not isinstance(x, Tensor) or x.ndim != 3:
            return
        times = self.times.get(id(layer), 0)
        if x.shape[1] in (1, self.rows) or x.shape[0] != self.rows:
            if x.shape[1] == self.rows != x.shape[0]:
                self.times[id(layer)] = -1
            return
        if times >= 0:
            self.times[id(layer)] = times + 1
        if times + 1 >= SEVERAL and (self.taken is None or self.paired):
            of = type(layer).__name__
            message = f"{of} takes (time, batch, features), and is given {tuple(x.shape)} of a batch of {self.rows} samples:"
            self.found(f"{message} it takes the samples for {self.rows} steps of time, and what it knows of one goes into the next.")


def knows_sequences(model: Module) -> bool:
    """Whether a model has layers that mix the steps of each sample's sequence: then another may be to mix the samples, on purpose."""
    return any(isinstance(m, _ConvNd) or (isinstance(m, (RNNBase, MultiheadAttention)) and m.batch_first) for m in model.modules())


class TargetsNotShifted(Check):
    """A model that sees no later tokens than the one it is at is to predict that one: the targets are its input."""

    name = "targets-not-shifted"
    remedy = "Shift the targets by one: x, y = tokens[:, :-1], tokens[:, 1:]."
    functions = ("cross_entropy", "nll_loss")

    def __init__(self, *given: Any):
        super().__init__(*given)
        self.call: tuple[Module, Tensor, tuple[Any, ...], dict[str, Any]] | None = None
        self.times = 0
        self.sample: tuple[Module, Tensor, tuple[Any, ...], dict[str, Any]] | None = None
        self.at = NOWHERE

    def called(self, call: Call) -> None:
        self.call = None
        if self.times >= 0 and call.grad and call.inputs:
            tokens = next((t for t in call.inputs if t._array.dtype.kind == "i" and t.ndim == 2 and min(t.shape) > 1), None)
            if tokens is not None:
                self.call = call.model.module, tokens, call.args, call.kwargs

    def function(self, call: FunctionCall) -> None:
        target = call.argument(1, "target")
        if self.call is None or not isinstance(target, Tensor) or not 0 <= self.times < SEVERAL:
            return
        if is_coded(call.argument(0, "input")) or not are_same(self.call[1]._array, target._array, call.argument(4, "ignore_index", -100)):
            self.times = -1
            return
        self.times += 1
        self.sample, self.at = self.call, Origin.here()

    def finish(self) -> None:
        if self.times >= SEVERAL and self.sample is not None and not narrows(self.sample[0]) and sees_no_later(*self.sample):
            message = "The targets are the very tokens that the model is given, and what it returns at one comes of it and those before:"
            self.found(f"{message} it need only repeat what it sees.", self.at)


def is_coded(scores: Any) -> bool:
    """Whether scores came through something that has no gradient, as what is rounded or looked up in a codebook."""
    if not isinstance(scores, Tensor) or scores._node is None:
        return True
    return any(getattr(node, "cut", None) is not None for node in ancestors(scores._node))


def are_same(tokens: np.ndarray[Any, Any], target: np.ndarray[Any, Any], ignored: int) -> bool:
    """Whether targets are the tokens themselves, but for those that a loss ignores."""
    if target.dtype.kind != "i" or target.size != tokens.size or (target.ndim > 1 and target.shape != tokens.shape):
        return False
    kept = target.reshape(-1) != ignored
    tokens, target = tokens.reshape(-1)[kept], target.reshape(-1)[kept]
    return bool((tokens == target).all()) and np.unique(target).size > SEVERAL


def narrows(module: Module) -> bool:
    """Whether a layer gives fewer numbers than a token's embedding has, as an autoencoder's bottleneck does, or there is no embedding."""
    embeddings = [m for m in module.modules() if isinstance(m, Embedding)]
    if not embeddings:
        return True
    tokens = max(embeddings, key=lambda m: m.num_embeddings)
    layers = [m for m in module.modules() if isinstance(m, (Linear, _ConvNd, RNNBase))]
    widths = (getattr(m, "out_features", getattr(m, "out_channels", getattr(m, "hidden_size", None))) for m in layers)
    return any(width < tokens.embedding_dim for width in widths if width != tokens.num_embeddings)


def sees_no_later(module: Module, tokens: Tensor, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether a change of the last token changes a model's output there alone, while one of the first goes further."""
    try:
        model = copy.deepcopy(module).eval()

        def outputs(place: tuple[int, int] | None = None) -> np.ndarray[Any, Any]:
            array = tokens._array.copy()
            if place is not None:
                array[place] = next(each for each in np.unique(array) if each != array[place])
            other = wrap(array)

            def given(value: Any) -> Any:
                return other if value is tokens else value

            with no_grad():
                found = tensors_in(model(*map(given, args), **{name: given(value) for name, value in kwargs.items()}))
            return max((t._array for t in found), key=np.size)

        plain = outputs()
        first, last = (np.abs(outputs(place) - plain) > 1e-5 * np.abs(plain).max() for place in ((0, 0), (-1, -1)))
        return bool(0 < last.sum() * tokens.numel() <= plain.size < first.sum() * tokens.numel())
    except Exception:  # whatever a user's module does when it is copied or called: then nobody knows
        return False
