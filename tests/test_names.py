"""What the public modules list, and what is said of names that are not there."""

import importlib

import pytest

import pedigrad as torch
from pedigrad.core import absent

MODULES = ["nn", "nn.functional", "nn.init", "nn.utils", "nn.utils.rnn", "linalg", "special", "optim", "optim.lr_scheduler", "autograd"]


def test_the_package_lists_its_submodules_before_they_are_imported():
    assert {"nn", "optim", "compile", "linalg", "special", "utils"} <= set(dir(torch))


def test_the_package_does_not_list_its_own_parts():
    listed = set(dir(torch))
    assert listed.isdisjoint(torch._INTERNAL) and listed.isdisjoint({"copies", "repr", "threads", "creation", "mark_internal"})


def test_what_the_package_lists_is_there():
    assert [name for name in dir(torch) if not hasattr(torch, name)] == []


@pytest.mark.parametrize("name", MODULES)
def test_a_module_lists_what_it_exports(name):
    module = importlib.import_module(f"pedigrad.{name}")
    assert {each for each in dir(module) if not each.startswith("__")} == set(module.__all__)


@pytest.mark.parametrize("name", ["", *MODULES])
def test_a_missing_name_is_an_attribute_error_that_names_it(name):
    module = importlib.import_module(f"pedigrad.{name}".rstrip("."))
    path = f"torch.{name}.".replace("..", ".")
    with pytest.raises(AttributeError, match=f"pedigrad has no {path}wholly_unknown"):
        _ = module.wholly_unknown


@pytest.mark.parametrize(
    "path, known, meant",
    [
        ("torch.arrange", ["arange", "range"], "torch.arange"),
        ("torch.nn.linear", ["Linear", "Bilinear"], "torch.nn.Linear"),
        ("torch.nn.functional.sotfmax", ["softmax", "softmin"], "torch.nn.functional.softmax"),
    ],
)
def test_a_typing_error_is_told_with_what_was_meant(path, known, meant):
    assert absent.message(path, known).endswith(f"the nearest it has is {meant}")


def test_names_that_are_no_typing_errors_get_no_nearest_one():
    assert absent.likely("save", ["ravel", "stack", "saves_all"]) is None
    assert "nearest" not in absent.message("torch.wholly_unknown", dir(torch))


def test_a_family_that_is_not_there_is_told_with_what_to_do_meanwhile():
    assert (
        absent.message("torch.quantized_lstm_cell", [])
        == "pedigrad has no torch.quantized_lstm_cell: tensors of 8 bits and quantized models are in torch.ao.quantization;"
        " the others are not there"
    )
