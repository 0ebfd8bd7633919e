"""Recurrent layers: a whole sequence through one layer in one direction is one node.

Sequences come as rows: all sequences' first elements, then their second ones, and so on, `batch_sizes` of them each (a packed
sequence), or as (time, batch, features). The matrix products that do not depend on the state are done for all rows at once; the
loop over time does the rest. What a step's gradient needs again is kept in the hidden outputs.
"""

from __future__ import annotations

import numpy as np

from ...core.declare import composite, function
from ...core.quiet import astype
from ..xp import are_differentiated, kind_of, matmul, total
from . import sequences


def _steps(x, initial, batch_sizes, reverse):
    """The time steps in the order they are gone through: (start row, end row, rows)."""
    sizes = (x.shape[1],) * x.shape[0] if batch_sizes is None else batch_sizes
    if initial.shape[0] != (sizes[0] if sizes else initial.shape[0]):
        raise RuntimeError(f"Expected hidden size for {sizes[0]} sequences, got {initial.shape[0]}")
    steps, start = [], 0
    for n in sizes:
        steps.append((start, start + n, n))
        start += n
    return steps[::-1] if reverse else steps


def _sizes(steps, reverse):
    """The number of rows of each step, from the first one on."""
    return tuple(n for _, _, n in (steps[::-1] if reverse else steps))


def _rows(x):
    return np.reshape(x, (-1, x.shape[-1])) if x.ndim == 3 else x


def _shaped(rows, x):
    return np.reshape(rows, (*x.shape[:-1], rows.shape[-1])) if x.ndim == 3 else rows


def _joined(pieces, steps):
    """One piece per step, gone through in that order, as rows."""
    return np.concatenate(pieces if not steps or steps[0][0] == 0 else pieces[::-1], axis=0)


def _continued(new, old):
    """The state after a step: sequences that the step has none of keep theirs."""
    n = new.shape[0]
    return new if n == old.shape[0] else np.concatenate([new, old[n:]], axis=0)


def _previous(rows, initial, steps):
    """The state before each step, as rows, given those after it."""
    if steps and all(n == initial.shape[0] for _, _, n in steps):
        n = initial.shape[0]
        pieces = [initial, rows[:-n]] if steps[0][0] == 0 else [rows[n:], initial]
        return np.concatenate(pieces, axis=0)
    pieces, last = [], (0, 0, 0)
    for step in steps:
        known = min(last[2], step[2])
        piece = rows[last[0] : last[0] + known]
        pieces.append(piece if known == step[2] else np.concatenate([piece, initial[known : step[2]]], axis=0))
        last = step
    return _joined(pieces, steps)


def _affine(x, weight, *biases):
    """The product with `weight` plus the biases, a new array."""
    out = matmul(x, weight.T)
    present = [b for b in biases if b is not None]
    if not present:
        return out
    bias = present[0] if len(present) == 1 else present[0] + present[1]
    return np.add(out, bias, out=out) if out.__class__ is bias.__class__ is np.ndarray else out + bias


def _packed(x):
    """`x` with its rows one after the other: a product with a transposed matrix costs several times as much."""
    return np.ascontiguousarray(x) if x.__class__ is np.ndarray else x


def _zeros(like, shape=None):
    return np.zeros(tuple(like.shape if shape is None else shape), kind_of(like))


def _sigmoid(x):
    return np.tanh(x * 0.5) * 0.5 + 0.5


def _column_sum(x):
    return total(x, 0)


def _start(x, w_hh, n_gates, w_hr=None):
    """Check that the sizes of input and weights agree."""
    width = w_hh.shape[0] // n_gates
    state = width if w_hr is None else w_hr.shape[0]
    if w_hh.shape[1] != state:
        raise RuntimeError(f"weight_hh of shape {tuple(w_hh.shape)} does not fit a hidden state of size {state}")
    return width


# LSTM

_CELL = [(2, 3, 2), (3, 3), (3, 3), (12, 2), (12, 3), (12,), (12,), None]


