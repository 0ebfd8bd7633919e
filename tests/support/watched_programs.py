"""How tests have a program watched: it is run here, with pedigrad in the place of torch."""

import contextlib
import io
import linecache
import re
import textwrap
import warnings

import pedigrad


def examine(text, name="program.py", session=None):
    """The session that watched a program, from its beginning to its end."""
    text = re.sub(r"^(\s*)import torch$", r"\1import pedigrad as torch", textwrap.dedent(text), flags=re.M)
    text = re.sub(r"^(\s*)import torch\.nn as nn$", r"\1import pedigrad.nn as nn", text, flags=re.M)
    text = re.sub(r"^(\s*)import torch\.", r"\1import pedigrad.", text, flags=re.M)
    text = re.sub(r"^(\s*)from torch\b", r"\1from pedigrad", text, flags=re.M)
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    session = session or pedigrad.check(whole=True)
    with warnings.catch_warnings(action="ignore"), contextlib.redirect_stdout(io.StringIO()), session:
        exec(compile(text, name, "exec"), {"__name__": "__main__"})
    assert not session.faults, session.faults
    return session


def names(session):
    """The checks that found something."""
    return sorted({finding.check for finding in session.findings})
