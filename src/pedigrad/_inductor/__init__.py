"""`torch._inductor`: the names of PyTorch's own compiler that programs use; there is another one here."""

from __future__ import annotations

from typing import Any

from ..compiler import cudagraph_mark_step_begin as cudagraph_mark_step_begin
from ..core.refused import lazily, refused

globals().update(refused(__name__, "torch.compile() is another compiler here", functions="compile aot_compile aoti_compile_and_package"))


def list_mode_options(mode: str | None = None, dynamic: Any = None) -> dict[str, Any]:
    """{}: a mode changes nothing."""
    return {}


def list_options() -> list[str]:
    """[]: there are no options."""
    return []


__getattr__ = lazily(__name__, __path__)