@composite(
    called="lstm",
    places="", outputs=("out", "h", "c", "gates", "cells", "squashed"), hidden=3, remade=True, node="LstmBackward0",
    samples=[(*_CELL, None, False), (*_CELL, None, True), ((5, 2), (3, 1), (3, 3), (12, 2), (12, 1), None, None, (1, 3), (3, 2), True)],
)  # fmt: skip
def lstm_layer(x, h0, c0, w_ih, w_hh, b_ih=None, b_hh=None, w_hr=None, /, batch_sizes=None, reverse=False):
    """The outputs of an LSTM layer along `x`, and its last hidden and cell state; gates in the order i, f, g, o."""
    width = _start(x, w_hh, 4, w_hr)
    steps = _steps(x, h0, batch_sizes, reverse)
    if not steps:
        raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
    if w_hr is None and sequences.takes(steps, x, h0, c0, w_ih, b_ih, b_hh, w_hh):
        out, h, c, *kept = sequences.lstm(matmul(_rows(x), w_ih.T), h0, c0, w_hh, b_ih, b_hh, steps)
        return _shaped(out, x), h, c, *kept
    # A sigmoid is a tanh of half the argument, stretched: one tanh then serves all four gates.
    half = np.full(4 * width, 0.5, kind_of(h0))
    half[2 * width : 3 * width] = 1
    shift = 1 - half
    biases = (None if b is None else b * half for b in (b_ih, b_hh))
    pre = _affine(_rows(x), w_ih * half[:, None], *biases)
    recurrent = _packed(w_hh.T * half)
    h, c = h0, c0
    outs, gates, cells, squashed = [], [], [], []
    in_place = all(a.__class__ is np.ndarray for a in (pre, h0, c0, recurrent, w_hr) if a is not None)
    opened = _opened_in_place if in_place else _opened
    for start, end, n in steps:
        z = opened(pre[start:end], matmul(h if n == h.shape[0] else h[:n], recurrent), half, shift)
        new_c = z[:, width : 2 * width] * (c if n == c.shape[0] else c[:n]) + z[:, :width] * z[:, 2 * width : 3 * width]
        tc = np.tanh(new_c)
        new_h = z[:, 3 * width :] * tc
        if w_hr is not None:
            new_h = matmul(new_h, w_hr.T)
        h, c = _continued(new_h, h), _continued(new_c, c)
        outs.append(new_h)
        gates.append(z)
        cells.append(new_c)
        squashed.append(tc)
    out = _shaped(_joined(outs, steps), x)
    made = pre if in_place else _joined(gates, steps)
    return out, np.copy(h), np.copy(c), made, _joined(cells, steps), _joined(squashed, steps)


def _opened(rows, product, half, shift):
    """The gates of one step."""
    return np.tanh(rows + product) * half + shift


def _opened_in_place(rows, product, half, shift):
    """The same of arrays, in the place of `rows`."""
    np.add(rows, product, out=rows)
    np.tanh(rows, out=rows)
    np.multiply(rows, half, out=rows)
    return np.add(rows, shift, out=rows)


@lstm_layer.grad("x", "h0", "c0", "w_ih", "w_hh", "b_ih", "b_hh", "w_hr")
def _(g_out, g_h, g_c, x, h0, c0, w_ih, w_hh, b_ih, b_hh, w_hr, out, gates, cells, squashed, batch_sizes, reverse, needs):
    steps = _steps(x, h0, batch_sizes, reverse)
    dh = _zeros(h0) if g_h is None else g_h
    dc = _zeros(c0) if g_c is None else g_c
    given = (gates, cells, squashed, c0, w_hh, dh, dc, None if g_out is None else _rows(g_out), w_hr)
    slopes = lstm_slopes.op.forward if are_differentiated(given) else lstm_slopes
    delta, d_h0, d_c0 = slopes(*given, _sizes(steps, reverse), reverse)
    wanted = (needs[0], needs[3], needs[4], needs[5] or needs[6])
    d_x, d_ih, d_hh, d_b = _product_grads(delta, delta, x, _previous(_rows(out), h0, steps), w_ih, wanted)
    d_hr = None
    if needs[7]:
        arriving = _previous(matmul(delta, w_hh), dh, steps[::-1])
        arriving = arriving if g_out is None else arriving + _rows(g_out)
        d_hr = matmul(arriving.T, gates[:, 3 * c0.shape[1] :] * squashed)
    return d_x, d_h0, d_c0, d_ih, d_hh, *_two(d_b), d_hr


