"""`pedigrad convert`: files of weights from PyTorch's format into safetensors, and back."""

from __future__ import annotations

import os
from typing import Any

from ..core.tensor import Tensor
from . import safetensors
from .loading import load
from .saving import save


def convert(source: str, target: str) -> str:
    """Write the tensors of the file `source` to `target`, and return what was done; the endings of the names say which format each has."""
    tensors: Any
    if source.endswith(".safetensors"):
        tensors, metadata = safetensors.load_with_metadata(source)
    else:
        tensors, metadata = _state_of(load(source, map_location="cpu"), source), {"format": "pt"}
    if target.endswith(".safetensors"):
        safetensors.save_file(tensors, target, metadata or None)
    else:
        save(tensors, target)
    return f"{target}: {len(tensors)} tensors, {os.path.getsize(target):,} bytes"


def _state_of(found: Any, source: str) -> dict[str, Tensor]:
    """The tensors by name in what a file held: a state dict, or a checkpoint with one in it."""
    if isinstance(found, dict):
        for key in ("state_dict", "model_state_dict", "model"):
            if isinstance(found.get(key), dict):
                found = found[key]
    if not isinstance(found, dict) or not found:
        raise ValueError(f"{source} holds {type(found).__name__}, not a state dict: save model.state_dict() and convert that")
    wrong = [name for name, each in found.items() if not isinstance(name, str) or not isinstance(each, Tensor)]
    if wrong:
        shown = ", ".join(repr(name) for name in wrong[:3])
        raise ValueError(f"{source} holds more than tensors under names ({shown}): save model.state_dict() and convert that")
    return dict(found)
