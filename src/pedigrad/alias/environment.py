"""`pedigrad alias install|remove|status`: a package `torch` in an environment's site-packages that gives pedigrad."""

from __future__ import annotations

import base64
import hashlib
import sys
import sysconfig
from pathlib import Path

from . import shim


def site_packages() -> Path:
    """The site-packages of the environment that runs."""
    return Path(sysconfig.get_path("purelib"))


def is_alias(package: Path) -> bool:
    """Whether a package on disk is the alias and not the real torch."""
    try:
        with open(package / "__init__.py", encoding="utf-8") as file:
            return shim.MARK in file.readline()
    except OSError:
        return False


def real(site: Path) -> str | None:
    """Where the real torch is, in `site` or anywhere on the path; None where there is none."""
    import importlib.metadata  # takes longer than the rest of the command line

    folders = [str(site), *(entry or "." for entry in sys.path)]
    for folder in folders:
        package = Path(folder, "torch")
        if (package / "__init__.py").exists() and not is_alias(package):
            return str(package)
    for found in importlib.metadata.distributions(name="torch", path=folders):
        if (found.read_text("INSTALLER") or "").strip() != "pedigrad":
            return f"{found.metadata['Name']} {found.version} in {found.locate_file('')}"
    return None


def installed(site: Path) -> list[Path]:
    """The dist-info folders of the alias in `site`, whatever version made them."""
    return [each for each in sorted(site.glob("torch-*.dist-info")) if _text(each / "INSTALLER").strip() == "pedigrad"]


def install(site: Path) -> str:
    """Put the alias into `site`; returns what to tell. RuntimeError where the real torch is installed."""
    found = real(site)
    if found is not None:
        raise RuntimeError(f"torch is installed here ({found}): uninstall it first, or use `pedigrad run`, which leaves it untouched")
    for old in installed(site):
        _take_out(site, old)
    advice = "pip install pedigrad, or remove this with pip uninstall torch"
    texts = shim.files(advice=advice)
    records = [f"{name},sha256={_digest(text)},{len(text.encode())}" for name, text in texts.items()]
    texts[f"{shim.DIST_INFO}/RECORD"] = "\n".join([*records, f"{shim.DIST_INFO}/RECORD,,", ""])
    shim.write(site, texts)
    return f"`import torch` gives pedigrad in {site}; `pedigrad alias remove` takes it out"


def remove(site: Path) -> str:
    """Take the alias out of `site`, and nothing else; returns what to tell."""
    found = installed(site)
    for each in found:
        _take_out(site, each)
    return f"removed from {site}" if found else f"there is no alias in {site}"


def status(site: Path) -> str:
    """What `import torch` gives in `site`."""
    found = real(site)
    if found is not None:
        return f"torch is PyTorch's own ({found})"
    there = installed(site)
    if not there:
        return f"no torch in {site}; `pedigrad alias install` puts the alias there"
    version = there[-1].name.removeprefix("torch-").removesuffix(".dist-info")
    current = there[-1].name == shim.DIST_INFO
    return f"torch is pedigrad ({version}) in {site}" + ("" if current else "; another version made it: run `pedigrad alias install` again")


def _take_out(site: Path, dist_info: Path) -> None:
    """Delete the files that RECORD names, what Python compiled of them, and the folders if that leaves them empty."""
    names = [line.split(",")[0] for line in _text(dist_info / "RECORD").splitlines() if line]
    allowed = ("torch", dist_info.name)
    paths = [site / name for name in names if Path(name).parts[0] in allowed and ".." not in Path(name).parts]
    for path in paths:
        compiled = path.parent / "__pycache__"
        for each in compiled.glob(f"{path.stem}.*.pyc") if path.suffix == ".py" else ():
            each.unlink()
        path.unlink(missing_ok=True)
    for folder in (site / "torch" / "__pycache__", site / "torch", dist_info):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def main(action: str, site: str | None) -> int:
    """What the command does; returns the exit status."""
    folder = Path(site) if site else site_packages()
    try:
        print({"install": install, "remove": remove, "status": status}[action](folder))
    except (RuntimeError, OSError) as error:
        print(f"pedigrad alias {action}: {error}", file=sys.stderr)
        return 1
    return 0
