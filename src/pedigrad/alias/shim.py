"""The package `torch` on disk that gives pedigrad to a Python which starts without it, and its metadata as a distribution."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

from .. import version

DIST_INFO = f"torch-{version.__version__}.dist-info"
METADATA = f"""Metadata-Version: 2.1
Name: torch
Version: {version.__version__}
Summary: pedigrad {version.own_version} under the name of the library whose programs it runs
Requires-Dist: pedigrad
"""
MARK = "pedigrad stands in for torch"  # in the first line of the package: it is how ours is told from the real one
_CODE = f'''"""{MARK}: `import torch` gives pedigrad's modules."""

import sys

{{find}}try:
    import pedigrad.alias
except ModuleNotFoundError as error:
    if error.name != "pedigrad":
        raise
    raise ImportError("this torch stands for pedigrad, which this Python does not find: {{advice}}") from error
pedigrad.alias.take_the_place_of(__name__)
'''
_FIND = """if sys.prefix == {prefix!r} and {source!r} not in sys.path:
    sys.path.append({source!r})  # where it was found by the process that started this one
"""


def files(find: str = "", advice: str = "pip install pedigrad, or take this out by deleting the folder") -> dict[str, str]:
    """The files of the package and its metadata: path -> text."""
    return {
        "torch/__init__.py": _CODE.format(find=find, advice=advice),
        f"{DIST_INFO}/METADATA": METADATA,
        f"{DIST_INFO}/INSTALLER": "pedigrad\n",
        f"{DIST_INFO}/top_level.txt": "torch\n",
    }


def write(folder: Path, texts: dict[str, str]) -> None:
    """Write files under a folder."""
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def temporary() -> Path:
    """A fresh folder with the package `torch`, for processes that this one starts; whoever asks removes it (`discard`)."""
    folder = Path(tempfile.mkdtemp(prefix="pedigrad-alias-"))
    source = str(Path(__file__).resolve().parents[2])
    write(folder, files(_FIND.format(prefix=sys.prefix, source=source), "`pedigrad run` started it with another Python"))
    return folder


def hand_down(folder: Path) -> None:
    """Let processes that this one starts find the package in `folder` before any other: spawned ones by this path, others by PYTHONPATH."""
    sys.path.insert(1, str(folder))
    rest = os.environ.get("PYTHONPATH", "")
    os.environ["PYTHONPATH"] = str(folder) + (os.pathsep + rest if rest else "")


def discard(folder: Path) -> None:
    """Remove what `temporary` made."""
    shutil.rmtree(folder, ignore_errors=True)