@composite(
    places="", outputs=("delta", "d_h0", "d_c0"),
    samples=[((6, 12), (6, 3), (6, 3), (3, 3), (12, 3), (3, 3), (3, 3), (6, 3), None, (3, 3), False),
             ((5, 12), (5, 3), (5, 3), (3, 3), (12, 1), (3, 1), (3, 3), None, (1, 3), (3, 2), True)],
)  # fmt: skip
def lstm_slopes(gates, cells, squashed, c0, w_hh, dh, dc, g_out=None, w_hr=None, /, batch_sizes=(), reverse=False):
    """The gradients, as rows, of what a layer's gates are made of, and those of its first states.

    `dh`, `dc` and `g_out` are the gradients of the last states and, as rows, of the outputs.
    """
    width = c0.shape[1]
    steps = _steps(gates, c0, batch_sizes, reverse)
    if w_hr is None and sequences.takes(steps, g_out, dh, dc, gates, cells, squashed, c0, w_hh):
        return sequences.lstm_grad(g_out, dh, dc, gates, cells, squashed, c0, w_hh, steps)
    before = _previous(cells, c0, steps)
    # The derivatives of all gates at all steps, before they are multiplied with what arrives.
    i, f, n_, o = (gates[:, k * width : (k + 1) * width] for k in range(4))
    d_i, d_f, d_n = n_ * i * (1 - i), before * f * (1 - f), i * (1 - n_ * n_)
    d_o, d_c = squashed * o * (1 - o), o * (1 - squashed * squashed)
    deltas = []
    for start, end, n in reversed(steps):
        head = dh if n == dh.shape[0] else dh[:n]
        if g_out is not None:
            head = head + g_out[start:end]
        m = head if w_hr is None else matmul(head, w_hr)
        cell = m * d_c[start:end] + (dc if n == dc.shape[0] else dc[:n])
        delta = np.concatenate([cell * d_i[start:end], cell * d_f[start:end], cell * d_n[start:end], m * d_o[start:end]], axis=1)
        deltas.append(delta)
        dh = _continued(matmul(delta, w_hh), dh)
        dc = _continued(cell * f[start:end], dc)
    return _joined(deltas, steps[::-1]), dh, dc


def _product_grads(delta, delta_hidden, x, before, w_ih, needs):
    """The gradients of what goes into the matrix products, for all steps at once."""
    d_x = _shaped(matmul(delta, w_ih), x) if needs[0] else None
    d_ih = matmul(delta.T, _rows(x)) if needs[1] else None
    d_hh = matmul(delta_hidden.T, before) if needs[2] else None
    return d_x, d_ih, d_hh, _column_sum(delta) if needs[3] else None


def _two(d_b):
    """The gradient of one bias, and as much for the other, which whoever asks for both may write to apart."""
    return d_b, None if d_b is None else np.copy(d_b)


# GRU

_GRU = [(2, 3, 2), (3, 4), (12, 2), (12, 4), (12,), (12,)]


@composite(
    called="gru",
    places="", outputs=("out", "h", "gates", "inner"), hidden=2, remade=True, node="GruBackward0",
    samples=[(*_GRU, None, False), ((5, 2), (3, 4), (12, 2), (12, 4), None, None, (3, 2), True)],
)  # fmt: skip
def gru_layer(x, h0, w_ih, w_hh, b_ih=None, b_hh=None, /, batch_sizes=None, reverse=False):
    """The outputs of a GRU layer along `x`, and its last hidden state; gates in the order r, z, n."""
    width = _start(x, w_hh, 3)
    steps = _steps(x, h0, batch_sizes, reverse)
    if not steps:
        raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
    pre = _affine(_rows(x), w_ih, b_ih)
    if sequences.takes(steps, pre, h0, b_hh, w_hh):
        out, h, gates, inner = sequences.gru(pre, h0, w_hh, b_hh, steps)
        return _shaped(out, x), h, gates, inner
    recurrent = _packed(w_hh.T)
    h = h0
    outs, gates, inner = [], [], []
    for start, end, n in steps:
        old = h if n == h.shape[0] else h[:n]
        z = matmul(old, recurrent)
        if b_hh is not None:
            z = z + b_hh
        now = pre[start:end]
        rz = _sigmoid(now[:, : 2 * width] + z[:, : 2 * width])
        hidden = z[:, 2 * width :]
        new = np.tanh(now[:, 2 * width :] + rz[:, :width] * hidden)
        new_h = new + rz[:, width:] * (old - new)
        h = _continued(new_h, h)
        outs.append(new_h)
        gates.append(np.concatenate([rz, new], axis=1))
        inner.append(hidden)
    return _shaped(_joined(outs, steps), x), np.copy(h), _joined(gates, steps), _joined(inner, steps)


