"""Sessions: `with pedigrad.check() as doctor:` and `pedigrad run --check`."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

from ..core import interception, watching
from ..core.origin import located
from ..nn.hooks import hooks_seen
from . import checks  # noqa: F401  (it declares them)
from .findings import CHECKS, Finding, Findings
from .gain import gain_of
from .observer import Observer
from .program import Program
from .text import text_of

__all__ = ["check", "watched"]


class check:
    """A context in which a program is watched; afterwards `findings` are what is hardly meant, and `report()` tells them.

    `only` and `ignore` name checks to use and to leave out; all that there are: `pedigrad.check.names()`. With `raises` leaving the
    context raises AssertionError if there are findings, which is what a test wants.

    >>> import pedigrad as torch
    >>> model = torch.nn.Linear(2, 1)
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> with torch.check() as doctor:
    ...     for batch in torch.ones(3, 4, 2):
    ...         model(batch).sum().backward()
    ...         optimizer.step()
    >>> [finding.check for finding in doctor.findings]
    ['gradients-accumulate']
    """

    def __init__(self, *, only: Any = None, ignore: Any = (), raises: bool = False, whole: bool = False):
        unknown = sorted({*(only or ()), *ignore} - set(CHECKS))
        if unknown:
            raise ValueError(
                located(f"check(): there is no check called {', '.join(unknown)}; those there are: {', '.join(sorted(CHECKS))}")
            )
        self.raises = raises
        self.whole = whole
        self._found = Findings()
        self._wanted = [kind for name, kind in CHECKS.items() if (only is None or name in only) and name not in ignore]
        self._begin()

    def _begin(self) -> None:
        """Know nothing of the program yet."""
        self.program = Program(self.whole)
        self.observer = Observer(self.program, [kind(self.program, self._found) for kind in self._wanted])
        self._finished = False

    @staticmethod
    def names() -> dict[str, str]:
        """The checks there are, and what each looks for."""
        return {name: (kind.__doc__ or "").partition("\n")[0] for name, kind in sorted(CHECKS.items())}

    @property
    def findings(self) -> list[Finding]:
        """What was found, in the order in which it was seen."""
        return list(self._found.items)

    @property
    def faults(self) -> list[str]:
        """Checks that failed themselves: a fault of pedigrad's, not of the program."""
        return list(self.observer.faults)

    def report(self) -> str:
        """All findings as text."""
        return text_of(self.findings, self.program, self.faults)

    def __enter__(self) -> check:
        if watching.watcher is not None:
            raise RuntimeError(located("check(): a check is running already; they do not nest"))
        if self._finished:
            self._begin()
        interception.install(for_good=False, names=self.observer.by_function)
        self._seen = hooks_seen.get("watched", False)
        hooks_seen["watched"] = True
        watching.watcher = self.observer
        self.observer.look(True)
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        self.observer.look(False)
        watching.watcher = None
        interception.uninstall()
        if not self._seen:
            hooks_seen.pop("watched", None)
        if error is not None and not isinstance(error, (SystemExit, KeyboardInterrupt)):
            self.observer.tell("failed", error)
        self.program.refresh()
        self.observer.tell("finish")
        self._measure()
        self.observer.let_go()
        self._finished = True
        if self.raises and error is None and self.findings:
            raise AssertionError(self.report())

    def _measure(self) -> None:
        """Say with findings of speed what `compile` would give for the model that was called most."""
        slow = [i for i, finding in enumerate(self._found.items) if CHECKS[finding.check].is_of_speed]
        if slow and self.program.sample is not None:
            gain = gain_of(*self.program.sample)
            for i in slow:
                finding = self._found.items[i]
                self._found.items[i] = replace(finding, message=finding.message + gain)

    def __repr__(self) -> str:
        return f"<check: {len(self.findings)} findings>"


def watched(run: Any) -> Any:
    """What `run` gives, a program from its beginning to its end; on the standard error it is told what was found."""
    session = check(whole=True)
    try:
        with session:
            return run()
    finally:
        print(session.report(), file=sys.stderr)
