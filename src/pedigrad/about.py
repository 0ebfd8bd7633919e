"""What `pedigrad env` prints: the machine, the threads, the caches and the versions that results and speed depend on."""

from __future__ import annotations

import os
import platform
import re
import sys
from pathlib import Path

from . import version
from .codegen.emit.llvm import host, vector_bits
from .codegen.runtime import cache
from .eager.threads import get_num_threads

LIBRARIES = ("numpy", "scipy", "llvmlite", "ml_dtypes")
_CACHES = "/sys/devices/system/cpu/cpu0/cache"


def processor() -> str:
    """The processor's name as its maker and as LLVM give it."""
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:
        found = None
    name = found.group(1).strip() if found else platform.processor() or platform.machine()
    try:
        return f"{name} ({host()[0]})"
    except ImportError:
        return name


def vectors() -> str:
    """The width of the vectors that native code uses."""
    try:
        return f"{vector_bits()} bits"
    except ImportError:
        return "no native code: llvmlite is not installed"


def caches() -> str:
    """The sizes of the processor's data caches, where the system tells them."""
    found = []
    for index in sorted(Path(_CACHES).glob("index*")):
        level, kind, size = (_read(index / name) for name in ("level", "type", "size"))
        if level and size and kind != "Instruction":
            found.append(f"L{level} {size}")
    return ", ".join(found) or "unknown"


def installed(name: str) -> str:
    """The version of a distribution."""
    import importlib.metadata  # takes longer than the rest of the command line

    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def report() -> str:
    """All of it, one line each."""
    lines = {
        "pedigrad": f"{version.own_version} (as torch: {version.__version__})",
        "at": str(Path(__file__).parent),
        "Python": f"{platform.python_version()} ({sys.executable})",
        **{name: installed(name) for name in LIBRARIES},
        "system": platform.platform(),
        "processor": processor(),
        "vectors": vectors(),
        "caches": caches(),
        "threads": f"{get_num_threads()} of {os.cpu_count()}",
        "compiled code": cache.directory() or "not kept on disk",
    }
    width = max(map(len, lines))
    return "\n".join(f"{name:<{width}}  {value}" for name, value in lines.items())


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""
