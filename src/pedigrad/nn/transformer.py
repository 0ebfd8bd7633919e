"""Transformer layers, stacks of them, and the whole encoder-decoder model."""

import copy

import numpy as np

from ..core.origin import warn
from ..core.tensor import constant, read
from ..ops import creation
from . import functional as F
from . import init
from .containers import ModuleList
from .dropout import Dropout
from .linear import Linear
from .module import Module
from .multihead import MultiheadAttention
from .normalization import LayerNorm

__all__ = [
    "Transformer", "TransformerDecoder", "TransformerDecoderLayer", "TransformerEncoder", "TransformerEncoderLayer",
]  # fmt: skip


def _get_activation_fn(activation):
    if not isinstance(activation, str):
        return activation
    if activation not in ("relu", "gelu"):
        raise RuntimeError(f"activation should be relu/gelu, not {activation}")
    return getattr(F, activation)


def _get_clones(module, N):
    return ModuleList([copy.deepcopy(module) for _ in range(N)])


def _is_causal(mask, asked, size):
    """Whether the mask is the causal one; `asked` says so, or None to look."""
    if asked is not None:
        return asked
    if mask is None:
        return False
    wanted = np.triu(np.full((size, size), -np.inf), 1)
    array = mask._array
    if array.shape != wanted.shape:
        return False
    read(array, "whether a mask is causal")
    return bool((array == (wanted < 0 if array.dtype == bool else wanted)).all())


class _Layer(Module):
    """What encoder and decoder layers share: self-attention, a feed-forward network, and norms around them."""

    def __init__(
        self, d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias, device, dtype,
        attentions,
    ):  # fmt: skip
        super().__init__()
        where = {"device": device, "dtype": dtype}
        for name in attentions:
            setattr(self, name, MultiheadAttention(d_model, nhead, dropout=dropout, bias=bias, batch_first=batch_first, **where))
        self.linear1 = Linear(d_model, dim_feedforward, bias=bias, **where)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias=bias, **where)
        self.norm_first = norm_first
        blocks = range(1, len(attentions) + 2)
        for i in blocks:
            setattr(self, f"norm{i}", LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **where))
        for i in blocks:
            setattr(self, f"dropout{i}", Dropout(dropout))
        self.activation = _get_activation_fn(activation)
        self.activation_relu_or_gelu = 1 if self.activation is F.relu else 2 if self.activation is F.gelu else 0  # PyTorch's look here

    def _sa_block(self, x, attn_mask, key_padding_mask, is_causal=False):
        out = self.self_attn(x, x, x, attn_mask=attn_mask, key_padding_mask=key_padding_mask, need_weights=False, is_causal=is_causal)
        return self.dropout1(out[0])

    def _feed_forward(self, x):
        return self.linear2(self.dropout(self.activation(self.linear1(x))))


class TransformerEncoderLayer(_Layer):
    """Self-attention and a feed-forward network, each with a residual connection and a layer norm.

    With `norm_first` the norms come before attention and network, otherwise after the additions.

    Args:
        d_model: the number of features.
        nhead: the number of heads.
        dim_feedforward: the size of the feed-forward network's inner layer.
        dropout: the probability of dropout.
        activation: of the feed-forward network: a function, "relu" or "gelu".
        layer_norm_eps: `eps` of the norms.
        batch_first: whether sequences are (N, L, E) instead of (L, N, E).
        norm_first: whether the norms come before attention and network.
        bias: whether linear layers and norms have biases.
        device: where its parameters are made: "cpu", or "meta" for none of their memory.
        dtype: the dtype of its parameters.

    Shape: (S, N, E) gives the same.

    >>> torch.nn.TransformerEncoderLayer(8, 2, 16)(torch.zeros(5, 3, 8)).shape
    torch.Size([5, 3, 8])
    """

    def __init__(
        self, d_model, nhead, dim_feedforward=2048, dropout=0.1, activation=F.relu, layer_norm_eps=1e-5, batch_first=False,
        norm_first=False, bias=True, device=None, dtype=None,
    ):  # fmt: skip
        super().__init__(
            d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias, device, dtype,
            ("self_attn",),
        )  # fmt: skip

    def forward(self, src, src_mask=None, src_key_padding_mask=None, is_causal=False):
        """The layer's output, in the shape of `src`."""
        x = src
        if self.norm_first:
            x = x + self._sa_block(self.norm1(x), src_mask, src_key_padding_mask, is_causal)
            return x + self._ff_block(self.norm2(x))
        x = self.norm1(x + self._sa_block(x, src_mask, src_key_padding_mask, is_causal))
        return self.norm2(x + self._ff_block(x))

    def _ff_block(self, x):
        return self.dropout2(self._feed_forward(x))


