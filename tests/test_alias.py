"""Standing in for torch: in this process's children, and as a package in an environment."""

import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

import pedigrad
from pedigrad.alias import environment, shim

SOURCE = pathlib.Path(pedigrad.__file__).parents[1]
ASK = """
import importlib.metadata, importlib.util
import torch.nn.functional as F
from torch import nn
import torch, torch.nn.modules.loss, torch.backends
assert torch.__name__ == "torch" and torch.__package__ == "pedigrad" and isinstance(nn.ReLU(), torch.nn.Module) and F is nn.functional
assert importlib.util.find_spec("torch") is not None
assert torch.__version__ >= "2.0" and torch.__version__ == importlib.metadata.version("torch")
print(torch.__version__)
"""
TELL = f"{pedigrad.version.__version__}\n"


@pytest.fixture
def site(tmp_path):
    """A folder like the site-packages of an environment with pedigrad and NumPy in it, and no torch."""
    packages = pathlib.Path(np.__file__).parents[1]
    folder = tmp_path / "site"
    folder.mkdir()
    for each in packages.glob("numpy*"):
        (folder / each.name).symlink_to(each)
    (folder / "pedigrad").symlink_to(SOURCE / "pedigrad")
    return folder


def python(site, *arguments, cwd):
    """What Python prints that has nothing but `site` beside its own library."""
    command = [sys.executable, "-S", *arguments]
    surroundings = {**os.environ, "PYTHONPATH": str(site)}
    return subprocess.run(command, env=surroundings, capture_output=True, text=True, cwd=cwd, timeout=120)


def alias(site, action, cwd):
    return python(site, "-m", "pedigrad", "alias", action, "--site", str(site), cwd=cwd)


def test_install_and_remove(site, tmp_path):
    before = sorted(site.iterdir())
    assert "no torch" in alias(site, "status", tmp_path).stdout
    done = alias(site, "install", tmp_path)
    assert done.returncode == 0, done.stderr
    (tmp_path / "ask.py").write_text(ASK)
    asked = python(site, "ask.py", cwd=tmp_path)
    assert asked.stdout == TELL, asked.stderr
    assert "torch is pedigrad" in alias(site, "status", tmp_path).stdout
    assert alias(site, "install", tmp_path).returncode == 0  # again: the same
    assert python(site, "ask.py", cwd=tmp_path).stdout == TELL
    assert alias(site, "remove", tmp_path).returncode == 0
    assert sorted(site.iterdir()) == before
    assert "there is no alias" in alias(site, "remove", tmp_path).stdout
    assert "ModuleNotFoundError" in python(site, "ask.py", cwd=tmp_path).stderr


def test_remove_leaves_what_is_not_its_own(site, tmp_path):
    alias(site, "install", tmp_path)
    (site / "torch" / "notes.txt").write_text("mine")
    (site / shim.DIST_INFO / "RECORD").write_text("numpy/__init__.py,,\n../outside,,\ntorch/__init__.py,,\n")
    (tmp_path / "outside").write_text("kept")
    alias(site, "remove", tmp_path)
    assert (site / "torch" / "notes.txt").exists() and not (site / "torch" / "__init__.py").exists()
    assert (site / "numpy" / "__init__.py").exists() and (tmp_path / "outside").exists()


@pytest.mark.parametrize("kind", ["package", "distribution"])
def test_the_real_one_is_not_touched(site, tmp_path, kind):
    if kind == "package":
        shim.write(site, {"torch/__init__.py": "'''the real one'''\n"})
    else:
        shim.write(site, {"torch-2.12.0.dist-info/METADATA": "Name: torch\nVersion: 2.12.0\n", "torch-2.12.0.dist-info/INSTALLER": "pip\n"})
    before = sorted(site.rglob("torch*"))
    done = alias(site, "install", tmp_path)
    assert done.returncode == 1 and "torch is installed here" in done.stderr
    assert "PyTorch's own" in alias(site, "status", tmp_path).stdout
    alias(site, "remove", tmp_path)
    assert sorted(site.rglob("torch*")) == before


