"""Where a live table is shown: on a terminal by rich or plainly, in a notebook's cell, or line by line in a file."""

from __future__ import annotations

import html
import importlib.util
import sys
from collections.abc import Iterable
from typing import Any


class Display:
    """Writes the first line of each table to a file."""

    def __init__(self, file: Any):
        self.file = file

    def show(self, table: Any) -> None:
        """Show the table as it is now."""
        self.file.write(next(table.lines()) + "\n")
        self.file.flush()

    def end(self) -> None:
        """There is no further one."""


class Terminal(Display):
    """Writes each table over the last one."""

    printed = 0  # lines

    def show(self, table: Any) -> None:
        lines = list(table.lines())
        up = f"\033[{self.printed}F\033[J" if self.printed else ""
        self.file.write(up + "\n".join(lines) + "\n")
        self.file.flush()
        self.printed = len(lines)


class Rich(Display):
    """Lets rich draw the table; what the program prints meanwhile goes above it."""

    live: Any = None

    def show(self, table: Any) -> None:
        if self.live is None:
            from rich.console import Console
            from rich.live import Live

            self.live = Live(console=Console(file=self.file), auto_refresh=False)
            self.live.start()
        self.live.update(table.__rich__(), refresh=True)

    def end(self) -> None:
        if self.live is not None:
            self.live.stop()
            self.live = None


class Notebook(Display):
    """Shows the table in the cell that runs, each in the place of the last one."""

    handle: Any = None

    def show(self, table: Any) -> None:
        if self.handle is None:
            from IPython.display import display

            self.handle = display(table, display_id=True)
        else:
            self.handle.update(table)


def display_for(file: Any) -> Display:
    """The way to show a table on a file; None is the standard output, or the notebook that runs the program."""
    if file is None and in_notebook():
        return Notebook(file)
    file = sys.stdout if file is None else file
    if not getattr(file, "isatty", lambda: False)():
        return Display(file)
    return Rich(file) if importlib.util.find_spec("rich") is not None else Terminal(file)


def in_notebook() -> bool:
    """Whether a notebook's kernel runs the program."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return shell is not None and hasattr(shell, "kernel")


def rich_table(heading: str, columns: Iterable[str], rows: Iterable[Iterable[str]]) -> Any:
    """A table of rich's, with a line above it."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table()
    for i, column in enumerate(columns):
        table.add_column(column, justify="right" if i else "left")
    for row in rows:
        table.add_row(*row)
    return Group(Text(heading, style="bold"), table)


def html_table(heading: str, columns: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table in HTML."""
    head = "".join(f"<th>{html.escape(column)}</th>" for column in columns)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><caption>{html.escape(heading)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
