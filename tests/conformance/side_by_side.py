"""A program that tells values: run on PyTorch and on pedigrad after the same seed, it must tell the same."""

import warnings

import numpy as np
import torch as reference

import pedigrad


class Told(list):
    """What a program has told."""

    def __init__(self, library):
        super().__init__()
        self.library = library

    def __call__(self, *values):
        self.extend(plain(self.library, value) for value in values)

    def error(self, call, *args, **kwargs):
        """Tell the type of the error that a call raises, or that it raises none."""
        try:
            call(*args, **kwargs)
        except Exception as error:
            self.append(f"raises {type(error).__name__}")
        else:
            self.append("no error")


def plain(library, value):
    if isinstance(value, library.Tensor):
        value = value.detach()
        name = str(value.dtype).removeprefix("torch.")
        return name, (value.float() if name == "bfloat16" else value).numpy()
    if isinstance(value, dict):
        return {key: plain(library, each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(library, each) for each in value]
    if isinstance(value, (str, int, float, bool, type(None))):
        return value
    return str(value)


def told(library, program):
    library.manual_seed(0)
    told = Told(library)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program(library, told)
    return told


def differences(theirs, ours, where, tolerance):
    if isinstance(theirs, tuple) and isinstance(ours, tuple):
        if theirs[0] != ours[0]:
            return [f"{where}: {theirs[0]} in PyTorch, {ours[0]} here"]
        if theirs[1].shape != ours[1].shape:
            return [f"{where}: shape {theirs[1].shape} in PyTorch, {ours[1].shape} here"]
        if not np.allclose(theirs[1], ours[1], *tolerance, equal_nan=True):
            return [f"{where}: {theirs[1]} in PyTorch, {ours[1]} here"]
        return []
    if isinstance(theirs, float) and isinstance(ours, float):
        return [] if np.allclose(theirs, ours, *tolerance, equal_nan=True) else [f"{where}: {theirs} in PyTorch, {ours} here"]
    if isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
        pairs = enumerate(zip(theirs, ours, strict=True))
        return [each for i, (a, b) in pairs for each in differences(a, b, f"{where}[{i}]", tolerance)]
    if isinstance(theirs, dict) and isinstance(ours, dict) and list(theirs) == list(ours):
        return [each for key in theirs for each in differences(theirs[key], ours[key], f"{where}[{key!r}]", tolerance)]
    return [] if theirs == ours else [f"{where}: {theirs!r} in PyTorch, {ours!r} here"]


def agree(program, tolerance=(1e-4, 1e-5)):
    """AssertionError unless `program(library, tell)` tells the same of both libraries."""
    found = differences(list(told(reference, program)), list(told(pedigrad, program)), program.__name__, tolerance)
    assert not found, "\n".join(found)
