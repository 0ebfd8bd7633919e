"""A whole LLVM module from the texts of its functions."""

from __future__ import annotations

import re
from collections.abc import Iterable

METADATA = """
!0 = distinct !{}
!1 = !{!"llvm.loop.parallel_accesses", !0}
!2 = !{!"llvm.loop.unroll.disable"}
!3 = !{i32 1}
"""
INTERLEAVE = (1, 2, 4)
METADATA += "".join(f'!{i} = !{{!"llvm.loop.interleave.count", i32 {count}}}\n' for i, count in enumerate(INTERLEAVE, 4))


def finished(texts: Iterable[str]) -> str:
    """The module's text: every loop marked !LOOP gets an identity of its own, with !LOOPn as one whose rounds share no memory.

    The vectoriser does n vectors of such loops in a round; unrolling them on top of that takes as long as all the rest and wins nothing.
    """
    loops: list[str] = []

    def identity(match: re.Match[str]) -> str:
        number = len(loops) + len(INTERLEAVE) + 4
        more = f", !1, !{4 + INTERLEAVE.index(int(match[1]))}" if match[1] else ""
        loops.append(f"!{number} = distinct !{{!{number}, !2{more}}}")
        return f"!{number}"

    text = re.sub(r"!LOOP(\d?)", identity, "\n".join([*texts, METADATA]))
    return text + "\n".join(loops) + "\n"
