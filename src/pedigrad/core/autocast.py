"""Autocast: within it products and convolutions take 16-bit floats, and what needs the digits takes float32.

Which operation is of which kind is PyTorch's list for the CPU. While it is on in any thread, `modes.special` is counted up, so that
operations go through `dispatch`, which asks `cast` here; while it is off nothing is asked.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from . import dtypes, interception, modes
from .declare import publish
from .op import Op
from .origin import located, warn
from .tensor import Tensor

# Operations and functions by name. Functions whose operations are all of one kind need not be here.
LOWER = frozenset(
    """
    _prelu_kernel addbmm addmm baddbmm bmm conv1d conv2d conv3d conv_forward conv_transpose1d conv_transpose2d conv_transpose3d
    conv_input_grad einsum linear matmul mm prelu rnn_relu_cell rnn_tanh_cell scaled_dot_product_attention vecdot
    """.split()
)
FLOAT32 = frozenset(
    """
    adaptive_avg_pool3d avg_pool3d binary_cross_entropy binary_cross_entropy_with_logits cdist cholesky cholesky_ex cholesky_inverse
    cholesky_solve cond cosine_embedding_loss cross_entropy ctc_loss eig eigh eigvals eigvalsh geqrf grid_sample hinge_embedding_loss
    householder_product huber_loss inv inv_ex inverse kl_div l1_loss linalg_cholesky linalg_eig linalg_eigh linalg_inv linalg_lu_factor
    linalg_pinv linalg_solve linalg_svd lstsq lu_solve margin_ranking_loss matrix_norm matrix_rank max_pool3d max_unpool2d max_unpool3d
    mse_loss multi_margin_loss multilabel_margin_loss nanquantile nll_loss orgqr ormqr pinverse poisson_nll_loss polar prod qr quantile
    reflection_pad smooth_l1_loss soft_margin_loss solve svd svdvals tensorinv tensorsolve trace triplet_margin_loss view_as_complex
    """.split()
)
AS_INPUT = frozenset(("gru_cell", "lstm_cell"))  # in 16 bits where their first operand is
PROMOTE = frozenset(("cat", "stack", "index_copy"))
NARROW = frozenset(("bfloat16", "float16"))
DEVICES = ("cpu", "cuda", "xpu", "mps", "hpu", "xla", "mtia", "maia", "meta", "privateuseone")
DEFAULTS = {"cpu": "bfloat16", "xla": "bfloat16", "hpu": "bfloat16", "mtia": "bfloat16", "maia": "bfloat16"}  # float16 elsewhere


class State:
    """What one thread has switched on for each kind of device."""

    def __init__(self) -> None:
        self.enabled: dict[str, bool] = {}
        self.dtypes: dict[str, Any] = {}
        self.cache = True
        self.nesting = 0


def _state() -> State:
    state = modes.settings.autocast_state
    if state is None:
        state = modes.settings.autocast_state = State()
    return state


def _dtype(name: str) -> Any:
    return next(each for each in dtypes.ALL if each.name == name)


def _device(device_type: Any) -> str:
    if not isinstance(device_type, str):
        raise ValueError(located(f"Expected `device_type` of type `str`, got: `{type(device_type)}`"))
    if device_type not in DEVICES:
        raise RuntimeError(
            located(f"User specified an unsupported autocast device_type '{device_type}': it is one of {', '.join(DEVICES)}")
        )
    return device_type


# What dispatch and public functions ask


def _wanted(name: str, values: Any) -> Any:
    """The dtype in which autocast runs what is called `name`, None for that of its operands."""
    if name in LOWER or (name in AS_INPUT and values and values[0].dtype.name in NARROW):
        return _state().dtypes.get("cpu") or _dtype("bfloat16")
    if name in FLOAT32:
        return _dtype("float32")
    if name in PROMOTE and any(isinstance(v, Tensor) and v.dtype.name == "float32" for v in values):
        return _dtype("float32")
    return None


def _cast(value: Any, target: Any) -> Any:
    if isinstance(value, Tensor):
        name = value.dtype.name
        return value if name == target.name or (name != "float32" and name not in NARROW) else value.to(target)  # type: ignore[attr-defined]
    return type(value)(_cast(v, target) for v in value) if value.__class__ in (list, tuple) else value


def lowered(values: Any) -> Any:
    """The tensors in lists and tuples, in the 16-bit dtype of autocast."""
    return _cast(values, _wanted("linear", ()))


def widened(values: Any) -> Any:
    """The tensors in lists and tuples, those of 16 bits in float32."""
    return _cast(values, _dtype("float32"))


def cast(op: Op, operands: tuple[Any, ...]) -> tuple[Any, ...]:
    """The operands of `op` in the dtype that autocast runs it in."""
    target = _wanted(op.name, operands[0] if op.variadic else operands)
    return operands if target is None else tuple(_cast(v, target) for v in operands)


def cast_call(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of a function made of several operations, in the dtype that autocast runs it in."""
    name = function.__name__
    if name == "pad" and (kwargs.get("mode") or (args[2] if len(args) > 2 else "constant")) in ("reflect", "replicate"):
        name = "reflection_pad"
    target = _wanted(name, args)
    if target is None:
        return args, kwargs
    return _cast(args, target), {name: _cast(value, target) for name, value in kwargs.items()}


