"""The public modules list what PyTorch's list, and nothing else."""

import inspect
import pathlib
import subprocess
import sys
import types

import pytest

torch = pytest.importorskip("torch")

from bridge import named  # noqa: E402

import pedigrad  # noqa: E402

MODULES = ["nn", "nn.functional", "nn.init", "nn.utils", "linalg", "special", "optim", "optim.lr_scheduler", "autograd"]
OWN = {
    "": {"install_as_torch", "family", "memory", "summary", "watch", "onnx"},  # PyTorch's `torch.onnx` is there once it was imported
    "Tensor": {"family", "names", "alias", "to_device"},  # `to_device` is what the array API calls `to`
    "autograd": {"Node", "grad_enabled", "why"},
    "nn.utils": {"prune"},  # in PyTorch once it was imported
}


def public(where):
    return {name for name in dir(where) if not name.startswith("_")}


def both(module):
    return (named(torch, module), named(pedigrad, module)) if module else (torch, pedigrad)


@pytest.mark.parametrize("module", ["", "Tensor", *MODULES])
def test_what_is_listed_is_pytorchs(module):
    theirs, ours = both(module)
    assert sorted(public(ours) - set(dir(theirs)) - OWN.get(module, set())) == []


@pytest.mark.parametrize("module", ["", "Tensor", *MODULES])
def test_what_is_pytorchs_and_here_is_listed(module):
    theirs, ours = both(module)
    there = {name for name in public(theirs) - public(ours) if hasattr(ours, name)}
    foreign = {name for name in there if inspect.ismodule(getattr(theirs, name)) or not _is_torchs(getattr(theirs, name))}
    assert sorted(there - foreign) == []


def _is_torchs(value):
    module = value.__name__ if isinstance(value, types.ModuleType) else getattr(value, "__module__", None) or ""
    return str(module).startswith("torch")


def test_all_missing_names_are_listed_in_the_documentation():
    script = pathlib.Path(__file__).parents[2] / "scripts" / "missing.py"
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"run python scripts/missing.py:\n{done.stdout}{done.stderr}"