def test_what_an_older_version_put_there_is_replaced(tmp_path):
    old = "torch-2.12.0+pedigrad.0.0.9.dist-info"
    shim.write(tmp_path, {f"{old}/INSTALLER": "pedigrad\n", f"{old}/RECORD": f"{old}/RECORD,,\n{old}/INSTALLER,,\n"})
    assert [each.name for each in environment.installed(tmp_path)] == [old]
    environment.remove(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_without_pedigrad_it_says_what_to_do(site, tmp_path):
    alias(site, "install", tmp_path)
    (site / "pedigrad").unlink()
    failed = python(site, "-c", "import torch", cwd=tmp_path)
    assert "pip install pedigrad" in failed.stderr and "ImportError" in failed.stderr


def test_the_program_s_children_have_it_too(tmp_path):
    program = f"""
import multiprocessing, subprocess, sys
import torch

ASK = {ASK!r}

def child(queue):
    import torch
    queue.put(torch.__package__)

if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=child, args=(queue,))
    process.start()
    print(queue.get(timeout=60))
    process.join()
    print(subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, check=True).stdout, end="")
"""
    (tmp_path / "program.py").write_text(program)
    (tmp_path / "temporary").mkdir()
    surroundings = {**os.environ, "TMPDIR": str(tmp_path / "temporary")}
    command = [sys.executable, "-m", "pedigrad", "run", "program.py"]
    done = subprocess.run(command, cwd=tmp_path, env=surroundings, capture_output=True, text=True, timeout=120)
    assert done.stdout == "pedigrad\n" + TELL, done.stderr
    assert list((tmp_path / "temporary").glob("pedigrad-alias-*")) == []


def test_modules_are_attributes_and_attributes_are_modules():
    """What can be imported can be asked for without an import, and the reverse."""
    code = """
import importlib, pkgutil, sys, types
import pedigrad
pedigrad.install_as_torch()
import torch
found = [each.name for each in pkgutil.walk_packages(pedigrad.__path__, "pedigrad.")]
whole = {"backends", "cuda", "cpu", "distributed", "export", "fx", "jit", "onnx", "utils", "xpu"}
parts = {name: name.split(".") for name in found}
found = [name for name in found if len(parts[name]) == 2 or parts[name][1] in whole and "data" not in parts[name]]
found = [name for name in found if not pedigrad._INTERNAL & set(parts[name]) and "__main__" not in name]
for name in found:
    thing = torch
    for part in name.split(".")[1:]:
        thing = getattr(thing, part)
    assert importlib.import_module("torch" + name.removeprefix("pedigrad")) is importlib.import_module(name)
for owner in (torch, torch.nn, torch.optim, torch.autograd, torch.cuda, torch.backends):
    shown = owner.__name__.replace("pedigrad", "torch", 1)
    for name, thing in list(vars(owner).items()):
        ours = isinstance(thing, types.ModuleType) and thing.__name__.startswith("pedigrad")
        if ours and name[0] != "_" and name not in pedigrad._INTERNAL:
            assert importlib.import_module(f"{shown}.{name}").__name__ == thing.__name__, (shown, name)
print("fine")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "fine\n", done.stderr


def test_a_module_that_is_missing_is_named():
    code = "import pedigrad; pedigrad.install_as_torch(); import torch.nn.fonctional"
    failed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "pedigrad has no torch.nn.fonctional; the nearest it has is torch.nn.functional" in failed.stderr


def test_a_module_that_fails_to_import_keeps_its_error(tmp_path):
    code = "import sys, pedigrad; sys.modules['numpy.polynomial'] = None; pedigrad.install_as_torch(); import torch.nn; print('fine')"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "fine\n"


def test_tensors_name_the_namespace_of_the_array_api():
    code = """
import sys, pedigrad
import sklearn.externals.array_api_compat as compat
x = pedigrad.ones(3)
for missing in (RuntimeError, ImportError, None):
    try:
        namespace = x.__array_namespace__()
    except Exception as error:
        assert type(error) is missing, error
    pedigrad.install_as_torch()
    if missing is ImportError:
        import sklearn.externals.array_api_compat.torch as functions
        sys.modules["array_api_compat"], sys.modules["array_api_compat.torch"] = compat, functions
assert namespace is functions is x.__array_namespace__(api_version=functions.__array_api_version__)
try:
    x.__array_namespace__(api_version="1999.12")
except ValueError as error:
    print(error)
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "not '1999.12'" in ended.stdout, ended.stderr


def test_to_device_is_to():
    x = pedigrad.ones(3)
    assert x.to_device("cpu") is x and x.to_device("meta").is_meta
    with pytest.raises(ValueError, match="stream must be None, not 1"):
        x.to_device("cpu", stream=1)
