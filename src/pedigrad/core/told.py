"""How `__torch_function__` is told of calls, where this differs from how they were written.

A class or a mode is told the function that the program called, with the arguments as they were given. PyTorch has three exceptions, and
programs depend on them: operators are told as methods, functions that it has in Python tell their arguments in one form, and some
methods count their own tensor's class even if it is Tensor. The tables here are of what PyTorch 2.13 tells.
"""

from __future__ import annotations

import inspect
from typing import Any

# Operators, and two methods, that are told as another method of Tensor: `x + 1` as Tensor.add.
OPERATORS = {
    **{f"__{name}__": name for name in ("add", "sub", "mul", "matmul", "pow", "neg", "abs", "ne", "lt", "le", "gt", "ge")},
    **{f"__i{name}__": f"{name}_" for name in ("add", "sub", "mul", "pow")},
    "__radd__": "add", "__rmul__": "mul", "__truediv__": "div", "__rtruediv__": "__rdiv__", "__div__": "div", "__mod__": "remainder",
    "__itruediv__": "div_", "__idiv__": "div_", "__ifloordiv__": "floor_divide_", "__imod__": "remainder_", "__pos__": "positive",
    "__rand__": "bitwise_and", "__ror__": "bitwise_or", "__rxor__": "bitwise_xor", "nelement": "numel", "ndimension": "dim",
}  # fmt: skip

# Functions that tell what has no default by position and all else by name. Those of `torch.nn.functional` do so, except for these.
BY_NAME = {
    "torch": frozenset(
        "chain_matmul einsum tensordot lu broadcast_tensors norm cdist svd_lowrank pca_lowrank unravel_index atleast_1d atleast_2d"
        " atleast_3d split block_diag meshgrid cartesian_prod stft unique unique_consecutive".split()
    ),
    "Tensor": frozenset(
        "__array__ __array_wrap__ __contains__ __deepcopy__ __dlpack__ __dlpack_device__ __format__ __ipow__ __len__ __rdiv__"
        " __reduce_ex__ __repr__ __reversed__ __rfloordiv__ __rlshift__ __rmatmul__ __rmod__ __rpow__ __rrshift__ __rsub__ __setstate__"
        " backward is_shared istft lu norm register_hook register_post_accumulate_grad_hook share_memory_ split stft storage"
        " storage_type to_sparse_coo unflatten unique unique_consecutive".split()
    ),
}
AS_GIVEN = frozenset(
    "linear pdist bilinear avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d pixel_shuffle pixel_unshuffle channel_shuffle"
    " native_channel_shuffle prelu gelu softplus logsigmoid softshrink hardshrink threshold_ hardtanh_ leaky_relu_ rrelu_ elu_ celu_"
    " selu_ relu_ scaled_dot_product_attention conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d one_hot"
    " cosine_similarity pairwise_distance".split()
)

# Functions that tell nothing; what they call may.
SILENT = {
    "torch": frozenset(
        "vmap from_numpy frombuffer from_dlpack to_dlpack broadcast_shapes manual_seed seed initial_seed get_rng_state set_rng_state"
        " is_storage is_tensor typename is_grad_enabled set_num_threads get_num_threads family".split()
    ),
    "F": frozenset("upsample upsample_nearest upsample_bilinear".split()),
    "Tensor": frozenset(
        "__dir__ __hash__ __new__ __iter__ __array_ufunc__ __array_function__ __torch_function__ __delitem__ as_subclass".split()
    ),
}
HIDDEN = frozenset("_held _written".split())  # properties of Tensor that PyTorch's has not
OF_ALL = frozenset("detach detach_ requires_grad_ __array__ __array_wrap__".split())  # methods that are told of the library's calls too
TO_MODES = frozenset("tensor as_tensor asarray".split())  # functions that tell modes only
INSTEAD = {"sigmoid": "sigmoid", "tanh": "tanh"}  # functions of `torch.nn.functional` that only call a method of Tensor
SHARED = AS_GIVEN | {"hardshrink"}  # functions that are one in `torch` and `torch.nn.functional`, where they are in both
UNTOLD = {"l1_loss": "weight", "__array__": "copy"}  # arguments that functions which tell by name leave out

