"""One self-contained HTML page for a graph; nothing in it is fetched.

The layout is done by dagre (`assets/dagre.min.js`, MIT licence beside it), in the reader's browser.
"""

from __future__ import annotations

import functools
import html
import json
from pathlib import Path

from .graph import Graph

ASSETS = Path(__file__).parent / "assets"


@functools.cache
def asset(name: str) -> str:
    """The text of a file of the page."""
    return (ASSETS / name).read_text(encoding="utf-8")


def page(graph: Graph) -> str:
    """The page."""
    given = graph.as_dict() | {"style": asset("graph.css")}
    parts = {
        "title": html.escape(graph.title),
        "style": asset("page.css") + asset("graph.css"),
        "data": embedded(given),
        "dagre": asset("dagre.min.js").replace("//# sourceMappingURL=dagre.min.js.map", ""),
        "script": asset("page.js"),
    }
    text = asset("page.html")
    for name, part in parts.items():
        before, _, after = text.partition("{{" + name + "}}")
        text = before + part + after
    return text


def embedded(data: object) -> str:
    """JSON that can stand in a `script` element: it cannot end it. What is not a number is a text."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def framed(text: str, height: int = 560) -> str:
    """A page within a notebook's."""
    style = f"width: 100%; height: {height}px; border: 1px solid #8884; border-radius: 6px"
    return f'<iframe srcdoc="{html.escape(text)}" style="{style}" sandbox="allow-scripts allow-downloads"></iframe>'