@gru_layer.grad("x", "h0", "w_ih", "w_hh", "b_ih", "b_hh")
def _(g_out, g_h, x, h0, w_ih, w_hh, b_ih, b_hh, out, gates, inner, batch_sizes, reverse, needs):
    steps = _steps(x, h0, batch_sizes, reverse)
    before = _previous(_rows(out), h0, steps)
    given = (gates, inner, _rows(out), h0, w_hh, _zeros(h0) if g_h is None else g_h, None if g_out is None else _rows(g_out))
    slopes = gru_slopes.op.forward if are_differentiated(given) else gru_slopes
    delta, delta_hidden, d_h0 = slopes(*given, _sizes(steps, reverse), reverse)
    d_x, d_ih, d_hh, d_b = _product_grads(delta, delta_hidden, x, before, w_ih, (needs[0], needs[2], needs[3], needs[4]))
    return d_x, d_h0, d_ih, d_hh, d_b, _column_sum(delta_hidden) if needs[5] else None


@composite(
    places="", outputs=("delta", "delta_hidden", "d_h0"),
    samples=[((6, 12), (6, 4), (6, 4), (3, 4), (12, 4), (3, 4), (6, 4), (3, 3), False),
             ((5, 12), (5, 4), (5, 4), (3, 4), (12, 4), (3, 4), None, (3, 2), True)],
)  # fmt: skip
def gru_slopes(gates, inner, out, h0, w_hh, dh, g_out=None, /, batch_sizes=(), reverse=False):
    """The gradients, as rows, of what a layer's gates are made of, by the input and by the states, and those of its first state."""
    width = gates.shape[1] // 3
    steps = _steps(gates, h0, batch_sizes, reverse)
    if sequences.takes(steps, g_out, dh, gates, inner, out, h0, w_hh):
        return sequences.gru_grad(g_out, dh, gates, inner, out, h0, w_hh, steps)
    before = _previous(out, h0, steps)
    r, z, new = (gates[:, k * width : (k + 1) * width] for k in range(3))
    d_new = (1 - z) * (1 - new * new)
    d_z, d_r = (before - new) * z * (1 - z), d_new * inner * r * (1 - r)
    d_inner = d_new * r
    deltas, hidden = [], []
    for start, end, n in reversed(steps):
        head = dh if n == dh.shape[0] else dh[:n]
        if g_out is not None:
            head = head + g_out[start:end]
        to_r, to_z = head * d_r[start:end], head * d_z[start:end]
        deltas.append(np.concatenate([to_r, to_z, head * d_new[start:end]], axis=1))
        hidden.append(np.concatenate([to_r, to_z, head * d_inner[start:end]], axis=1))
        dh = _continued(head * z[start:end] + matmul(hidden[-1], w_hh), dh)
    return _joined(deltas, steps[::-1]), _joined(hidden, steps[::-1]), dh


# Elman's network


