"""Models from folders, weights from files."""

import hashlib
import os

import pytest

import pedigrad as torch

HUBCONF = '''
dependencies = ["numpy"]
import layers_of_this_repository as layers
from pedigrad import nn as _nn


def small(width=2):
    """A small model."""
    return layers.make(width)
'''


@pytest.fixture
def repository(tmp_path):
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "hubconf.py").write_text(HUBCONF)
    (folder / "layers_of_this_repository.py").write_text("import pedigrad\ndef make(n):\n    return pedigrad.nn.Linear(n, n)\n")
    return str(folder)


@pytest.fixture
def hub(tmp_path):
    before = torch.hub._folder
    torch.hub.set_dir(tmp_path / "kept")
    yield torch.hub
    torch.hub._folder = before


def test_a_folder(repository, hub):
    assert hub.list(repository) == ["small"]
    assert hub.help(repository, "small") == "A small model."
    assert hub.load(repository, "small", source="local", width=3).weight.shape == (3, 3)
    with pytest.raises(RuntimeError, match="Cannot find callable large in hubconf; there are small"):
        hub.load(repository, "large", source="local")
    with pytest.raises(FileNotFoundError, match="hubconf"):
        hub.load(repository + "/none", "small", source="local")
    with pytest.raises(ValueError, match="Unknown source"):
        hub.load(repository, "small", source="else")


def test_what_it_needs(repository, hub):
    with open(os.path.join(repository, "hubconf.py"), "a") as file:
        file.write("dependencies = ['a_package_that_nobody_has']\n")
    with pytest.raises(RuntimeError, match="Missing dependencies: a_package_that_nobody_has"):
        hub.list(repository)


def test_a_repository_that_was_downloaded(repository, hub, tmp_path):
    (tmp_path / "kept").mkdir()
    os.rename(repository, tmp_path / "kept" / "someone_models_main")
    assert hub.list("someone/models") == ["small"]
    with pytest.raises(RuntimeError, match=r"git clone https://github.com/someone/models"):
        hub.list("someone/models:v2")
    with pytest.raises(ValueError, match="owner/name"):
        hub.load("models", "small")


def test_the_folder(monkeypatch):
    monkeypatch.setattr(torch.hub, "_folder", None)
    monkeypatch.setenv("TORCH_HOME", "/somewhere")
    assert torch.hub.get_dir() == os.path.join("/somewhere", "hub")
    monkeypatch.delenv("TORCH_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert torch.hub.get_dir() == os.path.join("/caches", "torch", "hub")


def test_downloads(hub, tmp_path):
    source, target = tmp_path / "weights.bin", tmp_path / "copy.bin"
    source.write_bytes(b"x" * 300_000)
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    hub.download_url_to_file(source.as_uri(), target, digest[:8], progress=False)
    assert target.read_bytes() == source.read_bytes()
    target.unlink()
    with pytest.raises(RuntimeError, match="invalid hash value"):
        hub.download_url_to_file(source.as_uri(), target, "0123")
    assert not target.exists() and not list(tmp_path.glob("*.partial"))
    with pytest.raises(OSError, match="No such file") as raised:
        hub.download_url_to_file((tmp_path / "none").as_uri(), target)
    assert "file:// URL" in raised.value.__notes__[0]


def test_weights(hub, tmp_path, monkeypatch, capsys):
    source = tmp_path / "net-abc.bin"
    source.write_bytes(b"weights")
    loaded = []
    monkeypatch.setattr(torch.hub, "_read", lambda path, **options: loaded.append((path, options)) or {"w": 1})
    for _ in range(2):
        assert hub.load_state_dict_from_url(source.as_uri(), map_location="cpu", weights_only=True) == {"w": 1}
    kept = os.path.join(hub.get_dir(), "checkpoints", "net-abc.bin")
    assert loaded == [(kept, {"map_location": "cpu", "weights_only": True})] * 2
    assert capsys.readouterr().err.count("Downloading") == 1
    with pytest.raises(RuntimeError, match="invalid hash"):
        hub.load_state_dict_from_url(source.as_uri(), model_dir=tmp_path / "other", check_hash=True)
