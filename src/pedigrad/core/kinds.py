"""What arguments are: the annotation of a parameter by its name, and what functions return that is no tensor.

Declarations of ops have no annotations; a name means one thing everywhere (CONTRIBUTING.md), so one table says it for all. Exceptions
are listed by function. Texts are Python's annotations; `core/signatures.py` reads them when somebody asks for a signature.
"""

from __future__ import annotations

import functools

NAMES = {
    "Tensor": (
        "input input1 input2 other A B LU LU_data LU_pivots pivots mat mat1 mat2 vec vec1 vec2 batch1 batch2 tensor tensor1 "
        "tensor2 x y x1 x2 a b target targets weight index mask condition grid theta source hx w_ih w_hh b_ih b_hh running_mean "
        "running_var values abs angle real imag exponent elements test_elements sorted_sequence boundaries log_probs query key "
        "value_tensor anchor positive negative var logits linear_weight in_proj_weight in_proj_bias bias_k bias_v "
        "out_proj_weight out_proj_bias q_proj_weight k_proj_weight v_proj_weight static_k static_v key_padding_mask attn_mask "
        "pos_weight offsets per_sample_weights linear_bias bias fweights aweights prepend append sorter weights tau gradient M "
        "mean_tensor input_tensor self batch_sizes data_tensor end_tensor"
    ),
    "Sequence[Tensor]": "tensors",
    "int": (
        "dim dim0 dim1 dim2 dimension axis0 axis1 n k q diagonal offset correction groups num_groups decimals padding_idx blank "
        "minlength upscale_factor downscale_factor num_heads embed_dim_to_check ignore_index num_classes niter ind num_samples "
        "N steps row col start_dim end_dim storage_offset unfold_dim step n_fft length _stacklevel"
    ),
    "int | Sequence[int]": (
        "size d sizes kernel_size stride padding dilation output_size output_padding dims shifts repeats shape normalized_shape "
        "chunks_or_sections indices_or_sections split_size_or_sections upscale input_lengths target_lengths destination pad"
    ),
    "Sequence[int]": "split_sizes",
    "bool": (
        "keepdim upper transpose unitriangular some compute_uv left training train inplace ceil_mode count_include_pad "
        "return_indices return_inverse return_counts out_int32 right descending stable sorted sorted_ check_errors "
        "scale_grad_by_freq sparse cudnn_enabled cudnn_enable density implicit hermitian is_causal full swap unpack_data "
        "unpack_pivots center transposed assume_unique invert increasing equal_nan zero_infinity accumulate use_input_stats "
        "largest full_matrices adjoint enable_gqa hard log_target log_input pivot get_infos include_last_offset antialias "
        "add_zero_attn need_weights use_separate_proj_weight average_attn_weights requires_grad pin_memory unbiased "
        "size_average reduce align_corners recompute_scale_factor force copy retain_graph create_graph non_blocking sparse_grad "
        "as_tuple include_self"
    ),
    "float": (
        "p alpha beta eps margin lambd momentum negative_slope min_val max_val lower upper_bound rtol atol rcond tol dropout_p "
        "label_smoothing delta norm_type max_norm maxnorm scale input_scale threshold dx nan posinf neginf std rate"
    ),
    "bool | int | float | complex": "value fill_value start end low high min max",
    "str": "reduction mode padding_mode interpolation side UPLO approximate rounding_mode driver equation compute_mode",
    "float | Sequence[float]": "scale_factor output_ratio",
    "dtype": "dtype",
    "device | str | int": "device",
    "layout": "layout",
    "memory_format": "memory_format",
    "Generator": "generator",
    "Callable[..., Any]": "callable hook fn model",
    "Callable[[Tensor, Tensor], Tensor]": "distance_function",
    "int | str": "stacklevel",
    "Sequence[str]": "names",
    "Sequence[float]": "range",
}
KINDS = {name: kind for kind, names in NAMES.items() for name in names.split()}

SEVERAL = "int | Sequence[int]"  # what `dim` is of operations over several dimensions
OVER_SEVERAL = (
    "sum nansum mean nanmean amax amin all any var std var_mean std_mean logsumexp norm vector_norm matrix_norm count_nonzero squeeze flip"
    " hash_tensor roll rot90 renorm_over movedim moveaxis"
)
NUMBER = "Tensor | complex"

