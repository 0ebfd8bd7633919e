"""The version: as PyTorch's it compares by numbers, as our own it is the distribution's."""

import pathlib
import subprocess
import sys

import pytest

import pedigrad
from pedigrad.version import TorchVersion, __version__, own_version


@pytest.mark.parametrize("older", ["2.0", "1.13.1", "2.13.0rc1", "2.13.0", (1, 8), [2], ("2", "9")])
def test_it_is_newer(older):
    assert TorchVersion("2.13.0+cpu") > older
    assert TorchVersion("2.13.0+cpu") >= older
    assert not TorchVersion("2.13.0+cpu") < older


@pytest.mark.parametrize("newer", ["2.14", "3", "2.13.1.dev20260101", "2.13.0.post1", (2, 14), "10"])
def test_it_is_older(newer):
    assert TorchVersion("2.13.0") < newer
    assert not TorchVersion("2.13.0") >= newer


def test_it_is_a_string():
    assert __version__ == f"2.13.0+pedigrad.{own_version}"
    assert isinstance(__version__, str) and __version__.split("+")[0] == "2.13.0"
    assert TorchVersion("2.1") == "2.1.0" and hash(TorchVersion("2.1")) == hash("2.1")
    with pytest.raises(TypeError):
        assert TorchVersion("2.1") < 3.0


def test_it_is_the_distribution_s():
    text = (pathlib.Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8")
    assert f'version = "{own_version}"' in text
    assert pedigrad.torch_version.TorchVersion is TorchVersion


def test_the_command_prints_it():
    run = subprocess.run([sys.executable, "-m", "pedigrad", "--version"], capture_output=True, text=True, check=True)
    assert run.stdout == f"pedigrad {own_version} (as torch: {__version__})\n"


def test_the_environment_is_told(tmp_path):
    run = subprocess.run([sys.executable, "-m", "pedigrad", "env"], capture_output=True, text=True, check=True)
    told = dict(line.split("  ", 1) for line in run.stdout.splitlines())
    assert {"pedigrad", "Python", "numpy", "scipy", "llvmlite", "ml_dtypes", "processor", "vectors", "caches", "threads"} <= set(told)
    assert "compiled code" in told and str(pedigrad.__path__[0]) in told["at"]