class TransformerDecoderLayer(_Layer):
    """Self-attention, attention to an encoder's output, and a feed-forward network, each with residual and layer norm.

    Args:
        d_model: the number of features.
        nhead: the number of heads.
        dim_feedforward: the size of the feed-forward network's inner layer.
        dropout: the probability of dropout.
        activation: of the feed-forward network: a function, "relu" or "gelu".
        layer_norm_eps: `eps` of the norms.
        batch_first: whether sequences are (N, L, E) instead of (L, N, E).
        norm_first: whether the norms come before attention and network.
        bias: whether linear layers and norms have biases.
        device: where its parameters are made: "cpu", or "meta" for none of their memory.
        dtype: the dtype of its parameters.

    Shape: (T, N, E) and the encoder's output (S, N, E) give (T, N, E).

    >>> torch.nn.TransformerDecoderLayer(8, 2, 16)(torch.zeros(4, 3, 8), torch.zeros(5, 3, 8)).shape
    torch.Size([4, 3, 8])
    """

    def __init__(
        self, d_model, nhead, dim_feedforward=2048, dropout=0.1, activation=F.relu, layer_norm_eps=1e-5, batch_first=False,
        norm_first=False, bias=True, device=None, dtype=None,
    ):  # fmt: skip
        super().__init__(
            d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias, device, dtype,
            ("self_attn", "multihead_attn"),
        )  # fmt: skip

    def forward(
        self, tgt, memory, tgt_mask=None, memory_mask=None, tgt_key_padding_mask=None, memory_key_padding_mask=None,
        tgt_is_causal=False, memory_is_causal=False,
    ):  # fmt: skip
        """The layer's output, in the shape of `tgt`; `memory` is the encoder's output."""
        x = tgt
        own = (tgt_mask, tgt_key_padding_mask, tgt_is_causal)
        other = (memory_mask, memory_key_padding_mask, memory_is_causal)
        if self.norm_first:
            x = x + self._sa_block(self.norm1(x), *own)
            x = x + self._mha_block(self.norm2(x), memory, *other)
            return x + self._ff_block(self.norm3(x))
        x = self.norm1(x + self._sa_block(x, *own))
        x = self.norm2(x + self._mha_block(x, memory, *other))
        return self.norm3(x + self._ff_block(x))

    def _mha_block(self, x, memory, attn_mask, key_padding_mask, is_causal=False):
        out = self.multihead_attn(
            x, memory, memory, attn_mask=attn_mask, key_padding_mask=key_padding_mask, need_weights=False, is_causal=is_causal
        )
        return self.dropout2(out[0])

    def _ff_block(self, x):
        return self.dropout3(self._feed_forward(x))


def _without_nested(layer):
    """Why PyTorch would not skip padding with this layer; None if it would (here padding is always computed)."""
    if not isinstance(layer, TransformerEncoderLayer):
        return "encoder_layer is not a TransformerEncoderLayer"
    if layer.norm_first:
        return "encoder_layer.norm_first is True"
    if not layer.self_attn.batch_first:
        return "encoder_layer.self_attn.batch_first is not True"
    if layer.self_attn.num_heads % 2:
        return "encoder_layer.self_attn.num_heads is odd"
    return None


class TransformerEncoder(Module):
    """`num_layers` copies of an encoder layer, and a norm after them if one is given.

    Args:
        encoder_layer: the layer that is copied.
        num_layers: how many copies.
        norm: a layer after them.
        enable_nested_tensor: ignored: there are no nested tensors.
        mask_check: ignored.

    Shape: (S, N, E) gives the same.

    >>> layer = torch.nn.TransformerEncoderLayer(8, 2, 16)
    >>> torch.nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)(torch.zeros(5, 3, 8)).shape
    torch.Size([5, 3, 8])
    """

    def __init__(self, encoder_layer, num_layers, norm=None, enable_nested_tensor=True, mask_check=True):
        super().__init__()
        self.layers = _get_clones(encoder_layer, num_layers)
        self.num_layers, self.norm = num_layers, norm
        self.enable_nested_tensor, self.use_nested_tensor, self.mask_check = enable_nested_tensor, False, mask_check
        why = _without_nested(encoder_layer) if enable_nested_tensor else None
        if why is not None:
            warn(f"enable_nested_tensor is True, but self.use_nested_tensor is False because {why}")

    def forward(self, src, mask=None, src_key_padding_mask=None, is_causal=None):
        """The last layer's output, in the shape of `src`."""
        first = self.layers[0].self_attn if len(self.layers) and hasattr(self.layers[0], "self_attn") else None
        length = src.shape[1 if first is not None and first.batch_first and src.ndim == 3 else 0]
        causal = _is_causal(mask, is_causal, length)
        for layer in self.layers:
            src = layer(src, src_mask=mask, is_causal=causal, src_key_padding_mask=src_key_padding_mask)
        return src if self.norm is None else self.norm(src)


