"""`pedigrad doctor script.py`: the names of torch that a program uses, and which of them are not there. Nothing of it is run.

What is called on values (methods of tensors, say) is not seen: a text does not tell what type they are.
"""

from __future__ import annotations

import os
import sys

from . import names, sources

LIMIT = 1000  # files


def report(script: str, limit: int = LIMIT, verbose: bool = False) -> tuple[str, bool]:
    """What to tell about a program, and whether all that it surely uses is there."""
    files, left = sources.reached(script, limit)
    uses = [use for file in files for use in file.uses]
    places: dict[str, list[sources.Use]] = {}
    for use in uses:
        places.setdefault(use.name, []).append(use)
    found: dict[str, dict[str, list[str]]] = {"missing": {}, "optional": {}, "refused": {}, "there": {}}
    for name, where in sorted(places.items()):
        answer = names.look_up(name)
        kind = answer.kind
        if kind == "missing" and all(use.guarded for use in where):
            kind = "optional"
        shown = answer.name + (f"  ({answer.hint})" if answer.hint else "")
        found[kind].setdefault(shown, []).extend(f"{_short(use.file)}:{use.line}" for use in where)
    lines = [
        f"{_short(script)} and {len(files) - 1} files that it imports name {len(places)} things of torch;"
        f" pedigrad has {sum(names.look_up(name).kind == 'there' for name in places)}."
    ]
    titles = {
        "missing": "Not there:",
        "optional": "Not there, where the program is prepared for that (within a try):",
        "refused": "There to be imported; using it is an error:",
    }
    if verbose:
        titles["there"] = "There:"
    for kind, title in titles.items():
        if found[kind]:
            lines += ["", title, *(f"  {name}\n      {_listed(where)}" for name, where in sorted(found[kind].items()))]
    unread = [file for file in files if file.fault]
    lines += ["", *(f"not read: {_short(file.path)}: {file.fault}" for file in unread)] if unread else []
    if left:
        lines += ["", f"{left} more files were not looked at (--limit {limit})"]
    return "\n".join(lines), not found["missing"]


def main(script: str, limit: int, verbose: bool) -> int:
    """What the command does; returns the exit status: 1 if something is not there."""
    if not os.path.exists(script):
        print(f"pedigrad doctor: no such file: {script}", file=sys.stderr)
        return 2
    text, complete = report(script, limit, verbose)
    print(text)
    return 0 if complete else 1


def _listed(where: list[str]) -> str:
    shown = list(dict.fromkeys(where))
    return ", ".join(shown[:4]) + (f" and {len(shown) - 4} more" if len(shown) > 4 else "")


def _short(path: str) -> str:
    """A path as it is seen from here, or from the folder on `sys.path` that it is in."""
    for folder in [os.getcwd(), *sorted(filter(None, sys.path), key=len, reverse=True)]:
        if path.startswith(os.path.join(folder, "")):
            return os.path.relpath(path, folder)
    return path
