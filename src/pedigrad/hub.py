"""`torch.hub`: models from repositories and weights from files; what is kept in PyTorch's folder is found.

A repository is a folder with a `hubconf.py`, whose functions make models. Folders on this machine are used, those that PyTorch has
downloaded among them; weights are downloaded, code is not.
"""

from __future__ import annotations

import builtins
import hashlib
import importlib.util
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlparse
from urllib.request import Request, urlopen

from .serialization import load as _read

__all__ = ["download_url_to_file", "get_dir", "help", "list", "load", "load_state_dict_from_url", "set_dir"]

DEFAULT_CACHE_DIR = "~/.cache"
ENV_TORCH_HOME, ENV_XDG_CACHE_HOME, ENV_GITHUB_TOKEN = "TORCH_HOME", "XDG_CACHE_HOME", "GITHUB_TOKEN"
HASH_REGEX = re.compile(r"-([a-f0-9]*)\.")
MODULE_HUBCONF, VAR_DEPENDENCY = "hubconf.py", "dependencies"
READ_DATA_CHUNK = 128 * 1024

_folder: str | None = None


class Silent:
    """Takes the place of `tqdm` where that is not installed: goes through what it is given and shows nothing."""

    def __init__(self, iterable: Any = None, total: Any = None, **shown: Any):
        self.iterable, self.total, self.n = iterable, total, 0

    def __iter__(self) -> Iterator[Any]:
        return iter(self.iterable)

    def __enter__(self) -> Silent:
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def update(self, n: int = 1) -> None:
        """Count `n` more."""
        self.n += n

    def set_description(self, *shown: Any, **more: Any) -> None:
        """Nothing: nothing is shown."""

    set_postfix = set_postfix_str = close = refresh = set_description

    @staticmethod
    def write(text: str) -> None:
        """Print a line."""
        print(text)


def __getattr__(name: str) -> Any:
    """`tqdm`: that package's bar, if it is installed; modules that load data import it from here."""
    if name != "tqdm":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return import_module("tqdm").tqdm
    except ImportError:
        return Silent


def get_dir() -> str:
    """The folder for downloads: what `set_dir` set, or `hub` in $TORCH_HOME, in $XDG_CACHE_HOME/torch, or in ~/.cache/torch."""
    return os.path.join(_get_torch_home(), "hub") if _folder is None else _folder


def _get_torch_home() -> str:
    """The folder that holds the one for downloads where `set_dir` has set none."""
    home = os.getenv(ENV_TORCH_HOME) or os.path.join(os.getenv(ENV_XDG_CACHE_HOME) or DEFAULT_CACHE_DIR, "torch")
    return os.path.expanduser(home)


def set_dir(d: str | os.PathLike[str]) -> None:
    """Use this folder for downloads."""
    global _folder
    _folder = os.path.expanduser(d)


def list(
    github: str, force_reload: bool = False, skip_validation: bool = False, trust_repo: Any = None, verbose: bool = True
) -> builtins.list[str]:
    """The names of a repository's functions that make models. A folder may stand for the repository."""
    return [name for name, made in vars(_hubconf(_found(github, force_reload))).items() if callable(made) and not name.startswith("_")]


def help(github: str, model: str, force_reload: bool = False, skip_validation: bool = False, trust_repo: Any = None) -> str | None:
    """The docstring of a repository's function. A folder may stand for the repository."""
    return _entry(_hubconf(_found(github, force_reload)), model).__doc__


def load(
    repo_or_dir: str,
    model: str,
    *args: Any,
    source: str = "github",
    trust_repo: Any = None,
    force_reload: bool = False,
    verbose: bool = True,
    skip_validation: bool = False,
    **kwargs: Any,
) -> Any:
    """What a repository's function returns when it is called with the rest of the arguments."""
    source = source.lower()
    if source not in ("github", "local"):
        raise ValueError(f'Unknown source: "{source}". Allowed values: "github" | "local".')
    folder = _found(repo_or_dir, force_reload) if source == "github" else repo_or_dir
    return _entry(_hubconf(folder), model)(*args, **kwargs)