EXCEPTIONS = {
    "norm.p": "float | str",
    "norm.ord": "float | str",
    "matrix_norm.ord": "float | str",
    "vector_norm.ord": "float | str",
    "cond.p": "float | str",
    "quantile.q": "float | Tensor",
    "nanquantile.q": "float | Tensor",
    "hash_tensor.mode": "int",
    "histogram.bins": "int | Tensor",
    "histogramdd.bins": "int | Sequence[int] | Sequence[Tensor]",
    "histc.bins": "int",
    "histc.min": "float",
    "histc.max": "float",
    "clamp.min": NUMBER,
    "clamp.max": NUMBER,
    "clamp_.min": NUMBER,
    "clamp_.max": NUMBER,
    "clip.min": NUMBER,
    "clip.max": NUMBER,
    "clamp_min.min": NUMBER,
    "clamp_max.max": NUMBER,
    "pow.input": NUMBER,
    "float_power.input": NUMBER,
    "pow.exponent": NUMBER,
    "where.input": NUMBER,
    "where.other": NUMBER,
    "masked_fill.value": NUMBER,
    "masked_fill_.value": NUMBER,
    "fill_.value": NUMBER,
    "scatter.src": NUMBER,
    "scatter_.src": NUMBER,
    "lerp.weight": NUMBER,
    "lerp_.weight": NUMBER,
    "bernoulli_.p": "float | Tensor",
    "select.index": "int",
    "select_copy.index": "int",
    "narrow.start": "int | Tensor",
    "narrow.length": "int",
    "index_fill.value": NUMBER,
    "index_fill_.value": NUMBER,
    "gumbel_softmax.tau": "float",
    "gaussian_nll_loss.var": "Tensor | float",
    "conv1d.padding": "int | Sequence[int] | str",
    "conv2d.padding": "int | Sequence[int] | str",
    "conv3d.padding": "int | Sequence[int] | str",
    "tensor.data": "Any",
    "as_tensor.data": "Any",
    "full.size": "Sequence[int]",
    "normal.mean": "Tensor | float",
    "normal.std": "Tensor | float",
    "repeat_interleave.repeats": "int | Tensor",
    "to.other": "Tensor",
    "scaled_dot_product_attention.value": "Tensor",
    "scaled_dot_product_attention.scale": "float",
    "multi_head_attention_forward.value": "Tensor",
    "pad.pad": "Sequence[int]",
    "pad.value": "float",
    "unique.dim": "int",
    "arange.start": "float",
    "arange.end": "float",
    "arange.step": "float",
    "linspace.start": "float | Tensor",
    "linspace.end": "float | Tensor",
    "logspace.start": "float | Tensor",
    "logspace.end": "float | Tensor",
    "range.step": "float",
    "randint.low": "int",
    "randint.high": "int",
    "randint.size": "Sequence[int]",
    "randint_like.low": "int",
    "randint_like.high": "int",
    "slice_scatter.start": "int",
    "slice_scatter.end": "int",
    "diff.n": "int",
    "tensordot.dims": "int | Sequence[Sequence[int]] | Tensor",
    "movedim.source": SEVERAL,
    "moveaxis.source": SEVERAL,
    "multilabel_soft_margin_loss.weight": "Tensor",
    "cross_entropy.weight": "Tensor",
    "tensorsolve.dims": "Sequence[int]",
    "pinv.rtol": "float | Tensor",
    "pinv.atol": "float | Tensor",
    "matrix_rank.tol": "float | Tensor",
    "index_put.values": "Tensor",
    "index_put.indices": "Sequence[Tensor | None]",
    "index_put_.indices": "Sequence[Tensor | None]",
    "isin.elements": NUMBER,
    "isin.test_elements": NUMBER,
    "bucketize.input": NUMBER,
    "searchsorted.input": NUMBER,
    "softplus.beta": "float",
    "unflatten.dim": "int",
    "layer_norm.normalized_shape": "Sequence[int]",
    "rms_norm.normalized_shape": "Sequence[int]",
    "interpolate.size": SEVERAL,
    "lu_unpack.pivots": "Tensor",
    "polygamma.n": "int",
    "multinomial.input": "Tensor",
    "max.dim": "int | Tensor",
    "min.dim": "int | Tensor",
    "backward.inputs": "Tensor | Sequence[Tensor]",
    "view.dtype": "dtype",
    "register_hook.hook": "Callable[[Tensor], Tensor | None]",
    "trapezoid.dx": "float",
    "linalg_multi_dot.tensors": "Sequence[Tensor]",
    "frombuffer.buffer": "Any",
    "copy_.other": NUMBER,
    "add.other": NUMBER,
    "sub.other": NUMBER,
    "add_.other": NUMBER,
    "sub_.other": NUMBER,
    "div.other": NUMBER,
    "div_.other": NUMBER,
    "true_divide.other": NUMBER,
    "rsub.other": NUMBER,
    "repeat.repeats": SEVERAL,
    "block_diag.tensors": "Tensor",
    "broadcast_shapes.shapes": SEVERAL,
    "meshgrid.tensors": "Tensor | Sequence[Tensor]",
    "threshold.threshold": "float",
    "threshold.value": "float",
    "addcmul.value": "complex",
    "addcdiv.value": "complex",
}

