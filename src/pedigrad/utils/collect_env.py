"""torch.utils.collect_env: what to say of a machine in a report of an error. `python -m pedigrad.utils.collect_env` prints it."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys

__all__ = ["get_pretty_env_info", "main"]

PACKAGES = ("pedigrad", "numpy", "scipy", "llvmlite", "ml_dtypes", "torch")


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def get_pretty_env_info() -> str:
    """Lines on the library, Python, the system and the packages that are used."""
    lines = [
        f"pedigrad version: {_version('pedigrad')}",
        "Is CUDA available: False",
        f"OS: {platform.platform()}",
        f"Processor: {platform.processor() or platform.machine()}, {os.cpu_count()} logical processors",
        f"Python version: {sys.version}",
        *(f"[pip] {package}: {_version(package)}" for package in PACKAGES),
    ]
    return "\n".join(lines)


def main() -> None:
    """Print them."""
    print("Collecting environment information...")
    print(get_pretty_env_info())


if __name__ == "__main__":
    main()