def _found(github: str, force_reload: bool) -> str:
    """The folder of a repository: it is one, or PyTorch has downloaded it."""
    if os.path.isdir(github):
        return github
    name, _, ref = github.partition(":")
    owner, slash, repo = name.partition("/")
    if not slash:
        raise ValueError(f"hub: {github!r} is neither a folder nor a repository: it is written owner/name or owner/name:branch")
    names = [f"{owner}_{repo}_{each.replace('/', '_')}" for each in ([ref] if ref else ["main", "master"])]
    for each in names:
        if not force_reload and os.path.isdir(os.path.join(get_dir(), each)):
            return os.path.join(get_dir(), each)
    raise RuntimeError(
        f"hub: pedigrad downloads no code, and there is no folder {' or '.join(names)} in {get_dir()}:"
        f" git clone https://github.com/{owner}/{repo}, then torch.hub.load('{repo}', ..., source='local')"
    )


def _hubconf(folder: str) -> ModuleType:
    """The module in a repository's `hubconf.py`, which finds the repository's other modules while it is imported."""
    path = os.path.join(folder, MODULE_HUBCONF)
    if not os.path.exists(path):
        raise FileNotFoundError(f"hub: there is no {path}: a repository has functions that make models there")
    spec = importlib.util.spec_from_file_location(MODULE_HUBCONF, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, folder)
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(folder)
    needed = getattr(module, VAR_DEPENDENCY, None) or []
    missing = [each for each in needed if importlib.util.find_spec(each) is None]
    if missing:
        raise RuntimeError(f"Missing dependencies: {', '.join(missing)}")
    return module


def _entry(module: ModuleType, name: str) -> Callable[..., Any]:
    if not isinstance(name, str):
        raise ValueError(f"Invalid input: model should be a string of function name, got {name!r}")
    found = vars(module).get(name)
    if found is None or not callable(found):
        there = [each for each, made in vars(module).items() if callable(made) and not each.startswith("_")]
        raise RuntimeError(f"Cannot find callable {name} in hubconf; there are {', '.join(there)}")
    return found


def download_url_to_file(url: str, dst: str | os.PathLike[str], hash_prefix: str | None = None, progress: bool = True) -> None:
    """Copy what is at a URL into a file, which appears when it is complete and its SHA-256 begins with `hash_prefix`."""
    target = os.path.expanduser(os.fspath(dst))
    digest = hashlib.sha256()
    handle, part = tempfile.mkstemp(dir=os.path.dirname(target) or ".", suffix=".partial")
    try:
        with os.fdopen(handle, "wb") as file, _opened(url) as stream:
            while chunk := stream.read(READ_DATA_CHUNK):
                digest.update(chunk)
                file.write(chunk)
        if hash_prefix and not digest.hexdigest().startswith(hash_prefix):
            raise RuntimeError(f'invalid hash value (expected "{hash_prefix}", got "{digest.hexdigest()}"): {url} is not what was meant')
        os.replace(part, target)
    finally:
        Path(part).unlink(missing_ok=True)


def _opened(url: str) -> Any:
    try:
        return urlopen(Request(url, headers={"User-Agent": "pedigrad"}))
    except HTTPError as error:
        error.add_note(f"hub: the server of {url} answered with that")
        raise
    except URLError as error:
        error.add_note(f"hub: could not reach {url}: is this machine online? A file that you have is taken from a file:// URL")
        raise


def load_state_dict_from_url(
    url: str,
    model_dir: str | os.PathLike[str] | None = None,
    map_location: Any = None,
    progress: bool = True,
    check_hash: bool = False,
    file_name: str | None = None,
    weights_only: bool = False,
) -> dict[str, Any]:
    """What `torch.load` reads of a file at a URL, which is downloaded once, into `model_dir` or `checkpoints` in `get_dir()`.

    With `check_hash` the name of the file ends in -<first digits of its SHA-256>.
    """
    folder = os.path.join(get_dir(), "checkpoints") if model_dir is None else os.fspath(model_dir)
    os.makedirs(folder, exist_ok=True)
    name = file_name or os.path.basename(unquote(urlparse(url).path))
    kept = os.path.join(folder, name)
    if not os.path.exists(kept):
        found = HASH_REGEX.search(name) if check_hash else None
        sys.stderr.write(f'Downloading: "{url}" to {kept}\n')
        download_url_to_file(url, kept, found.group(1) if found else None, progress)
    return _read(kept, map_location=map_location, weights_only=weights_only)