RETURNS = {
    "bool": (
        "equal allclose is_tensor is_storage is_complex is_floating_point is_nonzero is_conj is_neg is_inference is_signed "
        "is_same_size is_shared is_pinned is_set_to is_contiguous is_distributed is_grad_enabled is_inference_mode_enabled "
        "is_autocast_enabled is_autocast_cpu_enabled can_cast are_deterministic_algorithms_enabled is_warn_always_enabled "
        "is_deterministic_algorithms_warn_only_enabled is_coalesced"
    ),
    "int": (
        "dim ndimension numel nelement element_size storage_offset data_ptr get_device seed initial_seed __len__ "
        "get_num_threads get_num_interop_threads dense_dim sparse_dim"
    ),
    "None": (
        "backward retain_grad set_printoptions set_default_dtype set_num_threads set_rng_state set_default_device "
        "set_default_tensor_type use_deterministic_algorithms set_num_interop_threads set_autocast_enabled set_autocast_cpu_enabled "
        "set_autocast_dtype set_autocast_cpu_dtype set_autocast_gpu_dtype"
    ),
    "dtype": "promote_types result_type get_default_dtype get_autocast_dtype get_autocast_cpu_dtype get_autocast_gpu_dtype",
    "Size": "broadcast_shapes",
    "str": "type typename",
    "bool | int | float | complex": "item",
    "tuple[Tensor, ...]": (
        "split tensor_split chunk unbind meshgrid atleast broadcast_tensors split_with_sizes hsplit vsplit dsplit unravel_index "
        "unbind_copy split_copy split_with_sizes_copy gradient unsafe_chunk unsafe_split"
    ),
    "tuple[Tensor, Tensor, Tensor]": "native_batch_norm native_layer_norm native_group_norm",
    "tuple[Tensor, Tensor]": "var_mean std_mean frexp multi_head_attention_forward",
    "Any": (
        "max min unique unique_consecutive nonzero to_dlpack median nanmedian where tolist lu histogramdd atleast_1d atleast_2d "
        "atleast_3d storage untyped_storage apply construct size stride"
    ),
}
RESULTS = {name: kind for kind, names in RETURNS.items() for name in names.split()}


# Where a name is not published although its op is: PyTorch has few in-place forms outside of Tensor, and some functions there alone.
FUNCTIONS_IN_PLACE = frozenset(
    "abs_ acos_ acosh_ addmv_ alpha_dropout_ arccos_ arccosh_ arcsin_ arcsinh_ arctan_ arctanh_ as_strided_ asin_ asinh_ atan_ atanh_ ceil_"
    " celu_ clamp_ clamp_max_ clamp_min_ clip_ conj_physical_ cos_ cosh_ deg2rad_ detach_ dropout_ embedding_renorm_ erf_ erfc_ exp2_ exp_"
    " expm1_ feature_alpha_dropout_ feature_dropout_ fill_ fix_ floor_ frac_ gcd_ i0_ index_put_ lcm_ ldexp_ log10_ log1p_ log2_ log_"
    " logit_ nan_to_num_ neg_ negative_ rad2deg_ reciprocal_ relu_ resize_as_ round_ rrelu_ rsqrt_ selu_ sigmoid_ sin_ sinc_ sinh_ sqrt_"
    " square_ tan_ tanh_ threshold_ trunc_ xlogy_ zero_".split()
)
ELSEWHERE = {
    "torch": frozenset("gammainc gammaincc adaptive_max_pool1d_with_indices".split()),
    "special": frozenset("igamma igammac".split()),
    "Tensor": frozenset(
        "bucketize combinations complex gammainc gammainc_ gammaincc gammaincc_ logaddexp2_ logaddexp_ polar searchsorted".split()
    ),
}


def is_published(name: str, place: str) -> bool:
    """Whether PyTorch has a function of that name there."""
    if name in ELSEWHERE.get(place, ()):
        return False
    in_place = name.endswith("_") and not name.startswith("_")
    return not in_place or place not in ("torch", "special") or (place == "torch" and name in FUNCTIONS_IN_PLACE)


RENAMED = {"swapaxes": {"dim0": "axis0", "dim1": "axis1"}}  # aliases that call their parameters otherwise


@functools.cache
def _over_several() -> frozenset[str]:
    return frozenset(OVER_SEVERAL.split())


def kind_of(function: str, name: str, default: object) -> str | None:
    """The annotation of the parameter `name` of a function, as text; None if nothing is known. Its default has the last word."""
    found = EXCEPTIONS.get(f"{function}.{name}") or KINDS.get(name)
    if name == "dim" and function in _over_several():
        found = SEVERAL
    if isinstance(default, (bool, float, str)) and (found is None or type(default).__name__ not in found):
        found = type(default).__name__
    return f"{found} | None" if found is not None and default is None and not found.endswith("None") and found != "Any" else found
