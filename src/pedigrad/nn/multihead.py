"""Multi-head attention as a layer."""

from ..ops import creation
from ..ops.nn.multi_head import multi_head_attention_forward
from . import init
from .linear import NonDynamicallyQuantizableLinear
from .module import Module
from .parameter import Parameter

__all__ = ["MultiheadAttention"]


class MultiheadAttention(Module):
    """Attention in `num_heads` heads of size embed_dim / num_heads, from (L, N, E) queries to (S, N, E) keys and values.

    With `batch_first` the shapes are (N, L, E) and (N, S, E); all may lack N.

    Vaswani et al. 2017.

    Args:
        embed_dim: the number of features, E.
        num_heads: the number of heads.
        dropout: the probability with which weights are dropped.
        bias: whether linear layers and norms have biases.
        add_bias_kv: whether a learnt key and value are added.
        add_zero_attn: whether a key and a value of zeros are added.
        kdim: the number of features of keys; E if it is left out.
        vdim: the number of features of values; E if it is left out.
        batch_first: whether sequences are (N, L, E) instead of (L, N, E).
        device: where its parameters are made: "cpu", or "meta" for none of their memory.
        dtype: the dtype of its parameters.

    Shape: queries (L, N, E), keys (S, N, kdim) and values (S, N, vdim) give (L, N, E) and weights (N, L, S).

    Raises:
        AssertionError: `num_heads` does not divide `embed_dim`, or the sizes do not fit.

    >>> x = torch.zeros(5, 2, 8)
    >>> output, weights = torch.nn.MultiheadAttention(8, 2)(x, x, x)
    >>> output.shape, weights.shape
    (torch.Size([5, 2, 8]), torch.Size([2, 5, 5]))
    """

    def __init__(
        self, embed_dim, num_heads, dropout=0.0, bias=True, add_bias_kv=False, add_zero_attn=False, kdim=None, vdim=None,
        batch_first=False, device=None, dtype=None,
    ):  # fmt: skip
        if embed_dim <= 0 or num_heads <= 0:
            raise ValueError(f"embed_dim and num_heads must be greater than 0, got embed_dim={embed_dim} and num_heads={num_heads} instead")
        super().__init__()
        where = {"device": device, "dtype": dtype}
        self.embed_dim = embed_dim
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self._qkv_same_embed_dim = self.kdim == embed_dim and self.vdim == embed_dim
        self.num_heads, self.dropout, self.batch_first = num_heads, dropout, batch_first
        self.head_dim = embed_dim // num_heads
        if self.head_dim * num_heads != embed_dim:
            raise AssertionError("embed_dim must be divisible by num_heads")
        shapes = {"q_proj_weight": embed_dim, "k_proj_weight": self.kdim, "v_proj_weight": self.vdim}
        if self._qkv_same_embed_dim:
            self.in_proj_weight = Parameter(creation.empty((3 * embed_dim, embed_dim), **where))
            for name in shapes:
                self.register_parameter(name, None)
        else:
            for name, width in shapes.items():
                setattr(self, name, Parameter(creation.empty((embed_dim, width), **where)))
            self.register_parameter("in_proj_weight", None)
        if bias:
            self.in_proj_bias = Parameter(creation.empty(3 * embed_dim, **where))
        else:
            self.register_parameter("in_proj_bias", None)
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias=bias, **where)
        self.bias_k = Parameter(creation.empty((1, 1, embed_dim), **where)) if add_bias_kv else None
        self.bias_v = Parameter(creation.empty((1, 1, embed_dim), **where)) if add_bias_kv else None
        self.add_zero_attn = add_zero_attn
        self._reset_parameters()

    def _reset_parameters(self):
        if self._qkv_same_embed_dim:
            init.xavier_uniform_(self.in_proj_weight)
        else:
            for weight in (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight):
                init.xavier_uniform_(weight)
        if self.in_proj_bias is not None:
            init.constant_(self.in_proj_bias, 0.0)
            init.constant_(self.out_proj.bias, 0.0)
        for bias in (self.bias_k, self.bias_v):
            if bias is not None:
                init.xavier_normal_(bias)

    def forward(
        self, query, key, value, key_padding_mask=None, need_weights=True, attn_mask=None, average_attn_weights=True,
        is_causal=False,
    ):  # fmt: skip
        """The output in the shape of `query`, and the weights (N, L, S), or None unless `need_weights`.

        In masks True, or minus infinity, means not to attend: `key_padding_mask` is (N, S), `attn_mask` (L, S) or
        (N * num_heads, L, S). Without `average_attn_weights` the weights are (N, num_heads, L, S).
        """
        swapped = self.batch_first and query.ndim == 3
        if swapped:
            same = key is query, value is key
            query = query.transpose(0, 1)
            key = query if same[0] else key.transpose(0, 1)
            value = key if same[1] else value.transpose(0, 1)
        out, weights = multi_head_attention_forward(
            query, key, value, self.embed_dim, self.num_heads, self.in_proj_weight, self.in_proj_bias, self.bias_k, self.bias_v,
            self.add_zero_attn, self.dropout, self.out_proj.weight, self.out_proj.bias, self.training, key_padding_mask,
            need_weights, attn_mask, not self._qkv_same_embed_dim, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight,
            average_attn_weights=average_attn_weights, is_causal=is_causal,
        )  # fmt: skip
        return out.transpose(0, 1) if swapped else out, weights
