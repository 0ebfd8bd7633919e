"""`torch.backends.cuda`: switches of CUDA's libraries, which are not here; they are kept, and change nothing.

The ways to compute attention are among them. There is one on a CPU, and it is always taken.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from ..core.refused import refused


class SDPBackend(enum.IntEnum):
    """The ways to compute attention, as `torch.nn.attention` has them."""

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4


matmul = SimpleNamespace(
    allow_tf32=False,
    allow_fp16_reduced_precision_reduction=True,
    allow_bf16_reduced_precision_reduction=True,
    allow_fp16_accumulation=False,
    fp32_precision="none",
)
cufft_plan_cache = SimpleNamespace(size=0, max_size=0, clear=lambda: None)
_ways = {"flash": True, "math": True, "mem_efficient": True, "cudnn": True, "reduced": False}
_libraries = {"linalg": "default", "blas": "default", "rocm_fa": "default"}

globals().update(refused(__name__, "there is no CUDA", classes="SDPAParams"))


def is_built() -> bool:
    """False."""
    return False


def flash_sdp_enabled() -> bool:
    """What `enable_flash_sdp` set."""
    return _ways["flash"]


def enable_flash_sdp(enabled: bool) -> None:
    """Nothing but that `flash_sdp_enabled` says so."""
    _ways["flash"] = bool(enabled)


def math_sdp_enabled() -> bool:
    """What `enable_math_sdp` set."""
    return _ways["math"]


def enable_math_sdp(enabled: bool) -> None:
    """Nothing but that `math_sdp_enabled` says so."""
    _ways["math"] = bool(enabled)


def mem_efficient_sdp_enabled() -> bool:
    """What `enable_mem_efficient_sdp` set."""
    return _ways["mem_efficient"]


def enable_mem_efficient_sdp(enabled: bool) -> None:
    """Nothing but that `mem_efficient_sdp_enabled` says so."""
    _ways["mem_efficient"] = bool(enabled)


def cudnn_sdp_enabled() -> bool:
    """What `enable_cudnn_sdp` set."""
    return _ways["cudnn"]


def enable_cudnn_sdp(enabled: bool) -> None:
    """Nothing but that `cudnn_sdp_enabled` says so."""
    _ways["cudnn"] = bool(enabled)


def allow_fp16_bf16_reduction_math_sdp(enabled: bool) -> None:
    """Nothing but that `fp16_bf16_reduction_math_sdp_allowed` says so: sums are in float32 here."""
    _ways["reduced"] = bool(enabled)


def fp16_bf16_reduction_math_sdp_allowed() -> bool:
    """What `allow_fp16_bf16_reduction_math_sdp` set."""
    return _ways["reduced"]


def is_flash_attention_available() -> bool:
    """False."""
    return False


def can_use_flash_attention(params: Any, debug: bool = False) -> bool:
    """False."""
    return False


can_use_efficient_attention = can_use_cudnn_attention = can_use_flash_attention


@contextmanager
def sdp_kernel(
    enable_flash: bool = True, enable_math: bool = True, enable_mem_efficient: bool = True, enable_cudnn: bool = True
) -> Iterator[Any]:
    """A context in which these ways of attention are said to be enabled; the one there is is taken."""
    before = dict(_ways)
    _ways.update(flash=enable_flash, math=enable_math, mem_efficient=enable_mem_efficient, cudnn=enable_cudnn)
    try:
        yield {}
    finally:
        _ways.update(before)


def _preferred(kind: str, backend: Any) -> str:
    if backend is not None:
        _libraries[kind] = str(backend)
    return _libraries[kind]


def preferred_linalg_library(backend: Any = None) -> str:
    """What was preferred last."""
    return _preferred("linalg", backend)


def preferred_blas_library(backend: Any = None) -> str:
    """What was preferred last."""
    return _preferred("blas", backend)


def preferred_rocm_fa_library(backend: Any = None) -> str:
    """What was preferred last."""
    return _preferred("rocm_fa", backend)
