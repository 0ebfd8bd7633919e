"""Cells: what a step does with each unit once the products are there, forward and backward.

A cell's formula takes the numbers it reads and returns those it writes, by the names of arrays; `z[2]` is the third gate of an
array of gates. `Place` says which row of an array belongs to a row of a step.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any, NamedTuple

from ..formulas.exponential import sigmoid, tanh
from ..formulas.values import Precision, Value, select


class Place(enum.Enum):
    """Where the row of an array is that belongs to a row of a step."""

    STEP = "one for each sequence and step"
    STATE = "one for each sequence"
    BEFORE = "that of the step before, or of the state that the layer began with"
    SCRATCH = "one for each sequence of a thread, as wide as all gates"
    ALL = "the same for all"


class Array(NamedTuple):
    """An array of a cell: its name, how many numbers of each unit a row holds, and which row is meant."""

    name: str
    gates: int
    place: Place


Formula = Callable[[Any, Precision], dict[str, Any]]


class Cell(NamedTuple):
    """The arrays that a step reads and writes, the formula for each unit, and the operands of the product for the next step.

    `left` is multiplied by the packed matrix and added to `into`: before the formula where that is the state (forward), after it backward.
    """

    arrays: tuple[Array, ...]
    formula: Formula
    left: str
    into: str
    forward: bool


STEP, STATE, BEFORE, SCRATCH, ALL = Place


def lstm(x: Any, at: Precision) -> dict[str, Any]:
    """Gates in the order i, f, g, o (Hochreiter and Schmidhuber 1997, with the forget gate of Gers and others 2000)."""
    i, f, g, o = (x["pre"][k] + x["product"][k] for k in range(4))
    i, f, g, o = sigmoid(i, at), sigmoid(f, at), tanh(g, at), sigmoid(o, at)
    c = f * x["c"][0] + i * g
    squashed = tanh(c, at)
    h = o * squashed
    return {"gates": [i, f, g, o], "c": [c], "cells": [c], "squashed": [squashed], "out": [h], "h": [h], "product": x["bias"]}


def lstm_backward(x: Any, at: Precision) -> dict[str, Any]:
    """The gradients of the gates' arguments, and of the cell state before the step."""
    i, f, g, o = x["gates"]
    (squashed,), (head,) = x["squashed"], [x["dh"][0] + x["g_out"][0]]
    cell = head * (o * (1.0 - squashed * squashed)) + x["dc"][0]
    delta = [
        cell * (g * i * (1.0 - i)),
        cell * (x["cells"][0] * f * (1.0 - f)),
        cell * (i * (1.0 - g * g)),
        head * (squashed * o * (1.0 - o)),
    ]
    return {"delta": delta, "dc": [cell * f], "dh": [0.0]}


def gru(x: Any, at: Precision) -> dict[str, Any]:
    """Gates in the order r, z, n (Cho and others 2014), r after the product."""
    pre, inner = x["pre"], x["product"]
    r, z = sigmoid(pre[0] + inner[0], at), sigmoid(pre[1] + inner[1], at)
    n = tanh(pre[2] + r * inner[2], at)
    h = n + z * (x["h"][0] - n)
    return {"gates": [r, z, n], "inner": [inner[2]], "out": [h], "h": [h], "product": x["bias"]}


def gru_backward(x: Any, at: Precision) -> dict[str, Any]:
    """The gradients of the gates' arguments, once as the input's product meets them and once as the state's does."""
    r, z, n = x["gates"]
    head = x["dh"][0] + x["g_out"][0]
    d_n = head * ((1.0 - z) * (1.0 - n * n))
    d_r = d_n * x["inner"][0] * (r * (1.0 - r))
    d_z = head * ((x["out"][0] - n) * z * (1.0 - z))
    return {"delta": [d_r, d_z, d_n], "hidden": [d_r, d_z, d_n * r], "dh": [head * z]}


def elman(squash: Callable[[Value, Precision], Value]) -> Formula:
    """Elman's network (1990)."""

    def formula(x: Any, at: Precision) -> dict[str, Any]:
        h = squash(x["pre"][0] + x["product"][0], at)
        return {"out": [h], "h": [h], "product": x["bias"]}

    return formula


def elman_backward(slope: Callable[[Value], Value]) -> Formula:
    """The gradient of the argument, from the result."""

    def formula(x: Any, at: Precision) -> dict[str, Any]:
        return {"delta": [(x["dh"][0] + x["g_out"][0]) * slope(x["out"][0])], "dh": [0.0]}

    return formula


def relu(x: Value, at: Precision) -> Value:
    """The larger of x and 0; NaN stays NaN."""
    return select(x < 0.0, 0.0, x)


def tanh_slope(y: Value) -> Value:
    """The derivative of tanh where it is y."""
    return 1.0 - y * y


def relu_slope(y: Value) -> Value:
    """The derivative of relu where it is y; 1 where that is NaN, as of relu by itself."""
    return select(y <= 0.0, y.constant(0.0), 1.0)


def forward(gates: int, formula: Formula, *arrays: Array) -> Cell:
    """A step forward: the state times its matrix, to which the bias is added already, and the formula."""
    product = Array("product", gates, SCRATCH), Array("bias", gates, ALL)
    return Cell((Array("pre", gates, STEP), *product, Array("h", 1, STATE), Array("out", 1, STEP), *arrays), formula, "h", "product", True)


def backward(gates: int, formula: Formula, left: str, *arrays: Array) -> Cell:
    """A step backward: the formula, and what it gives times the matrix for the gradient of the state before."""
    common = Array("g_out", 1, STEP), Array("dh", 1, STATE), Array("delta", gates, STEP)
    return Cell((*common, *arrays), formula, left, "dh", False)


CELLS = {
    "lstm": forward(4, lstm, Array("gates", 4, STEP), Array("c", 1, STATE), Array("cells", 1, STEP), Array("squashed", 1, STEP)),
    "lstm_backward": backward(
        4, lstm_backward, "delta", Array("gates", 4, STEP), Array("dc", 1, STATE), Array("cells", 1, BEFORE), Array("squashed", 1, STEP)
    ),
    "gru": forward(3, gru, Array("gates", 3, STEP), Array("inner", 1, STEP)),
    "gru_backward": backward(
        3, gru_backward, "hidden", Array("hidden", 3, STEP), Array("gates", 3, STEP), Array("inner", 1, STEP), Array("out", 1, BEFORE)
    ),
    "tanh": forward(1, elman(tanh)),
    "tanh_backward": backward(1, elman_backward(tanh_slope), "delta", Array("out", 1, STEP)),
    "relu": forward(1, elman(relu)),
    "relu_backward": backward(1, elman_backward(relu_slope), "delta", Array("out", 1, STEP)),
}
