"""What else the arguments of functions are called: NumPy's names, names of PyTorch's C++ functions, orders of older versions."""

from __future__ import annotations

from typing import Any

from .origin import located

# What else PyTorch's compiled functions call some arguments, where they have no argument of that name: NumPy's names, and `self`.
OTHER_NAMES = {"axis": "dim", "keepdims": "keepdim", "x": "input", "a": "input", "x1": "input", "x2": "other", "self": "input"}
SCALARS = ("beta", "alpha", "value")  # attributes that are numbers, which PyTorch also takes from tensors


def words_of(names: tuple[str, ...], takes: dict[str, str], common: bool = True) -> dict[str, str]:
    """What else the parameters `names` are called: by the `common` other names, and those in `takes`."""
    if not common:
        return takes
    found = {word: name for word, name in OTHER_NAMES.items() if name in names and word not in names}
    if names[:1] in (("A",), ("tensor",)):  # these are PyTorch's names for `input` in what it has written in Python
        found |= {word: names[0] for word, name in OTHER_NAMES.items() if name == "input"} | {"input": names[0]}
    found |= {word: takes[name] for word, name in OTHER_NAMES.items() if name in takes and word not in names}
    return found | takes


def in_our_words(given: dict[str, Any], words: dict[str, str], others: Any = (), what: str = "") -> dict[str, Any]:
    """Keyword arguments under the parameters' own names; TypeError if an argument is given twice, also among `others`."""
    ours = {words.get(name, name): value for name, value in given.items()}
    if len(ours) < len(given) or any(name in others for name in ours):
        raise TypeError(located(f"{what}() got an argument twice, by two of its names, in {', '.join([*others, *given])}"))
    return ours
