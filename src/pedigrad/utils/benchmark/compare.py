"""Tables of measurements."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .measurement import Measurement, ordered_unique, select_unit, trim_sigfig, unit_to_english

BEST, GOOD, BAD, WORST = "\033[92m\033[1m", "\033[34m\033[1m", "\033[2m\033[91m", "\033[31m\033[1m"
END = "\033[0m\033[0m"
CLOSE = 1.1  # how many times the best time is good, and half of how many the worst bad


class Compare:
    """A table of measurements for each label: a row for each sub-label and number of threads, a column for each description."""

    def __init__(self, results: Iterable[Measurement]) -> None:
        self._results: list[Measurement] = []
        self.extend_results(results)
        self._trim = self._warn = False
        self._color: Any = None

    def extend_results(self, results: Iterable[Measurement]) -> None:
        """Take in further measurements. ValueError for anything else."""
        for each in results:
            if not isinstance(each, Measurement):
                raise ValueError(f"Expected an instance of `Measurement`, got {type(each)} instead.")
            self._results.append(each)

    def trim_significant_figures(self) -> None:
        """Show only figures that are to be believed."""
        self._trim = True

    def colorize(self, rowwise: bool = False) -> None:
        """Show the best and the worst times in colour: of each column, or of each row."""
        self._color = "row" if rowwise else "column"

    def highlight_warnings(self) -> None:
        """Mark times that differ too much with their spread."""
        self._warn = True

    def print(self) -> None:
        """Print the tables."""
        print(str(self))

    def __str__(self) -> str:
        merged = Measurement.merge(self._results)
        labels = ordered_unique(each.task_spec.label for each in merged)
        return "\n".join(self._table([each for each in merged if each.task_spec.label == label]) for label in labels)

    def _table(self, results: list[Measurement]) -> str:
        unit, size = select_unit(min(each.median for each in results))
        columns = ordered_unique(each.task_spec.description for each in results)
        threads = sorted({each.task_spec.num_threads for each in results})
        several = len({each.env for each in results}) > 1

        def row_of(each: Measurement) -> str:
            return (f"({each.env}) " if several else "") + each.as_row_name

        rows = [(n, name) for n in threads for name in ordered_unique(row_of(r) for r in results if r.task_spec.num_threads == n)]
        cells = {((r.task_spec.num_threads, row_of(r)), r.task_spec.description): r for r in results}
        shown = {where: self._shown(each, size) for where, each in cells.items()}
        heads = [column or "" for column in columns]
        widths = [max(len(h), *(len(shown.get((row, c), "")) for row in rows)) for c, h in zip(columns, heads, strict=True)]
        first = 6 + max(len(name) for _, name in rows)
        lines = [" " * first + "".join(f"  |  {head:^{width}}" for head, width in zip(heads, widths, strict=True))]
        full = len(lines[0]) + 2
        for n in threads:
            lines.append(f"{n} threads: ".ljust(full, "-"))
            for row in (row for row in rows if row[0] == n):
                texts = [self._colored((row, c), cells, shown, width) for c, width in zip(columns, widths, strict=True)]
                lines.append(f"      {row[1]:{first - 6}}" + "".join(f"  |  {text}" for text in texts))
        title = f" {results[0].task_spec.label or results[0].title} "
        return "\n".join([f"[{title:-^{full - 2}}]", *lines, "", f"Times are in {unit_to_english(unit)}s ({unit}).", ""])

    def _shown(self, each: Measurement, size: float) -> str:
        value = each.median / size
        text = f"{trim_sigfig(value, each.significant_figures):g}" if self._trim else f"{value:.1f}"
        if self._trim and "e" in text:
            text = f"{trim_sigfig(value, each.significant_figures):.0f}"
        return text + (f" (! {each.iqr / each.median:.0%})" if self._warn and each.has_warnings else "")

    def _colored(self, where: Any, cells: dict[Any, Measurement], shown: dict[Any, str], width: int) -> str:
        text = f"{shown.get(where, ''):>{width}}"
        if self._color is None or where not in cells:
            return text
        part = 0 if self._color == "row" else 1
        others = [each.median for other, each in cells.items() if other[part] == where[part]]
        value, best, worst = cells[where].median, min(others), max(others)
        color = BEST if value <= best else GOOD if value <= CLOSE * best else WORST if value >= worst else BAD if 2 * value > worst else ""
        return f"{color}{text}{END}" if color else text
