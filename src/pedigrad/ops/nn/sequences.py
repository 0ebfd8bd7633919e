"""The loops over time of recurrent layers in native code: what is left of a layer once its input is multiplied.

`steps` are the first row and the number of rows of each step, in the order in which the layer goes through them. Where arrays are recorded,
a loop is one call in the program.
"""

from __future__ import annotations

import math

import numpy as np

from ...eager import native
from ..xp import real, whole

FEWEST = 1 << 13  # multiplications of a loop from which on it pays to call native code


def takes(steps, *arrays) -> bool:
    """Whether native code goes through the steps of a layer with these arrays, the last of which is the state's matrix."""
    present = [x for x in arrays if x is not None]
    if sum(n for _, _, n in steps) * math.prod(arrays[-1].shape) < FEWEST or any(x.dtype != present[0].dtype for x in present):
        return False
    return all(native.takes_product(x, native.LARGE_PRODUCT) for x in real(*present))


def ready(*arrays):
    """Arrays whose rows lie one after the other."""
    return [None if x is None else np.ascontiguousarray(x) for x in arrays]


def rows(like, columns: int):
    """An array with a row for each of `like`, of unspecified contents."""
    return native.empty((len(like), columns), like.dtype)


def spans(steps):
    """The first row and the number of rows of each step."""
    return [(start, n) for start, _, n in steps]


def bias_of(pre, *biases):
    """What is added to each row of `pre`."""
    present = [b for b in biases if b is not None]
    return np.ascontiguousarray(sum(present[1:], present[0])) if present else np.zeros(pre.shape[1], pre.dtype)


@whole
def lstm(pre, h0, c0, w_hh, b_ih, b_hh, steps):
    """Outputs, last hidden and cell state, gates, cell states and their tanh of the input's products `pre` (rows, 4 * hidden)."""
    pre, w_hh = ready(pre, w_hh)
    h, c = np.array(h0, order="C"), np.array(c0, order="C")
    out, cells, squashed = (rows(pre, h.shape[1]) for _ in range(3))
    gates = rows(pre, pre.shape[1])
    arrays = {
        "pre": pre,
        "bias": bias_of(pre, b_ih, b_hh),
        "h": h,
        "c": c,
        "out": out,
        "gates": gates,
        "cells": cells,
        "squashed": squashed,
    }
    native.recur("lstm", arrays, w_hh.T, spans(steps))
    return out, h, c, gates, cells, squashed


@whole
def lstm_grad(g_out, dh, dc, gates, cells, squashed, c0, w_hh, steps):
    """The gradients of `pre`, of the hidden state and of the cell state before all steps; `dh` and `dc` are those after them."""
    gates, cells, squashed, c0, w_hh, g_out = ready(gates, cells, squashed, c0, w_hh, g_out)
    dh, dc = np.array(dh, order="C"), np.array(dc, order="C")
    delta = rows(gates, gates.shape[1])
    g_out = np.zeros_like(cells) if g_out is None else g_out
    arrays = {"g_out": g_out, "dh": dh, "dc": dc, "delta": delta, "gates": gates, "squashed": squashed, "cells": cells, "cells_start": c0}
    native.recur("lstm_backward", arrays, w_hh, spans(steps)[::-1])
    return delta, dh, dc


@whole
def gru(pre, h0, w_hh, b_hh, steps):
    """Outputs, last hidden state, gates and the state's share of the last gate of rows `pre` (rows, 3 * hidden)."""
    pre, w_hh = ready(pre, w_hh)
    h, bias = np.array(h0, order="C"), bias_of(pre, b_hh)
    out, inner, gates = rows(pre, h.shape[1]), rows(pre, h.shape[1]), rows(pre, pre.shape[1])
    native.recur("gru", {"pre": pre, "h": h, "out": out, "gates": gates, "inner": inner, "bias": bias}, w_hh.T, spans(steps))
    return out, h, gates, inner


@whole
def gru_grad(g_out, dh, gates, inner, out, h0, w_hh, steps):
    """The gradients of `pre`, of the state's product, and of the hidden state before all steps; `dh` is that after them."""
    gates, inner, out, h0, w_hh, g_out = ready(gates, inner, out, h0, w_hh, g_out)
    dh = np.array(dh, order="C")
    delta, hidden = rows(gates, gates.shape[1]), rows(gates, gates.shape[1])
    g_out = np.zeros_like(out) if g_out is None else g_out
    arrays = {"g_out": g_out, "dh": dh, "delta": delta, "hidden": hidden, "gates": gates, "inner": inner, "out": out, "out_start": h0}
    native.recur("gru_backward", arrays, w_hh, spans(steps)[::-1])
    return delta, hidden, dh


@whole
def elman(pre, h0, w_hh, b_ih, b_hh, nonlinearity, steps):
    """Outputs and last hidden state of the input's products `pre` (rows, hidden)."""
    pre, w_hh = ready(pre, w_hh)
    h, out = np.array(h0, order="C"), rows(pre, pre.shape[1])
    native.recur(nonlinearity, {"pre": pre, "bias": bias_of(pre, b_ih, b_hh), "h": h, "out": out}, w_hh.T, spans(steps))
    return out, h


@whole
def elman_grad(g_out, dh, out, w_hh, nonlinearity, steps):
    """The gradients of `pre` and of the hidden state before all steps; `dh` is that after them."""
    out, w_hh, g_out = ready(out, w_hh, g_out)
    dh, delta = np.array(dh, order="C"), rows(out, out.shape[1])
    g_out = np.zeros_like(out) if g_out is None else g_out
    native.recur(f"{nonlinearity}_backward", {"g_out": g_out, "dh": dh, "delta": delta, "out": out}, w_hh, spans(steps)[::-1])
    return delta, dh
