"""Family trees as pictures without a browser: for Graphviz, for Mermaid, and as SVG.

All three show what the text does, closed groups as one box. The SVG has the rows of the text, with edges as arcs beside them: that needs
no layout. Graphviz and Mermaid lay out theirs, and the page's picture can be saved.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from .facts import title
from .folding import Group
from .text import Printer

ROW, LINE, CHARACTER, INDENT = 26, 16, 6.7, 18  # pixels


class Boxes:
    """The rows of a tree that are boxes, those that frame them, and the edges between them."""

    def __init__(self, printer: Printer):
        self.printer = printer
        shown, owner, parents = printer.shown, printer.owner, printer.ancestors.parents
        self.rows = [i for i, row in enumerate(shown) if not row.is_open or i in owner]
        found = {(owner[p], owner[place]) for place in range(len(owner)) for p in parents[place]}
        self.edges = sorted((a, b) for a, b in found if a != b)

    def label(self, i: int, is_box: bool = True) -> str:
        """What stands in a box, or over a frame."""
        item, printer = self.printer.shown[i].item, self.printer
        is_open = self.printer.shown[i].is_open
        if is_box and is_open and isinstance(item, Group):  # what is repeated, and shown once: its other rounds
            return f"the other {len(item.items) - 1}"
        return printer.group(item, is_open) if isinstance(item, Group) else printer.operation(item.last)

    def nested(self) -> Iterator[tuple[int, int]]:
        """The rows with how many frames end before each; after the last one all that are open end: row -1."""
        open_levels: list[int] = []
        for i, row in enumerate(self.printer.shown):
            ended = 0
            while open_levels and open_levels[-1] >= row.level:
                open_levels.pop()
                ended += 1
            yield i, ended
            if row.is_open:
                open_levels.append(row.level)
        yield -1, len(open_levels)


def dot(printer: Printer) -> str:
    """The tree in Graphviz' language, modules as clusters."""
    boxes = Boxes(printer)
    lines = ["digraph family {", "  rankdir=LR;", '  node [shape=box, style=rounded, fontname="sans-serif"];']
    for i, ended in boxes.nested():
        lines += ["  }"] * ended
        if i < 0:
            continue
        row = printer.shown[i]
        if row.is_open:
            lines.append(f"  subgraph cluster_{i} {{ label={quoted(boxes.label(i, False))};")
        if i in boxes.rows:
            lines.append(f"  n{i} [label={quoted(boxes.label(i))}];")
    lines += [f"  n{a} -> n{b};" for a, b in boxes.edges]
    return "\n".join([*lines, "}"])


def quoted(text: str) -> str:
    """A text for Graphviz."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def mermaid(printer: Printer) -> str:
    """The tree in Mermaid's language, modules as subgraphs."""
    boxes = Boxes(printer)
    lines = ["flowchart LR"]
    for i, ended in boxes.nested():
        lines += ["  end"] * ended
        if i < 0:
            continue
        if printer.shown[i].is_open:
            lines.append(f'  subgraph s{i}["{escaped(boxes.label(i, False))}"]')
        if i in boxes.rows:
            lines.append(f'  n{i}["{escaped(boxes.label(i))}"]')
    lines += [f"  n{a} --> n{b}" for a, b in boxes.edges]
    return "\n".join(lines)


def escaped(text: str) -> str:
    """A text for Mermaid."""
    return text.replace('"', "#quot;").replace("<", "#lt;")


STYLE = """
text { font: 12px system-ui, sans-serif; fill: #1c2330 }
.dim { fill: #667085 }
rect { fill: #eef4ff; stroke: #7aa2e3 }
.group { fill: #fff6e3; stroke: #d9a741 }
.back { fill: #fff; stroke: none }
path { fill: none; stroke: #8b95a7 }
@media (prefers-color-scheme: dark) {
  text { fill: #e4e8ef }
  .dim { fill: #98a2b3 }
  rect { fill: #1b2a44; stroke: #4c78c2 }
  .group { fill: #3a2f17; stroke: #b98c34 }
  .back { fill: #12161d; stroke: none }
}
"""
ARROW = '<path d="M0 0 L8 4 L0 8"/>'
HEAD = f'<marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" markerHeight="6" orient="auto">{ARROW}</marker>'


def svg(printer: Printer) -> str:
    """The tree as a picture: a row for each box, youngest on top, an arc for each edge."""
    boxes = Boxes(printer)
    gutter = 20 + 9 * min(max((b - a for a, b in map(sorted, boxes.edges)), default=1), 12)
    parts, width = [], 0.0
    for i, row in enumerate(printer.shown):
        x, y, label = gutter + INDENT * row.level, ROW * i + 6, boxes.label(i, False)
        wide = CHARACTER * len(label) + 16
        place = printer.facts.place(printer.ancestors.nodes[row.item.last])
        line = "" if place is None or row.is_open else place.short
        if i in boxes.rows:
            kind = ' class="group"' if isinstance(row.item, Group) else ""
            parts.append(f'<rect{kind} x="{x}" y="{y}" width="{wide:.0f}" height="{ROW - 5}" rx="5"/>')
        parts.append(f'<text x="{x + 8}" y="{y + LINE - 1}"{"" if i in boxes.rows else dim()}>{escape(label)}</text>')
        parts.append(f'<text x="{x + wide + 10:.0f}" y="{y + LINE - 1}"{dim()}>{escape(line)}</text>')
        width = max(width, x + wide + 20 + CHARACTER * len(line))
    for a, b in boxes.edges:  # from the older row, which is lower, to the younger one
        ya, yb = ROW * a + 6 + ROW / 2, ROW * b + 6 + ROW / 2
        xa, xb = (gutter + INDENT * printer.shown[i].level for i in (a, b))
        reach = max(gutter - 9 * min(abs(a - b), 12) - 8, 4)
        parts.append(f'<path d="M{xa} {ya} C{reach} {ya} {reach} {yb} {xb} {yb}" marker-end="url(#arrow)"/>')
    height = ROW * len(printer.shown) + 12
    size = f'width="{width:.0f}" height="{height}" viewBox="0 0 {width:.0f} {height}"'
    back = f'<rect class="back" width="{width:.0f}" height="{height}"/>'
    title = f"<title>{escape(title_of(printer))}</title>"
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{title}<style>{STYLE}</style><defs>{HEAD}</defs>{back}{"".join(parts)}</svg>'


def dim() -> str:
    return ' class="dim"'


def title_of(printer: Printer) -> str:
    """What the picture is of."""
    nodes = printer.ancestors.nodes
    return f"the family of {title(nodes[-1])}" if nodes else "no history"