@composite(
    called="rnn",
    places="", outputs=("out", "h"), remade=True, node="RnnBackward0",
    samples=[
        ((3, 2, 4), (2, 5), (5, 4), (5, 5), (5,), (5,), "tanh", None, False),
        ((5, 4), (3, 5), (5, 4), (5, 5), None, None, "tanh", (3, 2), True),
    ],
)  # fmt: skip
def rnn_layer(x, h0, w_ih, w_hh, b_ih=None, b_hh=None, /, nonlinearity="tanh", batch_sizes=None, reverse=False):
    """The outputs of an Elman layer along `x`, and its last hidden state."""
    _start(x, w_hh, 1)
    steps = _steps(x, h0, batch_sizes, reverse)
    if not steps:
        raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
    if sequences.takes(steps, x, h0, w_ih, b_ih, b_hh, w_hh):
        out, h = sequences.elman(matmul(_rows(x), w_ih.T), h0, w_hh, b_ih, b_hh, nonlinearity, steps)
        return _shaped(out, x), h
    pre = _affine(_rows(x), w_ih, b_ih, b_hh)
    recurrent = _packed(w_hh.T)
    h = h0
    outs = []
    for start, end, n in steps:
        z = pre[start:end] + matmul(h if n == h.shape[0] else h[:n], recurrent)
        new = np.tanh(z) if nonlinearity == "tanh" else np.maximum(z, 0.0)
        h = _continued(new, h)
        outs.append(new)
    return _shaped(_joined(outs, steps), x), np.copy(h)


@rnn_layer.grad("x", "h0", "w_ih", "w_hh", "b_ih", "b_hh")
def _(g_out, g_h, x, h0, w_ih, w_hh, b_ih, b_hh, out, nonlinearity, batch_sizes, reverse, needs):
    steps = _steps(x, h0, batch_sizes, reverse)
    rows = _rows(out)
    given = (rows, w_hh, _zeros(h0) if g_h is None else g_h, None if g_out is None else _rows(g_out))
    slopes = rnn_slopes.op.forward if are_differentiated(given) else rnn_slopes
    delta, d_h0 = slopes(*given, nonlinearity, _sizes(steps, reverse), reverse)
    wanted = (needs[0], needs[2], needs[3], needs[4] or needs[5])
    d_x, d_ih, d_hh, d_b = _product_grads(delta, delta, x, _previous(rows, h0, steps), w_ih, wanted)
    return d_x, d_h0, d_ih, d_hh, *_two(d_b)


@composite(
    places="", outputs=("delta", "d_h0"),
    samples=[((6, 5), (5, 5), (2, 5), (6, 5), "tanh", (2, 2, 2), False), ((5, 5), (5, 5), (3, 5), None, "relu", (3, 2), True)],
)  # fmt: skip
def rnn_slopes(rows, w_hh, dh, g_out=None, /, nonlinearity="tanh", batch_sizes=(), reverse=False):
    """The gradients, as rows, of what a layer's outputs are made of, and that of its first state."""
    steps = _steps(rows, dh, batch_sizes, reverse)
    if sequences.takes(steps, g_out, dh, rows, w_hh):
        return sequences.elman_grad(g_out, dh, rows, w_hh, nonlinearity, steps)
    slope = 1 - rows * rows if nonlinearity == "tanh" else 1 - astype(rows <= 0, _zeros(rows, ()).dtype)
    deltas = []
    for start, end, n in reversed(steps):
        head = dh if n == dh.shape[0] else dh[:n]
        if g_out is not None:
            head = head + g_out[start:end]
        deltas.append(head * slope[start:end])
        dh = _continued(matmul(deltas[-1], w_hh), dh)
    return _joined(deltas, steps[::-1]), dh


# One step


@function("torch")
def lstm_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """The hidden and cell state after one step of an LSTM from `hx`, a pair of (batch, hidden) tensors."""
    _, h, c = lstm_layer(input, hx[0], hx[1], w_ih, w_hh, b_ih, b_hh, None, (input.shape[0],), False)
    return h, c


@function("torch")
def gru_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """The hidden state (batch, hidden) after one step of a GRU."""
    return gru_layer(input, hx, w_ih, w_hh, b_ih, b_hh, (input.shape[0],), False)[1]


@function("torch")
def rnn_tanh_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """The hidden state (batch, hidden) after one step of an Elman network with tanh."""
    return rnn_layer(input, hx, w_ih, w_hh, b_ih, b_hh, "tanh", (input.shape[0],), False)[1]


@function("torch")
def rnn_relu_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """The hidden state (batch, hidden) after one step of an Elman network with relu."""
    return rnn_layer(input, hx, w_ih, w_hh, b_ih, b_hh, "relu", (input.shape[0],), False)[1]
