"""A whole LLVM module from the texts of its functions."""

from __future__ import annotations

import re
from collections.abc import Iterable

METADATA = """
!0 = distinct !{}
!1 = !{!"llvm.loop.parallel_accesses", !0}
!2 = !{!"llvm.loop.unroll.disable"}
"""


def finished(texts: Iterable[str]) -> str:
    """The module's text: every loop marked !LOOP gets an identity of its own, as one whose rounds share no memory.

    The vectoriser interleaves such loops; unrolling them on top of that takes as long as all the rest and wins nothing.
    """
    loops: list[str] = []

    def identity(_: re.Match[str]) -> str:
        number = len(loops) + 3
        loops.append(f"!{number} = distinct !{{!{number}, !1, !2}}")
        return f"!{number}"

    text = re.sub("!LOOP", identity, "\n".join([*texts, METADATA]))
    return text + "\n".join(loops) + "\n"
