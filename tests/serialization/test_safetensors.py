"""safetensors: the bytes of the format, conversion, errors."""

import json

import pytest

import pedigrad as torch
from pedigrad.cli import main
from pedigrad.serialization import safetensors

DTYPES = [each for each in torch.core.dtypes.ALL if each.name in safetensors.CODES]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_all_dtypes(dtype):
    tensors = {"a": torch.ones(2, 3, dtype=dtype), "b": torch.zeros((), dtype=dtype), "c": torch.ones(0, 2, dtype=dtype)}
    tensors["t"] = tensors["a"].t()
    found = safetensors.load(safetensors.save(tensors))
    assert list(found) == ["a", "b", "c", "t"]
    for name, each in tensors.items():
        assert found[name].dtype is dtype and found[name].shape == each.shape and bool((found[name] == each).all())


def test_bytes():
    data = safetensors.save({"b": torch.tensor([1.0]), "a": torch.tensor([2], dtype=torch.int64)}, {"format": "pt"})
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    assert size % 8 == 0 and len(data) == 8 + size + 12
    assert header == {
        "__metadata__": {"format": "pt"},
        "a": {"dtype": "I64", "shape": [1], "data_offsets": [0, 8]},
        "b": {"dtype": "F32", "shape": [1], "data_offsets": [8, 12]},
    }


def test_what_it_cannot_hold(tmp_path):
    for wrong in ({"a": 1}, {1: torch.ones(1)}, {"a": torch.ones(1, dtype=torch.complex128)}):
        with pytest.raises(ValueError):
            safetensors.save(wrong)
    (tmp_path / "empty.safetensors").touch()
    with pytest.raises(RuntimeError, match="empty"):
        safetensors.load_file(tmp_path / "empty.safetensors")


def test_convert(tmp_path, capsys):
    model = torch.nn.Linear(2, 3)
    first, between, last = (str(tmp_path / name) for name in ("a.pt", "a.safetensors", "b.pt"))
    torch.save({"epoch": 3, "state_dict": model.state_dict()}, first)
    assert main(["convert", first, between]) == 0 and main(["convert", between, last]) == 0
    assert "2 tensors" in capsys.readouterr().out
    other = torch.nn.Linear(2, 3)
    other.load_state_dict(torch.load(last))
    assert torch.equal(other.weight, model.weight)
    torch.save([1], first)
    with pytest.raises(SystemExit):
        main(["convert", first, between])
    assert "state dict" in capsys.readouterr().err