def _set(device: str, enabled: bool) -> None:
    _state().enabled[device] = enabled
    if device == "cpu" and enabled != (modes.settings.autocast is not None):
        modes.settings.autocast = cast if enabled else None
        interception.install()
        modes.need_long_way(+1 if enabled else -1)


# Switches


def is_autocast_available(device_type: str) -> bool:
    """Whether a device has autocast."""
    return _device(device_type) == "cpu"


def is_autocast_enabled(device_type: str | None = None) -> bool:
    """Whether autocast is on for a device; without one, for "cuda"."""
    return _state().enabled.get("cuda" if device_type is None else _device(device_type), False)


def set_autocast_enabled(device_type: Any, enabled: bool | None = None) -> None:
    """Switch autocast on or off for a device; called with a flag alone, for "cuda"."""
    if enabled is None:
        device_type, enabled = "cuda", device_type
    _set(_device(device_type), bool(enabled))


def get_autocast_dtype(device_type: str) -> Any:
    """The dtype that autocast takes for a device."""
    name = _device(device_type)
    return _state().dtypes.get(name) or _dtype(DEFAULTS.get(name, "float16"))


def set_autocast_dtype(device_type: str, dtype: Any) -> None:
    """Set the dtype that autocast takes for a device."""
    _state().dtypes[_device(device_type)] = dtype


def is_autocast_cache_enabled() -> bool:
    """What `set_autocast_cache_enabled` said."""
    return _state().cache


def set_autocast_cache_enabled(enabled: bool) -> None:
    """Nothing but to be remembered: weights are cast at each use, so a cast weight cannot be out of date."""
    _state().cache = bool(enabled)


def clear_autocast_cache() -> None:
    """Nothing: there is no cache."""


def autocast_increment_nesting() -> int:
    """How deep contexts are nested, one more being entered."""
    _state().nesting += 1
    return _state().nesting


def autocast_decrement_nesting() -> int:
    """How deep contexts are nested, one being left."""
    _state().nesting -= 1
    return _state().nesting


def _old(device: str, get: Callable[..., Any], name: str) -> Callable[..., Any]:
    def old(*args: Any) -> Any:
        return get(device, *args)

    old.__name__ = old.__qualname__ = name
    old.__doc__ = f"The same as `{get.__name__}({device!r}, ...)`, under its old name."
    return old


class autocast:
    """Within it, or in a function it decorates, operations on `device_type` run in `dtype` where that is good enough.

    >>> import pedigrad as torch
    >>> with torch.autocast("cpu"):
    ...     (torch.ones(2, 2) @ torch.ones(2, 2)).dtype
    torch.bfloat16
    """

    def __init__(self, device_type: str, dtype: Any = None, enabled: bool = True, cache_enabled: bool | None = None):
        self.device = _device(device_type)
        self.fast_dtype = get_autocast_dtype(device_type) if dtype is None else dtype
        self._cache_enabled = is_autocast_cache_enabled() if cache_enabled is None else cache_enabled
        self._enabled = bool(enabled)
        if self._enabled and self.device != "cpu":
            message = f"User provided device_type of '{device_type}', but {device_type.upper()} is not available. Disabling"
            warn(message)
            self._enabled = False
        if self._enabled and self.fast_dtype.name not in NARROW:
            message = f"In CPU autocast, but the target dtype {self.fast_dtype} is not supported. Disabling autocast.\n"
            message += "CPU Autocast only supports dtype of torch.bfloat16, torch.float16 currently."
            warn(message)
            self._enabled = False
        self._before: list[Any] = []

    def __enter__(self) -> autocast:
        state = _state()
        self._before.append((state.enabled.get(self.device, False), get_autocast_dtype(self.device), state.cache))
        state.dtypes[self.device] = self.fast_dtype
        state.cache = self._cache_enabled
        autocast_increment_nesting()
        _set(self.device, self._enabled)
        return self

    def __exit__(self, *exc: object) -> None:
        enabled, dtype, cache = self._before.pop()
        _state().dtypes[self.device] = dtype
        _set(self.device, enabled)
        _state().cache = cache
        autocast_decrement_nesting()

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def cast_within(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        return cast_within


_SWITCHES = (
    is_autocast_available, is_autocast_enabled, set_autocast_enabled, get_autocast_dtype, set_autocast_dtype, is_autocast_cache_enabled,
    set_autocast_cache_enabled, clear_autocast_cache, autocast_increment_nesting, autocast_decrement_nesting,
)  # fmt: skip
for _each in _SWITCHES[1:]:
    publish(_each, _each.__name__, ["torch"])
for _name, _device_type, _switch, _form in (
    ("is_autocast_cpu_enabled", "cpu", is_autocast_enabled, "()"),
    ("set_autocast_cpu_enabled", "cpu", set_autocast_enabled, "(enabled: bool)"),
    ("get_autocast_cpu_dtype", "cpu", get_autocast_dtype, "()"), ("set_autocast_cpu_dtype", "cpu", set_autocast_dtype, "(dtype)"),
    ("get_autocast_gpu_dtype", "cuda", get_autocast_dtype, "()"), ("set_autocast_gpu_dtype", "cuda", set_autocast_dtype, "(dtype)"),
):  # fmt: skip
    publish(_old(_device_type, _switch, _name), _name, ["torch"], _form)
publish(autocast, "autocast", ["torch"])
interception.AROUND.append(cast_call)