# Methods that count the class of their own tensor, as properties do.
COUNTING = frozenset(
    "__abs__ __bool__ __complex__ __float__ __index__ __int__ __invert__ __neg__ __pos__ _dimI _dimV _indices _nnz _values abs abs_"
    " absolute absolute_ acos acos_ acosh acosh_ adjoint angle apply_ arccos arccos_ arccosh arccosh_ arcsin arcsin_ arcsinh arcsinh_"
    " arctan arctan_ arctanh arctanh_ argwhere asin asin_ asinh asinh_ atan atan_ atanh atanh_ bitwise_not bitwise_not_ ccol_indices ceil"
    " ceil_ coalesce col_indices conj conj_physical conj_physical_ corrcoef cos cos_ cosh cosh_ crow_indices data_ptr deg2rad deg2rad_"
    " dense_dim dequantize det detach detach_ digamma digamma_ dim element_size erf erf_ erfc erfc_ erfinv erfinv_ exp exp2 exp2_ exp_"
    " expm1 expm1_ fix fix_ fliplr flipud floor floor_ frac frac_ frexp geqrf get_device i0 i0_ indices int_repr inverse is_coalesced"
    " is_complex is_conj is_floating_point is_inference is_neg is_nonzero is_signed isfinite isinf isnan isneginf isposinf isreal item"
    " lgamma lgamma_ log log10 log10_ log1p log1p_ log2 log2_ log_ logdet logical_not logical_not_ matrix_exp msort neg neg_ negative"
    " negative_ new new_tensor numel positive q_per_channel_axis q_per_channel_scales q_per_channel_zero_points q_scale q_zero_point"
    " qscheme rad2deg rad2deg_ ravel reciprocal reciprocal_ relu relu_ resolve_conj resolve_neg retain_grad row_indices rsqrt rsqrt_ sgn"
    " sgn_ sigmoid sigmoid_ sign sign_ signbit sin sin_ sinc sinc_ sinh sinh_ slogdet sparse_dim sqrt sqrt_ square square_"
    " storage_offset t t_ tan tan_ tanh tanh_ tolist trace trunc trunc_ untyped_storage values zero_".split()
)


def relevant(values: tuple[Any, ...]) -> list[Any]:
    """Those among arguments told by name whose classes are told: also those in tuples."""
    return [each for value in values for each in (value if type(value) is tuple else (value,))]


def by_name(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], mode: bool) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Arguments as PyTorch's functions in Python tell them: by position what has no default, all others by name.

    `mode`: a mode is told.
    """
    if function.__name__ == "einsum" and len(args) == 2 and isinstance(args[1], (list, tuple)) and not mode:
        args = (args[0], *args[1])
    signature = inspect.signature(function)
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError:
        return args, kwargs  # the function itself will say what is wrong
    bound.apply_defaults()
    needed: list[Any] = []
    named: dict[str, Any] = {}
    is_operator = function.__name__.startswith("__")  # which has the code of an operation once it was called
    for name, value in bound.arguments.items():
        kind = signature.parameters[name]
        if kind.kind is kind.VAR_POSITIONAL:
            needed += value
        elif kind.kind is kind.VAR_KEYWORD:
            named |= value
        elif kind.default is inspect.Parameter.empty:
            needed.append(value)
        elif UNTOLD.get(function.__name__) != name and not (name == "out" and is_operator):
            named[name] = value
    if function.__module__.endswith(".nn.init"):
        return (), bound.arguments
    if function.__name__ == "__array_wrap__":
        return (needed[0],), {"array": needed[1]}
    if function.__name__ == "grad":
        named["allow_unused"] = bool(named["allow_unused"])
        needed = [tuple(value) if isinstance(value, (list, tuple)) else (value,) for value in needed]
    return tuple(needed), named


def path_of(function: Any) -> str:
    """Where PyTorch finds a function that was told, as errors name it."""
    name, path = getattr(function, "__name__", str(function)), getattr(function, "__qualname__", "")
    place = getattr(getattr(function, "__dict__", {}).get("__signature__"), "place", "torch")
    if path.startswith("Tensor."):
        return f"torch.{path}"
    if place == "F":
        return f"torch.nn.functional.{name}"
    if place == "torch":
        return f"torch.{'functional.' * (name in BY_NAME['torch'])}{name}"
    return f"torch.{place}.{name}"


def is_by_name(path: str) -> bool:
    """Whether the function of that path tells its arguments by name."""
    where, _, name = path.rpartition(".")
    if where == "torch.nn.functional":
        return name not in AS_GIVEN
    return where == "torch.functional" or (where == "torch.Tensor" and name in BY_NAME["Tensor"])
