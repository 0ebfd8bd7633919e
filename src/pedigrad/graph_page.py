"""`pedigrad graph script.py`: where the loss of a program came from, as a page.

The program is run until its first backward pass, or to its end if there is none: a page of the first step does not wait for the training.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from . import autograd
from .compiler import set_stance
from .core import modes
from .core.origin import outside
from .core.tensor import Tensor
from .provenance.family import Family

Run = Callable[[str, Sequence[str]], Mapping[str, Any]]  # what runs a program and returns its globals


class Found(BaseException):
    """The backward pass that was waited for has run. No program catches it by mistake: it is no Exception."""

    def __init__(self, family: Family):
        self.family = family


def main(script: str, args: Sequence[str], name: str | None, out: str | None, run: Run) -> int:
    """Write the page and print the tree; returns the exit status."""
    try:
        with stopping_at_backward(name):
            family = at_the_end(run(script, args), name)
    except Found as found:
        family = found.family
    if family is None:
        what = f"no tensor with a history is called {name}" if name else "there was no backward pass, and no variable `loss` with a history"
        print(f"pedigrad graph: {what} in {script}: say which one it is with --tensor NAME", file=sys.stderr)
        return 1
    path = Path(out or Path(script).with_suffix(".html").name)
    family.html(path)
    print(family)
    print(f"\n{path}")
    return 0


@contextmanager
def stopping_at_backward(name: str | None) -> Iterator[None]:
    """Within it the first backward pass is carried out, and then ends the program with what was found."""
    places: list[tuple[Any, str]] = [(Tensor, "backward"), (autograd, "backward")]
    before = [getattr(owner, which) for owner, which in places]
    for (owner, which), original in zip(places, before, strict=True):
        setattr(owner, which, _stopping(original, name))
    try:
        with set_stance("force_eager"):  # a pass that is recorded cannot be stopped at
            yield
    finally:
        for (owner, which), original in zip(places, before, strict=True):
            setattr(owner, which, original)


def _stopping(original: Callable[..., Any], name: str | None) -> Callable[..., Any]:
    @functools.wraps(original)
    def backward(tensors: Any, *args: Any, **kwargs: Any) -> Any:
        if modes.settings.recorder is not None:  # torch.compile looks on: the pass must be the one that it is
            return original(tensors, *args, **kwargs)
        first = tensors if isinstance(tensors, Tensor) else next(iter(tensors))
        wanted = first if name is None else variable(outside(sys._getframe(1)), name)
        if wanted is None:
            return original(tensors, *args, **kwargs)
        family = Family(wanted).with_gradients()
        if len(args) < 2:
            kwargs["retain_graph"] = True  # so that values and what was saved can be shown
        original(tensors, *args, **kwargs)
        raise Found(family)

    return backward


def variable(frame: FrameType | None, name: str) -> Tensor | None:
    """The tensor with a history that a frame, or one that called it, has under that name."""
    while frame is not None:
        value = frame.f_locals.get(name)
        if isinstance(value, Tensor) and value._node is not None:
            return value
        frame = frame.f_back
    return None


def at_the_end(names: Mapping[str, Any], name: str | None) -> Family | None:
    """The family of a global variable of a program that is over."""
    value = names.get(name or "loss")
    if not isinstance(value, Tensor) or value._node is None:
        return None
    called = {each: t for each, t in names.items() if isinstance(t, Tensor) and t is not value}
    return Family(value, called)
