"""What docstrings of functions have in common: a declaration says what is its own, the rest is added from here.

Parameters that mean the same everywhere are described once, in COMMON; what the kind of an operation says of shapes and dtypes follows from
its declaration. A docstring that has a parameter or a "Shape:" of its own keeps it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

COMMON = {
    "dtype": "the dtype of the result.",
    "out": "a tensor that the result is written to, and that is returned.",
    "device": '"cpu", or "meta" for a tensor without memory.',
    "layout": "torch.strided, which is a tensor in ordinary memory.",
    "requires_grad": "whether operations on the result are recorded for gradients.",
    "pin_memory": "nothing: there is no device that would need it.",
    "memory_format": "the order of the dimensions in memory.",
    "generator": "where the random numbers come from; the default generator if it is None.",
    "keepdim": "whether dimensions that are reduced stay, with size 1.",
    "inplace": "whether the result is written to `input` itself.",
    "reduction": 'what becomes of the losses: "mean", "sum", or "none" for a loss each.',
    "size_average": "an older way to say `reduction`.",
    "reduce": "an older way to say `reduction`.",
}
INDENT = "    "
_OUT = f"\n{INDENT}{INDENT}out: {COMMON['out']}"


def completed(doc: str | None, names: Iterable[str], shape: str = "") -> str | None:
    """The docstring with lines for those of the parameters `names` that are common and that it does not describe, and with `shape`."""
    if not doc:
        return doc
    lines = [f"{INDENT}{INDENT}{name}: {COMMON[name]}" for name in names if name in COMMON and f"    {name}:" not in doc]
    text, mark, examples = doc.partition(f"\n{INDENT}>>>")
    if shape and f"\n{INDENT}Shape:" not in text:
        text = f"{text.rstrip()}\n\n{INDENT}Shape: {shape}\n{INDENT}"
    if lines:
        before, args, after = text.partition(f"\n{INDENT}Args:\n")
        if args:
            own, blank, rest = after.partition("\n\n")
            text = f"{before}{args}{own.rstrip()}\n" + "\n".join(lines) + (f"\n\n{rest}" if blank else f"\n{INDENT}")
        else:
            text = f"{text.rstrip()}\n\n{INDENT}Args:\n" + "\n".join(lines) + f"\n{INDENT}"
    return f"{text.rstrip()}\n{mark}{examples}" if mark else text


def without_out(doc: str) -> str:
    """The docstring of a method, which has no `out`."""
    if _OUT not in doc:
        return doc
    return doc.replace(f"\n\n{INDENT}Args:{_OUT}\n", "\n").replace(_OUT, "")


def shape_of(op: Any) -> str:
    """What an elementwise operation's declaration says of shapes and dtypes."""
    if op.kind != "elementwise":
        return ""
    names = [f"`{name}`" for name in op.public_names]
    if len(names) == 1:
        text = f"that of {names[0]}"
    else:
        text = f"that which {', '.join(names[:-1])} and {names[-1]} broadcast to; dtypes are promoted to one"
    rules = {"float": "; integers and booleans are made floats first", "bool": "; the result is boolean"}
    return f"{text}{rules.get(op.result, '')}."
