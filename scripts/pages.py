#!/usr/bin/env python
"""The pages of family trees in a browser: `check` uses them as a reader would, `pictures` makes those of docs/explain.md.

Both need Chromium (`chromium`, `chromium-browser` or `google-chrome` on the path, or CHROMIUM); CI has none, so this is run by hand after a
change of `provenance/assets`. What is to be done is written into the page as a script, whose findings are read from the page.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from html import unescape
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "scripts")]

import page_models as models  # noqa: E402

import pedigrad as torch  # noqa: E402


def browser() -> str:
    """The program to run."""
    names = [os.environ.get("CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome"]
    found = next((path for path in map(shutil.which, filter(None, names)) if path), None)
    if found is None:
        sys.exit("scripts/pages.py needs Chromium: install it, or say where it is in CHROMIUM")
    return found


def run(text: str, *options: str) -> str:
    """What the browser prints of a page."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "page.html"
        path.write_text(text, encoding="utf-8")
        always = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--window-size=1400,850",
            f"--user-data-dir={folder}/user",
        ]
        command = [browser(), *always, *options, path.as_uri()]
        return subprocess.run(command, capture_output=True, text=True, timeout=300, check=True).stdout


def driven(text: str, script: str) -> str:
    """The page with a script that uses it."""
    driver = (ROOT / "scripts" / "page_checks.js").read_text()
    return text.replace("</body>", f"<script>{driver}\n{script}</script></body>")


def check(name: str, text: str, parts: str) -> bool:
    """Whether all that parts of the script expect holds."""
    printed = run(driven(text, f"report({parts});"), "--dump-dom")
    found = re.search(r'<pre id="out">(.*?)</pre>', printed, re.DOTALL)
    results = json.loads(unescape(found.group(1))) if found else {"the script ran": printed[-2000:]}
    wrong = {what: told for what, told in results.items() if told is not True}
    print(f"{name}: {len(results) - len(wrong)} of {len(results)} hold")
    for what, told in wrong.items():
        print(f"  {what}: {told}")
    return not wrong


def checks() -> int:
    """Use the pages of some models; returns the exit status."""
    model, loss = models.resnet()
    loss.backward()
    with torch.no_grad():
        model.fc.weight[0, 0] = float("nan")
    pages = {
        "ResNet-18": (models.resnet_loss(model).family().html(), "resnet, common"),
        "GPT": (models.gpt()[1].family().html(), "gpt, common"),
    }
    pages["compiled step"] = models.compiled_step().explain().html(), "drawn"
    pages["LSTM, 64 steps"] = models.lstm()[1].family().html(), "common"
    pages["chain of 3,000"] = models.chain(3000).family().html(), "common"
    pages["loop of 10,000 that is not regular"] = models.irregular(10_000).family().html(), "common"
    return 0 if all([check(name, *given) for name, given in pages.items()]) else 1


HIDE = "type(''); found.hidden = true;"
OPEN_BLOCK = "click(box('12 x h.0')); press('Enter'); click(box('h.10 (Block)')); press('Enter');"
PICTURES = {
    "gpt-light": ("gpt", f"{OPEN_BLOCK} type('h.10 mlp gelu'); enter(); {HIDE}"),
    "resnet-dark": ("resnet", f"document.documentElement.dataset.theme = 'dark'; type('fc'); enter(); {HIDE}"),
    "compiled-light": ("compiled", ""),
    "flame-light": ("flame", ""),
}


def pictures(folder: Path) -> None:
    """Make the pictures of the documentation."""
    folder.mkdir(parents=True, exist_ok=True)
    model, _ = models.resnet()
    with torch.no_grad():
        model.fc.weight[0, 0] = float("nan")
    pages = {"gpt": models.gpt()[1].family().html(), "resnet": models.resnet_loss(model).family().html()}
    pages["compiled"] = models.compiled_step().explain().html()
    models.gpt()[1].backward()  # what is compiled at its first use is compiled
    with torch.profiler.profile(profile_memory=True) as found:
        models.gpt()[1].backward()
    pages["flame"] = found.html()
    for name, (which, script) in PICTURES.items():
        run(driven(pages[which], script) if script else pages[which], "--virtual-time-budget=5000", f"--screenshot={folder / name}.png")
        print(folder / f"{name}.png")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", choices=("check", "pictures"))
    parser.add_argument("--folder", type=Path, default=ROOT / "docs" / "pictures")
    given = parser.parse_args()
    if given.what == "check":
        return checks()
    pictures(given.folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