class TransformerDecoder(Module):
    """`num_layers` copies of a decoder layer, and a norm after them if one is given.

    Args:
        decoder_layer: the layer that is copied.
        num_layers: how many copies.
        norm: a layer after them.

    Shape: (T, N, E) and the encoder's output (S, N, E) give (T, N, E).

    >>> layer = torch.nn.TransformerDecoderLayer(8, 2, 16)
    >>> torch.nn.TransformerDecoder(layer, 2)(torch.zeros(4, 3, 8), torch.zeros(5, 3, 8)).shape
    torch.Size([4, 3, 8])
    """

    def __init__(self, decoder_layer, num_layers, norm=None):
        super().__init__()
        self.layers = _get_clones(decoder_layer, num_layers)
        self.num_layers, self.norm = num_layers, norm

    def forward(
        self, tgt, memory, tgt_mask=None, memory_mask=None, tgt_key_padding_mask=None, memory_key_padding_mask=None,
        tgt_is_causal=None, memory_is_causal=False,
    ):  # fmt: skip
        """The last layer's output, in the shape of `tgt`; `memory` is the encoder's output."""
        first = self.layers[0].self_attn if len(self.layers) and hasattr(self.layers[0], "self_attn") else None
        length = tgt.shape[1 if first is not None and first.batch_first and tgt.ndim == 3 else 0]
        causal = _is_causal(tgt_mask, tgt_is_causal, length)
        for layer in self.layers:
            tgt = layer(
                tgt, memory, tgt_mask=tgt_mask, memory_mask=memory_mask, tgt_key_padding_mask=tgt_key_padding_mask,
                memory_key_padding_mask=memory_key_padding_mask, tgt_is_causal=causal, memory_is_causal=memory_is_causal,
            )  # fmt: skip
        return tgt if self.norm is None else self.norm(tgt)


class Transformer(Module):
    """An encoder and a decoder, each a stack of layers with a norm after it.

    Vaswani et al. 2017.

    Args:
        d_model: the number of features.
        nhead: the number of heads.
        num_encoder_layers: layers of the encoder.
        num_decoder_layers: layers of the decoder.
        dim_feedforward: the size of the feed-forward network's inner layer.
        dropout: the probability of dropout.
        activation: of the feed-forward network: a function, "relu" or "gelu".
        custom_encoder: an encoder to take instead.
        custom_decoder: a decoder to take instead.
        layer_norm_eps: `eps` of the norms.
        batch_first: whether sequences are (N, L, E) instead of (L, N, E).
        norm_first: whether the norms come before attention and network.
        bias: whether linear layers and norms have biases.
        device: where its parameters are made: "cpu", or "meta" for none of their memory.
        dtype: the dtype of its parameters.

    Shape: (S, N, E) and (T, N, E) give (T, N, E).

    >>> model = torch.nn.Transformer(8, 2, 1, 1, 16, batch_first=True)
    >>> model(torch.zeros(2, 5, 8), torch.zeros(2, 3, 8)).shape
    torch.Size([2, 3, 8])
    """

    def __init__(
        self, d_model=512, nhead=8, num_encoder_layers=6, num_decoder_layers=6, dim_feedforward=2048, dropout=0.1,
        activation=F.relu, custom_encoder=None, custom_decoder=None, layer_norm_eps=1e-5, batch_first=False, norm_first=False,
        bias=True, device=None, dtype=None,
    ):  # fmt: skip
        super().__init__()
        where = {"device": device, "dtype": dtype}
        settings = (d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias)

        def norm():
            return LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **where)

        if custom_encoder is not None:
            self.encoder = custom_encoder
        else:
            self.encoder = TransformerEncoder(TransformerEncoderLayer(*settings, **where), num_encoder_layers, norm())
        if custom_decoder is not None:
            self.decoder = custom_decoder
        else:
            self.decoder = TransformerDecoder(TransformerDecoderLayer(*settings, **where), num_decoder_layers, norm())
        self._reset_parameters()
        self.d_model, self.nhead, self.batch_first = d_model, nhead, batch_first

    def _reset_parameters(self):
        for parameter in self.parameters():
            if parameter.dim() > 1:
                init.xavier_uniform_(parameter)

    def forward(
        self, src, tgt, src_mask=None, tgt_mask=None, memory_mask=None, src_key_padding_mask=None, tgt_key_padding_mask=None,
        memory_key_padding_mask=None, src_is_causal=None, tgt_is_causal=None, memory_is_causal=False,
    ):  # fmt: skip
        """The decoder's output, in the shape of `tgt`."""
        batch_dim = 0 if self.batch_first else 1
        if src.dim() == 3 and src.shape[batch_dim] != tgt.shape[batch_dim]:
            raise RuntimeError("the batch number of src and tgt must be equal")
        if src.shape[-1] != self.d_model or tgt.shape[-1] != self.d_model:
            raise RuntimeError("the feature number of src and tgt must be equal to d_model")
        memory = self.encoder(src, mask=src_mask, src_key_padding_mask=src_key_padding_mask, is_causal=src_is_causal)
        return self.decoder(
            tgt, memory, tgt_mask=tgt_mask, memory_mask=memory_mask, tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask, tgt_is_causal=tgt_is_causal, memory_is_causal=memory_is_causal,
        )  # fmt: skip

    @staticmethod
    def generate_square_subsequent_mask(sz, device=None, dtype=None):
        """The (sz, sz) mask that hides from each position all later ones: minus infinity above the diagonal."""
        return constant(np.triu(np.full((sz, sz), -np.inf, creation.numpy_dtype(dtype)), 1))
