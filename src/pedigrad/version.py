"""`torch.version` and `torch.torch_version`: which version this is, as PyTorch's and as its own."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any

own_version = "0.1.0"
_FOLLOWED = "2.13.0"  # the PyTorch that is the specification

_PARTS = re.compile(
    r"\s*v?(?:(?P<epoch>\d+)!)?(?P<release>\d+(?:\.\d+)*)"
    r"(?:[-_.]?(?P<pre>alpha|a|beta|b|preview|pre|c|rc)[-_.]?(?P<pre_number>\d*))?"
    r"(?P<post>-(?P<post_short>\d+)|[-_.]?(?:post|rev|r)[-_.]?(?P<post_number>\d*))?"
    r"(?P<dev>[-_.]?dev[-_.]?(?P<dev_number>\d*))?"
    r"(?:\+(?P<local>[a-z0-9]+(?:[-_.][a-z0-9]+)*))?\s*",
    re.IGNORECASE,
)
_STAGES = {"alpha": "a", "beta": "b", "c": "rc", "pre": "rc", "preview": "rc"}


def _key(text: str) -> tuple[Any, ...] | None:
    """What orders a version as Python's packaging does (PEP 440); None where the text is no version."""
    found = _PARTS.fullmatch(text)
    if found is None:
        return None
    release = [int(part) for part in found["release"].split(".")]
    while release and not release[-1]:
        release.pop()
    if found["pre"]:
        stage = found["pre"].lower()
        before: tuple[Any, ...] = (1, _STAGES.get(stage, stage), int(found["pre_number"] or 0))
    else:
        before = (0,) if found["dev"] and not found["post"] else (2,)
    after = int(found["post_short"] or found["post_number"] or 0) if found["post"] else -1
    unfinished = (0, int(found["dev_number"] or 0)) if found["dev"] else (1, 0)
    local = [(1, int(part), "") if part.isdigit() else (0, 0, part) for part in re.split("[-_.]", (found["local"] or "").lower()) if part]
    return int(found["epoch"] or 0), release, before, after, unfinished, local


class TorchVersion(str):
    """A version as a string that compares by its numbers, with strings and with tuples of parts.

    >>> TorchVersion("2.13.0") > "2.9", TorchVersion("2.13.0") >= (1, 8), TorchVersion("2.13.0").split(".")[0]
    (True, True, '2')
    """

    __slots__ = ()

    def _compare(self, other: Any, compare: Callable[[Any, Any], bool]) -> Any:
        if isinstance(other, (tuple, list)):
            other = ".".join(str(part) for part in other)
        if not isinstance(other, str):
            return NotImplemented
        mine, theirs = _key(self), _key(other)
        if mine is None or theirs is None:  # PyTorch falls back on the letters too
            return compare(str(self), str(other)) if other else NotImplemented
        return compare(mine, theirs)

    def __lt__(self, other: Any) -> Any:
        return self._compare(other, operator.lt)

    def __le__(self, other: Any) -> Any:
        return self._compare(other, operator.le)

    def __gt__(self, other: Any) -> Any:
        return self._compare(other, operator.gt)

    def __ge__(self, other: Any) -> Any:
        return self._compare(other, operator.ge)

    def __eq__(self, other: object) -> Any:
        return self._compare(other, operator.eq)

    __hash__ = str.__hash__


__version__ = TorchVersion(f"{_FOLLOWED}+pedigrad.{own_version}")
cuda: Any = None
hip: Any = None
rocm: Any = None
xpu: Any = None
debug = False
git_version = "Unknown"
